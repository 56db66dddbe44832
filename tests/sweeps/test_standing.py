from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from optuna.study._multi_objective import _fast_non_domination_rank

from sweeps.front import layers, nondominated
from sweeps.results import Front, Result, find_front
from sweeps.standing import COLORS, kind, ranks, tags
from tests.sweeps.made import OBJECTIVES, result

BEST, SECOND, MISSES = result(0, 80.0, 0.01), result(1, 60.0, 0.02), result(2, 90.0, 0.001, violation=1.0)
STOPPED = replace(result(3, 50.0, 0.05), state="stopped", rung=1)
ALL = (BEST, SECOND, MISSES, STOPPED)


@pytest.fixture
def front() -> Front:
    return find_front(ALL, OBJECTIVES)


def test_layers_are_the_front_then_the_front_of_the_rest() -> None:
    points = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [2.0, 2.0], [np.nan, 0.0], [0.0, 1.0]])
    assert layers(points, 100).tolist() == [1, 1, 2, 3, 0, 1]
    assert layers(points, 4).tolist() == [1, 1, 2, 0, 0, 1]


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_layers_are_those_of_optuna(objectives: int) -> None:
    points = np.random.default_rng(objectives).integers(0, 6, (200, objectives)).astype(float)
    found = layers(points, 200)
    assert (found == _fast_non_domination_rank(points) + 1).all()
    assert ((found == 1) == nondominated(points)).all()


@pytest.mark.parametrize(
    ("trial", "expected"),
    [(BEST, "front"), (SECOND, "feasible"), (MISSES, "infeasible"), (STOPPED, "stopped"), (result(None, 0, 0), "base")],
)
def test_colour_says_how_a_trial_stands(front: Front, trial: Result, expected: str) -> None:
    assert kind(trial, front) == expected
    assert tags(trial, front, None)["mlflow.runColor"] == COLORS[expected]


def test_trial_that_stopped_at_a_rung_on_the_front_is_shown_as_of_the_front() -> None:
    alone = find_front([STOPPED], OBJECTIVES)
    assert kind(STOPPED, alone) == "front"


def test_trial_on_the_front_by_an_earlier_rung_only_is_told_apart_from_what_is_shown_of_it() -> None:
    earlier = replace(BEST, state="stopped", rung=1)
    last = replace(BEST, values=MISSES.values, violations=MISSES.violations, rung=3)
    found = tags(last, find_front([earlier, last], OBJECTIVES), 1)
    assert (found["mlflow.runColor"], found["pareto"], found["feasible"]) == (COLORS["earlier"], "true", "false")
    assert found["front"] == "trial-0000@1"


def test_trial_that_misses_a_gate_is_said_to_wherever_it_stopped(front: Front) -> None:
    assert kind(replace(MISSES, state="stopped", rung=1), front) == "infeasible"


def test_trial_has_the_best_rank_of_its_rungs_and_none_where_it_misses_a_gate() -> None:
    again = replace(BEST, values=STOPPED.values, rung=1)
    assert ranks([*ALL, again], OBJECTIVES) == {0: 1, 1: 2, 3: 3}


def test_ranks_sort_as_text(front: Front) -> None:
    texts = [tags(BEST, front, rank)["rank"] for rank in (1, 2, 10, 999, None)]
    assert [tags(result(None, 0, 0), front, None)["rank"], *texts] == ["0000", *sorted(texts)]


def test_better_trial_changes_the_ranks_of_a_hundred_at_most() -> None:
    many = [result(number, float(number), 0.01) for number in range(500)]
    assert ranks(many, OBJECTIVES) == {499 - i: i + 1 for i in range(100)}


def test_nothing_measured_has_no_rank() -> None:
    assert ranks([], OBJECTIVES) == {}
