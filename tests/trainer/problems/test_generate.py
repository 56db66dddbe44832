from __future__ import annotations

import re
from collections import Counter
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.math import is_correct
from tests.trainer.problems.equations import TRUE_VALUES, needs_data, questions
from trainer.problems import KINDS, SHARES, generate, kind_of
from trainer.problems.kinds import TABLE


def shape(problem: str) -> str:
    """The problem with its numbers replaced; signs stay."""
    return re.sub(r"\d+(\.\d+)?", "N", problem)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32))
def test_generated_solution_is_graded_as_right(kind: str, language: str, seed: int) -> None:
    for row in generate({kind: 1}, language, 5, seed):
        exact = TRUE_VALUES[kind](row["problem"])
        text = str(Context(prec=40).divide(Decimal(exact.numerator), Decimal(exact.denominator)))
        if kind == "fractions":
            text = f"{exact.numerator}/{exact.denominator}"
        assert is_correct(text, row["solution"]), row
        assert row["kind"] == kind_of(row["problem"]) == kind


@needs_data
def test_generator_covers_the_shapes_of_all_real_questions_but_the_english_ones() -> None:
    shapes = {shape(row["problem"]) for row in generate(dict.fromkeys(KINDS, 1), "zh", 5000, 0)}
    covered = [shape(question["problem"]) in shapes for question in questions()]
    assert (sum(covered), len(covered)) == (1948, 1992)


@needs_data
def test_numbers_of_real_questions_lie_in_the_generator_s_ranges() -> None:
    drawn: dict[str, Counter[int]] = {kind: Counter() for kind in KINDS}
    for row in generate(dict.fromkeys(KINDS, 1), "zh", 11_000, 0):
        drawn[row["kind"]].update(digits(row["problem"]))
    for question in questions():
        if kind := kind_of(question["problem"]):
            assert digits(question["problem"]).keys() <= drawn[kind].keys(), question


def digits(problem: str) -> Counter[int]:
    """How often a number has so many digits before the point."""
    return Counter(len(text.partition(".")[0]) for text in re.findall(r"\d+(?:\.\d+)?", problem))


def test_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    first, again, other = (list(generate(SHARES, "zh", 500, seed)) for seed in (1, 1, 2))
    assert first == again
    assert not {row["problem"] for row in first} & {row["problem"] for row in other if row["kind"] == "four_operations"}


def test_kinds_have_their_shares_and_are_mixed() -> None:
    rows = list(generate({"powers": 3, "sales": 1, "mass": 0}, "en", 400, 5))
    assert Counter(row["kind"] for row in rows) == {"powers": 300, "sales": 100}
    assert {row["kind"] for row in rows[:40]} == {"powers", "sales"}


@pytest.mark.parametrize("kind", ["fractions", "mass", "areas", "discounts", "sales", "linear_equations"])
def test_all_problems_of_a_small_kind_can_be_had_once(kind: str) -> None:
    problems = {row["problem"] for row in generate({kind: 1}, "zh", TABLE[kind].problems, 3)}
    assert len(problems) == TABLE[kind].problems


def test_other_kinds_fill_up_for_one_that_is_used_up() -> None:
    rows = Counter(row["kind"] for row in generate({"fractions": 1, "mass": 1, "powers": 2}, "zh", 1000, 0))
    assert rows == {"fractions": 45, "mass": 100, "powers": 855}


@given(st.integers(0, 145), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_as_many_rows_as_asked_for_and_no_problem_twice(count: int, one: float, other: float) -> None:
    problems = [row["problem"] for row in generate({"fractions": one, "mass": other}, "en", count, 0)]
    assert len(problems) == len(set(problems)) == count


@pytest.mark.parametrize(
    ("kinds", "language", "count", "message"),
    [
        ({"roots": 1}, "zh", 1, "unknown kind 'roots'; expected some of: four_operations, "),
        ({"mass": 1}, "fr", 1, "unknown language 'fr'; expected one of: zh, en"),
        ({"mass": -1}, "zh", 1, "shares >= 0 must hold"),
        ({"mass": float("nan")}, "zh", 1, "shares >= 0 must hold"),
        ({"mass": 1}, "zh", -1, "0 <= count <= 100 must hold for mass, but got -1"),
        ({"mass": 1, "fractions": 2}, "zh", 146, "0 <= count <= 145 must hold for mass, fractions, but got 146"),
        ({"mass": 0}, "zh", 1, "0 <= count <= 0 must hold for no kinds, but got 1"),
    ],
)
def test_what_cannot_be_generated_is_refused(kinds: dict[str, float], language: str, count: int, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        generate(kinds, language, count, 0)
