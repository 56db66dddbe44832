from __future__ import annotations

import numpy as np
import pytest

from evaluation.items import Item
from trainer.blind_split import Side, SplitError, blind_split, normalized, template


def item(problem: str) -> Item:
    return Item({"problem": problem}, ("1",))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("计算 3 + 4 等于多少？", "计算3＋4等于多少?"),
        ("What is 3 plus 4?", "what IS 3 plus 4"),
        ("计算 5 − 3", "计算 5 - 3。"),
        ("计算 5 × 3", "计算 5 * 3"),
        ("1,234,567 + 1", "1234567 + 1"),
        ("计算 3²", "计算 3^2"),
    ],
)
def test_problem_written_in_another_way_is_the_same(one: str, other: str) -> None:
    assert normalized(item(one)) == normalized(item(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("计算 3 + 4", "计算 3 - 4"),
        ("计算 1.5", "计算 15"),
        ("计算 (1 + 2) * 3", "计算 1 + 2 * 3"),
        ("求 1, 23 的平均数", "求 12, 3 的平均数"),
        ("计算 3²", "计算 32"),
        ("计算 -3 + 4", "计算 3 + 4"),
    ],
)
def test_problem_with_another_answer_is_another(one: str, other: str) -> None:
    assert normalized(item(one)) != normalized(item(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("计算 4204.22 + -2369.17 等于多少？", "计算 -3 + 12 等于多少?"),
        ("解方程 -39x + 20 = 0", "解方程 7x + -2 = 0"),
        ("求 1, 2, 3 的平均数", "求 -4, 5 的平均数"),
    ],
)
def test_problems_with_other_numbers_are_of_one_template(one: str, other: str) -> None:
    assert template(item(one)) == template(item(other))


def test_another_operation_is_another_template() -> None:
    assert len({template(item(f"计算 3 {sign} 4")) for sign in "+-*/^"}) == 5
    assert template(item("计算 3x - 4")) != template(item("计算 3x + 4"))


def test_no_key_is_on_both_sides_and_the_test_set_has_its_size() -> None:
    keys = [f"{n * n % 97}" for n in range(1000)]
    sides = blind_split(keys, 200, 0)
    of = {side: {key for key, its in zip(keys, sides, strict=True) if its == side} for side in Side}
    assert (sides == Side.TEST).sum() == 200
    assert not of[Side.TEST] & of[Side.TRAIN]
    assert of[Side.LEFT_OUT] <= of[Side.TEST]


def test_of_different_problems_none_is_left_out() -> None:
    sides = blind_split([str(n) for n in range(100)], 30, 0)
    assert [(sides == side).sum() for side in Side] == [70, 30, 0]


def test_split_follows_the_seed() -> None:
    keys = [str(n) for n in range(100)]
    assert np.array_equal(blind_split(keys, 30, 5), blind_split(keys, 30, 5))
    assert not np.array_equal(blind_split(keys, 30, 5), blind_split(keys, 30, 6))


@pytest.mark.parametrize(("keys", "test"), [(["a", "b"], 2), (["a", "a"], 1), (["a"], 7)])
def test_split_that_leaves_nothing_to_train_on_is_refused(keys: list[str], test: int) -> None:
    with pytest.raises(SplitError, match="leaves none to train on"):
        blind_split(keys, test, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Solve x ≥ 3", "Solve x ≤ 3"),
        ("What is 5!?", "What is 5?"),
        ("计算 .5 + 1", "计算 5 + 1"),
        ("|x-3|", "x-3"),
        ("3:4", "3 4"),
    ],
)
def test_what_a_calculation_is_made_of_makes_another_problem(one: str, other: str) -> None:
    assert normalized(Item({"problem": one}, ("1",))) != normalized(Item({"problem": other}, ("1",)))
