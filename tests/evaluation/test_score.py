from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.score import Score, score


def test_value_is_the_mean_over_the_items() -> None:
    found = score([0, 50, 100, 30])
    assert (found.value, found.items) == (45.0, 4)


def test_interval_of_shares_is_wilsons() -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 1998, table I: 81/263
    found = score([100.0] * 81 + [0.0] * 182)
    assert (round(found.low, 2), round(found.high, 2)) == (25.53, 36.62)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"), [(15, 148, 6.24, 16.05), (0, 20, 0.0, 16.11), (1, 29, 0.61, 17.18)]
)
def test_interval_of_small_shares_is_wilsons(right: int, n: int, low: float, high: float) -> None:
    # the same table
    found = score([100.0] * right + [0.0] * (n - right))
    assert (round(found.low, 2), round(found.high, 2)) == (low, high)


def test_all_right_is_not_certain() -> None:
    # closed form of Wilson's lower end at p = 1: n / (n + z^2)
    found = score([100.0] * 10)
    assert found.low == pytest.approx(100 * 10 / (10 + 1.959963984540054**2))
    assert found.high == 100.0


def test_interval_of_other_values_is_students() -> None:
    # Student's 95 % quantile of 4 degrees of freedom is 2.776; mean 50, s^2 = 250, s / sqrt(5) = sqrt(50)
    found = score([30, 40, 50, 60, 70])
    assert found.value - found.low == pytest.approx(2.7764451 * math.sqrt(50))
    assert found.high - found.value == pytest.approx(2.7764451 * math.sqrt(50))


def test_students_interval_is_clipped() -> None:
    found = score([99, 100, 50])
    assert found.high == 100.0


def test_single_value_says_nothing_of_its_interval() -> None:
    assert score([40.0]) == Score(40.0, 1, 0.0, 100.0)


def test_mean_is_summed_exactly() -> None:
    assert score([0.1] * 10).value == 0.1


@pytest.mark.parametrize("values", [[], [101.0], [-1.0], [math.nan], [50.0, math.inf]])
def test_no_values_and_what_is_no_percentage_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one value"):
        score(values)


@pytest.mark.parametrize(("items", "low", "high"), [(0, 0.0, 100.0), (1, 60.0, 100.0), (1, 0.0, 40.0)])
def test_score_outside_its_interval_is_refused(items: int, low: float, high: float) -> None:
    with pytest.raises(ValueError, match="low <= value <= high must hold"):
        Score(50.0, items, low, high)


@given(st.lists(st.floats(0, 100), min_size=1) | st.lists(st.sampled_from([0.0, 100.0]), min_size=1))
def test_interval_holds_the_value_and_is_a_percentage(values: list[float]) -> None:
    found = score(values)
    assert 0 <= found.low <= found.value <= found.high <= 100
