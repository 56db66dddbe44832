from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sweeps.results import find_front
from sweeps.selection import SelectionError, listing, select
from tests.sweeps.made import OBJECTIVES, result

RESULTS = (
    result(0, 40.0, 0.01),
    result(1, 60.0, 0.02),
    result(2, 62.0, 0.30),
    result(3, 99.0, 0.01, violation=3.0),
    result(4, 0.0, 0.0, state="failed"),
)


def sweep(results: tuple[Any, ...] = RESULTS) -> Any:
    return SimpleNamespace(
        measured=tuple(r for r in results if r.values),
        front=find_front(results, OBJECTIVES),
        config=SimpleNamespace(objectives=OBJECTIVES),
        stores=SimpleNamespace(root=Path("mlruns")),
    )


def test_knee_is_the_fronts_knee() -> None:
    assert select("knee", sweep()).number == 1


def test_best_by_an_objective_goes_in_its_direction() -> None:
    assert select("best:math_accuracy", sweep()).number == 2
    assert select("best:ratio", sweep()).number == 0


def test_best_by_a_formula_is_the_highest() -> None:
    assert select("best:score", sweep()).number == 1


def test_trial_may_be_one_that_misses_a_gate() -> None:
    assert select("trial:3", sweep()).number == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("best", "expected knee, best:METRIC, trial:N or trial:N@RUNG"),
        ("trial:x", "expected knee, best:METRIC, trial:N or trial:N@RUNG"),
        (f"trial:{'9' * 5000}", "expected knee, best:METRIC, trial:N or trial:N@RUNG"),
        ("best:f2", "f2 was not measured; expected one of math_accuracy, ratio, score"),
        ("trial:4", "was not measured; measured are: trial-0000, trial-0001, trial-0002, trial-0003"),
        ("trial:17", "was not measured"),
        ("trial:1@3", "trial:1@3: was not measured"),
    ],
)
def test_what_selects_nothing_is_said(text: str, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        select(text, sweep())


def numbers(metric: str | None) -> list[int | None]:
    return [r.number for r in listing(RESULTS, metric, sweep())[0]]


def test_listing_has_the_best_first_and_last_what_was_not_measured() -> None:
    assert numbers(None) == [0, 1, 2, 3, 4]
    assert numbers("math_accuracy") == [3, 2, 1, 0, 4]
    assert numbers("ratio") == [0, 3, 1, 2, 4]
    assert numbers("score") == [3, 1, 0, 2, 4]


def test_listing_puts_a_value_that_is_no_number_last() -> None:
    unknown = replace(RESULTS[1], values={"math_accuracy": 60.0, "ratio": 0.02, "score": math.nan})
    results = (RESULTS[0], unknown, RESULTS[2])
    assert [r.number for r in listing(results, "score", sweep(results))[0]] == [0, 2, 1]


def test_listing_shows_a_metric_that_is_no_objective_beside_them() -> None:
    shown = [(o.metric, o.direction) for o in listing(RESULTS, "score", sweep())[1]]
    assert shown == [("math_accuracy", "maximize"), ("ratio", "minimize"), ("score", "maximize")]
    assert listing(RESULTS, "ratio", sweep())[1] == OBJECTIVES


def test_listing_by_a_metric_that_nothing_has_is_refused() -> None:
    with pytest.raises(SelectionError, match="--sort f2: f2 was not measured; expected one of math_accuracy, ratio, s"):
        listing(RESULTS, "f2", sweep())


def test_knee_of_a_sweep_without_a_feasible_trial_is_said() -> None:
    with pytest.raises(SelectionError, match="holds all gates yet"):
        select("knee", sweep(RESULTS[3:]))


def test_trial_is_taken_at_the_last_rung_that_it_reached_or_at_the_one_that_is_named() -> None:
    below = replace(result(7, 50.0, 0.01), state="stopped", rung=1)
    above = replace(result(7, 55.0, 0.01), rung=3)
    assert select("trial:7", sweep((below, above))) is above
    assert select("trial:7@1", sweep((below, above))) is below
