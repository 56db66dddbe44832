from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sweeps.results import find_front
from sweeps.selection import SelectionError, select
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
        results=results,
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
        ("best", "expected knee, best:METRIC or trial:N"),
        ("trial:x", "expected knee, best:METRIC or trial:N"),
        ("best:f2", "f2 was not measured; expected one of math_accuracy, ratio, score"),
        ("trial:4", "not a complete trial; complete are: 0, 1, 2, 3"),
        ("trial:17", "not a complete trial"),
    ],
)
def test_what_selects_nothing_is_said(text: str, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        select(text, sweep())


def test_knee_of_a_sweep_without_a_feasible_trial_is_said() -> None:
    with pytest.raises(SelectionError, match="holds all gates yet"):
        select("knee", sweep(RESULTS[3:]))
