from __future__ import annotations

import math

import pytest

from sweeps.fidelity import Budget
from sweeps.spending import Spending


def test_without_a_budget_there_is_no_end() -> None:
    spending = Spending(None, units=1e6, card_seconds=1e9)
    assert spending.units_left() == math.inf
    assert spending.over(0.0) == ""


def test_budget_ends_by_whichever_part_is_used_up_first() -> None:
    budget = Budget(epochs=10, card_hours=2)
    assert Spending(budget, units=9).over(0.0) == ""
    assert Spending(budget, units=10).over(0.0) == "epochs"
    assert Spending(budget, card_seconds=7200).over(0.0) == "card_hours"


def test_launches_that_run_count_towards_the_card_hours() -> None:
    assert Spending(Budget(card_hours=1), card_seconds=3000).over(600) == "card_hours"


def test_what_is_left_is_what_no_launch_has_used_yet() -> None:
    spending = Spending(Budget(hours=1, card_hours=1), units=3, card_seconds=1800, earlier=1800)
    assert spending.left(900.0)["hours"] == pytest.approx(0.5, abs=0.01)
    assert spending.left(900.0)["card_hours"] == pytest.approx(0.25)
