from __future__ import annotations

import math

import pytest

from sweeps.sparkline import sparkline, thin


def test_values_that_rise_give_bars_that_rise() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"


@pytest.mark.parametrize("ascii_only", [False, True])
def test_values_that_fall_give_the_same_bars_the_other_way(ascii_only: bool) -> None:
    values = [0.3, 0.5, 0.9, 1.7, 3.3]
    rising = sparkline(values, ascii_only=ascii_only)
    assert sparkline(values[::-1], ascii_only=ascii_only) == rising[::-1]


def test_what_is_not_known_is_a_dot_and_what_is_no_number_a_cross() -> None:
    assert sparkline([1.0, None, math.nan, math.inf, 2.0]) == "▁·××█"


def test_values_that_are_all_the_same_and_none_at_all() -> None:
    assert sparkline([5.0, 5.0]) == "▁▁"
    assert sparkline([]) == ""


def test_terminals_without_unicode_get_ascii() -> None:
    assert sparkline([*range(9), None, math.nan], ascii_only=True).isascii()


def test_thinning_keeps_the_first_the_last_and_the_order() -> None:
    thinned = thin(list(range(1000)), 24)
    assert (len(thinned), thinned[0], thinned[-1]) == (24, 0, 999)
    assert thinned == sorted(thinned)
    assert thin([1.0, 2.0], 24) == [1.0, 2.0]
