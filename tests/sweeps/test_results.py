from __future__ import annotations

from sweeps.results import find_front
from tests.sweeps.made import OBJECTIVES, result


def test_trial_that_misses_a_gate_is_not_on_the_front() -> None:
    good, missing = result(0, 40.0, 0.02), result(1, 90.0, 0.01, violation=0.5)
    assert find_front([good, missing], OBJECTIVES).results == (good,)


def test_gate_that_is_just_reached_holds() -> None:
    assert result(0, 40.0, 0.02, violation=0.0).feasible


def test_failed_trial_is_not_on_the_front() -> None:
    assert find_front([result(0, 0.0, 0.0, state="failed")], OBJECTIVES).results == ()


def test_front_begins_with_the_best_by_the_first_objective() -> None:
    found = find_front([result(0, 40.0, 0.01), result(1, 60.0, 0.02), result(2, 30.0, 0.03)], OBJECTIVES)
    assert [r.number for r in found.results] == [1, 0]


def test_front_of_nothing_has_no_knee() -> None:
    assert find_front([], OBJECTIVES).knee is None
