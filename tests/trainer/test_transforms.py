from __future__ import annotations

from collections import Counter

import pytest

from evaluation.items import Item
from evaluation.math import is_correct
from trainer.transforms import TransformError, Transforms, kind_of

PROBLEM = Item({"problem": "计算 4204.22 + -2369.17 等于多少？"}, ("4204.22 + -2369.17 = 1835.05",))
COUNTS = {"a": 60, "b": 30, "c": 10}
KINDS = [kind for kind, count in COUNTS.items() for _ in range(count)]


def answer(transforms: Transforms, item: Item = PROBLEM) -> str:
    return transforms.changed(item).answers[0]


def test_nothing_changes_unless_it_is_asked_for() -> None:
    assert Transforms().changed(PROBLEM) is PROBLEM
    assert Transforms().rows(COUNTS) == 100


def test_chain_of_thought_stands_above_the_answer() -> None:
    assert answer(Transforms(cot=True)) == f"Let's think step by step\n{PROBLEM.answers[0]}"
    assert answer(Transforms(cot=True, cot_text="想一想")).startswith("想一想\n")


@pytest.mark.parametrize(
    "transforms", [Transforms(cot=True), Transforms(step_by_step=True), Transforms(cot=True, step_by_step=True)]
)
def test_changed_answer_is_graded_as_right(transforms: Transforms) -> None:
    assert answer(transforms) != PROBLEM.answers[0]
    assert is_correct(answer(transforms), PROBLEM.answers[0])


def test_answer_is_rounded_before_it_is_worked_out() -> None:
    assert answer(Transforms(decimals=1)) == "4204.22 + -2369.17 = 1835.0"
    assert answer(Transforms(decimals=1, step_by_step=True)).endswith("1835.0")


def test_answer_that_cannot_be_changed_stays() -> None:
    story = Item({"problem": "Why?"}, ("Because.",))
    assert Transforms(step_by_step=True, decimals=2).changed(story) == story


def test_other_right_answers_stay() -> None:
    item = Item(PROBLEM.fields, ("1835.05", "1835"))
    assert Transforms(cot=True).changed(item).answers[1:] == ("1835",)


@pytest.mark.parametrize(
    ("transforms", "protocol", "field"),
    [
        (Transforms(decimals=2), "multiple_choice", "decimals"),
        (Transforms(step_by_step=True), "multiple_choice", "step_by_step"),
        (Transforms(cot=True), "squad_contest", "cot"),
    ],
)
def test_transform_that_means_nothing_to_a_protocol_is_refused(
    transforms: Transforms, protocol: str, field: str
) -> None:
    with pytest.raises(TransformError, match=f"does not apply to {protocol}") as raised:
        transforms.check(protocol)
    assert raised.value.field == field


def test_shares_are_those_of_what_is_taken() -> None:
    transforms = Transforms(shares={"b": 0.5, "c": 0.1}, examples=20)
    taken = transforms.chosen(KINDS, 0)
    assert Counter(kind for kind, is_taken in zip(KINDS, taken, strict=True) if is_taken) == {"a": 8, "b": 10, "c": 2}


def test_exactly_so_many_are_taken_however_shares_round() -> None:
    counts = dict.fromkeys("abc", 5000) | {"d": 3000}
    thirds = Transforms(shares=dict.fromkeys("abc", 0.333), examples=497)
    assert thirds.quotas(counts) == {"a": 166, "b": 166, "c": 165, "": 0}
    assert Transforms(shares={"a": 0.5, "b": 0.5}, examples=5).rows({"a": 9, "b": 9}) == 5
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    assert thirds.chosen(kinds, 0).sum() == 497


def test_without_a_number_as_many_are_taken_as_the_shares_let() -> None:
    assert Transforms(shares={"c": 0.1}).quotas(COUNTS) == {"c": 10, "": 90}
    assert Transforms(shares={"c": 0.5}).quotas(COUNTS) == {"c": 10, "": 10}
    assert Transforms(shares={"b": 0.6}).rows(COUNTS) == 50
    assert Transforms(shares={"a": 0.0}).quotas(COUNTS) == {"a": 0, "": 40}
    assert Transforms(shares={"a": 0.25, "b": 0.25, "c": 0.5}).quotas(COUNTS) == {"a": 5, "b": 5, "c": 10, "": 0}


@pytest.mark.parametrize(
    ("transforms", "field", "reason"),
    [
        (Transforms(examples=101), "examples", "expected at most 100, which the file has, got 101"),
        (Transforms(examples=21, shares={"c": 0.5}), "examples", "expected at most 20, which the file has in these"),
        (Transforms(shares={"d": 0.5}), "shares", "no item of the kind 'd'; it has: a, b, c"),
        (Transforms(shares={"a": 0.6, "b": 0.6}), "shares", "add up to at most 1, got 1.2"),
        (Transforms(shares={"a": 0.5, "b": 0.2, "c": 0.2}), "shares", "add up to 1, since the file has no other kind"),
    ],
)
def test_shares_and_numbers_that_the_file_cannot_give_are_refused(
    transforms: Transforms, field: str, reason: str
) -> None:
    with pytest.raises(TransformError) as raised:
        transforms.quotas(COUNTS)
    assert raised.value.field == field
    assert reason in raised.value.reason


def test_choice_follows_the_seed_and_the_fewer_are_among_the_more() -> None:
    few, more = (Transforms(examples=count).chosen(KINDS, 3) for count in (20, 50))
    assert (few.sum(), more.sum()) == (20, 50)
    assert not (few & ~more).any()
    assert (few == Transforms(examples=20).chosen(KINDS, 3)).all()
    assert (few != Transforms(examples=20).chosen(KINDS, 4)).any()


def test_kind_is_the_rows_own_or_that_of_its_problem() -> None:
    assert kind_of(PROBLEM, "math_contest") == "four_operations"
    assert kind_of(Item(PROBLEM.fields, ("1",), "own"), "math_contest") == "own"
    assert kind_of(Item({"instruction": "i", "input": ""}, ("o",)), "multiple_choice") == ""
