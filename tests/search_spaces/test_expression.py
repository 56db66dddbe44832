from __future__ import annotations

import math

import pytest

from search_spaces.expression import Expression, ExpressionError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 * rank", 16),
        ("-rank + 2 ** 3 // 3 % 2", -8),
        ("(1 - ratio) * 0.3 + accuracy / 100 * 0.7", 0.3 * 0.99 + 0.35),
        ("max(rank, 9, min(3, 4))", 9),
        ("round(accuracy / 3, 1)", 16.7),
        ("round(accuracy / 3)", 17),
        ("1 < rank <= 8", True),
        ("rank == 4", False),
        ("0.9 * base.f1", 9.0),
        ("1e-4", 1e-4),
    ],
)
def test_value(text: str, value: float) -> None:
    names = {"rank": 8, "ratio": 0.01, "accuracy": 50.0, "base.f1": 10.0}
    assert Expression.parse(text).evaluate(names) == pytest.approx(value)


def test_integers_stay_integers() -> None:
    assert isinstance(Expression.parse("2 * rank").evaluate({"rank": 8}), int)


def test_names_are_those_that_a_value_is_needed_for() -> None:
    assert Expression.parse("max(f1, 0.9 * base.f1) + f1").names == {"f1", "base.f1"}


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "rank.__class__",
        "base.f1.__class__",
        "'a' * 3",
        "[1, 2][0]",
        "lambda: 1",
        "[x for x in (1, 2)]",
        "1 if rank else 2",
        "rank and 1",
        "rank << 4",
        "not rank",
        "True",
        "1j",
        "max(*rank)",
        "max(rank, key=rank)",
        "(x := 1)",
        "f'{rank}'",
        "rank is 1",
        "...",
    ],
)
def test_anything_but_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        Expression.parse(text)


@pytest.mark.parametrize(
    "text", ["", "2 *", "2 rank", "a = 1", "1; 2", "(" * 400, "\0", "-" * 490 + "1", "1" * 400 + "+" * 200]
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        Expression.parse(text)


def test_unknown_function_is_named_with_the_near_one() -> None:
    with pytest.raises(ExpressionError, match=r"unknown function 'mix'; did you mean 'm"):
        Expression.parse("mix(1, 2)")


@pytest.mark.parametrize("text", ["min(rank)", "max()", "round()", "round(1, 2, 3)"])
def test_wrong_number_of_arguments_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="arguments"):
        Expression.parse(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 / zero", "division by zero"),
        ("zero ** -1", "zero"),
        ("9 ** 9 ** 9", "too large"),
        ("(2 ** 1000) ** 1000", "too large"),
        ("2.0 ** 5000", "out of range"),
        ("(0 - 8) ** 0.5", "not a real number"),
        ("round(1, 0 - 10 ** 9)", "digits"),
        ("1e308 * 10", "finite"),
        ("zero * nan", "finite"),
        ("missing + 1", "missing"),
    ],
)
def test_expression_without_a_finite_value_says_why(text: str, why: str) -> None:
    with pytest.raises(ExpressionError, match=why):
        Expression.parse(text).evaluate({"zero": 0, "nan": math.nan})


def test_error_shows_the_values_it_was_computed_with() -> None:
    with pytest.raises(ExpressionError, match=r"for dropout=0.0, rank=8"):
        Expression.parse("rank / dropout").evaluate({"rank": 8, "dropout": 0.0, "other": 1})
