from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from sweeps.halving import Cohort, best_left, next_promotion, quota


def cohort(losses: Sequence[Sequence[float]], violations: Sequence[float] = (), promoted: Sequence[int] = ()) -> Cohort:
    """Trials 10, 11, ... in the order of ``losses``."""
    count = len(losses)
    return Cohort(
        trials=np.arange(10, 10 + count),
        losses=np.array(losses, float),
        violations=np.array(violations if violations else [-1.0] * count),
        promoted=np.isin(np.arange(count), promoted),
    )


def order(there: Cohort) -> list[int]:
    """All trials in the order in which they would go on."""
    found: list[int] = []
    while (trial := best_left(there)) is not None:
        found.append(trial)
        there = Cohort(there.trials, there.losses, there.violations, there.promoted | (there.trials == trial))
    return found


def test_one_of_eta_goes_on() -> None:
    assert [quota(n, 3) for n in (0, 2, 3, 8, 9)] == [0, 0, 1, 2, 3]
    assert next_promotion(cohort([[1], [2]]), 3) is None
    assert next_promotion(cohort([[2], [1], [3]]), 3) == 11
    assert next_promotion(cohort([[2], [1], [3]], promoted=[1]), 3) is None


def test_with_one_objective_the_better_goes_first() -> None:
    assert order(cohort([[3], [1], [2]])) == [11, 12, 10]


def test_what_misses_a_gate_comes_after_all_that_hold_them_by_how_far_it_misses() -> None:
    assert order(cohort([[1], [9], [2], [3]], violations=[5.0, 0.0, 0.1, 0.1])) == [11, 12, 13, 10]


def test_dominated_trials_come_after_those_that_dominate_them() -> None:
    assert set(order(cohort([[1, 5], [5, 1], [2, 6], [6, 6]]))[:2]) == {10, 11}


def test_within_the_front_what_lies_apart_comes_before_the_neighbour_of_one_that_went_on() -> None:
    there = cohort([[0.5, 0.5], [0.48, 0.53], [0.0, 1.0], [1.0, 0.0]], promoted=[0])
    assert order(there)[-1] == 11


def test_unit_of_an_objective_does_not_matter() -> None:
    losses = np.random.default_rng(3).random((12, 3))
    assert order(cohort(losses.tolist())) == order(cohort((losses * [1e6, 1, 1e-6] + [5, -2, 0]).tolist()))


def test_equal_trials_go_on_in_their_order() -> None:
    assert order(cohort([[1, 1], [1, 1], [1, 1]])) == [10, 11, 12]


def test_losses_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="without finite losses"):
        cohort([[float("nan")]])
