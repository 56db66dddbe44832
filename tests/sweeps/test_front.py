from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.study._multi_objective import _is_pareto_front

from sweeps.front import knee, losses, nondominated

POINTS = st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=30)


def test_columns_to_be_maximized_change_sign() -> None:
    assert losses([[1.0, 2.0], [3.0, 4.0]], (True, False)).tolist() == [[-1.0, 2.0], [-3.0, 4.0]]


def test_dominated_point_is_not_marked() -> None:
    assert nondominated(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])).tolist() == [True, True, False]


def test_equal_points_are_both_on_the_front() -> None:
    assert nondominated(np.array([[0.0, 0.0], [0.0, 0.0]])).tolist() == [True, True]


def test_point_with_nan_is_never_on_the_front_and_dominates_nothing() -> None:
    assert nondominated(np.array([[np.nan, 0.0], [1.0, 1.0]])).tolist() == [False, True]


@given(POINTS)
def test_front_is_that_of_optuna(points: list[tuple[int, int, int]]) -> None:
    array = np.array(points, dtype=float)
    assert nondominated(array).tolist() == _is_pareto_front(array, assume_unique_lexsorted=False).tolist()


def test_knee_gains_most_in_all_objectives_together() -> None:
    # gains over the worst that was tried: (1, .1), (.8, .8), (.1, 1)
    front = np.array([[0.0, 90.0], [2.0, 20.0], [9.0, 0.0]])
    assert knee(front, np.vstack([front, [[10.0, 100.0]]])) == 1


def test_point_that_is_worst_in_one_objective_is_not_the_knee() -> None:
    front = np.array([[0.0, 0.0, 10.0], [9.0, 9.0, 9.0]])
    assert knee(front, np.vstack([front, [[10.0, 10.0, 10.0]]])) == 1


@given(POINTS, st.tuples(*[st.integers(1, 9)] * 3))
def test_units_do_not_move_the_knee(points: list[tuple[int, int, int]], units: tuple[int, int, int]) -> None:
    tried = np.array(points, dtype=float)
    front = tried[nondominated(tried)]
    # powers of two: the same digits in any unit
    scale = 2.0 ** np.array(units)
    assert knee(front, tried) == knee(front * scale, tried * scale)


def test_objective_in_which_all_are_equal_does_not_count() -> None:
    front = np.array([[1.0, 5.0], [0.0, 5.0]])
    assert knee(front, front) == 1


def test_empty_front_has_no_knee() -> None:
    with pytest.raises(ValueError, match="empty front"):
        knee(np.empty((0, 2)), np.empty((0, 2)))
