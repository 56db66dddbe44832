from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from sweeps.directions import Array
from sweeps.halving import Cohort, best_left, quota, worst_violations


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
    assert best_left(cohort([[2], [1], [3]])) == 11
    assert best_left(cohort([[2], [1], [3]], promoted=[1])) == 10
    assert best_left(cohort([[2], [1]], promoted=[0, 1])) is None


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


def test_order_of_measuring_decides_nothing() -> None:
    # few values, so that many are equal
    losses = np.random.default_rng(5).integers(0, 3, (12, 3)).astype(float)
    as_measured, shuffled = cohort(losses.tolist()), np.random.default_rng(6).permutation(12)
    otherwise = Cohort(*(values[shuffled] for values in vars(as_measured).values()))
    assert order(otherwise) == order(as_measured)
    assert order(cohort([[1, 1], [1, 1], [1, 1]])) == [10, 11, 12]


def test_losses_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="without finite losses"):
        cohort([[float("nan")]])


def test_gates_are_compared_in_multiples_of_their_bounds() -> None:
    # ratio <= 0.01 missed by 0.06, f1 >= 72 missed by 0.5
    missed = np.array([[0.06, -3.0], [-0.005, 0.5], [-0.005, 12.0]])
    np.testing.assert_allclose(worst_violations(missed, np.array([0.01, -72.0])), [6.0, 0.5 / 72, 12 / 72])


def test_gates_without_a_bound_that_is_known_are_compared_in_multiples_of_their_spread() -> None:
    missed = np.array([[0.06, -3.0], [-0.04, 0.5], [0.0, 12.0]])
    np.testing.assert_allclose(worst_violations(missed, np.array([0.0, np.nan])), [0.6, 0.5 / 15, 0.8])


def test_gate_that_is_missed_infinitely_is_missed_most() -> None:
    found = worst_violations(np.array([[np.inf], [5.0], [1.0]]), np.zeros(1))
    assert found.argsort().tolist() == [2, 1, 0]


NUMBERS = st.floats(allow_nan=False)


@given(
    missed=arrays(float, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5), elements=NUMBERS),
    data=st.data(),
)
def test_unit_of_a_gate_changes_nothing_in_whether_it_holds(missed: Array, data: st.DataObject) -> None:
    bounds = data.draw(arrays(float, missed.shape[1], elements=st.floats(1e-9, 1e9) | st.just(0.0) | st.just(np.nan)))
    missed = np.where(np.abs(missed) < 1e-100, 0.0, missed)
    found = worst_violations(missed, bounds)
    assert ((found <= 0) == (missed <= 0).all(axis=1)).all()


@given(
    losses=arrays(float, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.floats(-1e100, 1e100)),
    data=st.data(),
)
def test_all_go_on_in_some_order_whatever_they_measured(losses: Array, data: st.DataObject) -> None:
    violations = data.draw(arrays(float, len(losses), elements=NUMBERS))
    found = order(cohort(losses.tolist(), violations.tolist()))
    assert sorted(found) == list(range(10, 10 + len(losses)))
    feasible = violations <= 0
    assert all(feasible[[n - 10 for n in found[: feasible.sum()]]])
