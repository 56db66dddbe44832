"""Checks of worked-out answers that share no code with what writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from math import isqrt
from pathlib import Path

import pytest

from evaluation.math import is_correct

CONTEST = Path(__file__).parents[4] / "shared/data/contest"
needs_data = pytest.mark.skipif(not CONTEST.exists(), reason=f"the real questions are not there: {CONTEST}")


def questions() -> list[dict[str, str]]:
    """The 1,992 real questions."""
    return [json.loads(line) for line in (CONTEST / "math_sample.jsonl").read_text(encoding="utf-8").splitlines()]


def value(expression: str, x: Fraction | None = None) -> Fraction:
    """The exact value of a calculation, by Python's own parser and precedence."""
    powers = re.sub(r"(\d)x", r"\1 * x", expression).replace("^", "**")
    return Fraction(eval(re.sub(r"\d+(\.\d+)?", r"F('\g<0>')", powers), {"F": Fraction, "x": x}))


def holds(line: str, x: Fraction | None = None) -> bool:
    """Whether all sides of an equation are equal, or the right one is the left one rounded to its 7 digits."""
    if "≈" in line:
        left, right = line.split("≈")
        unit = Decimal(1).scaleb(Decimal(right.strip()).adjusted() - 6)
        return abs(value(left, x) - Fraction(right.strip())) <= Fraction(unit) / 2
    sides = [value(side, x) for side in line.split("=")]
    return len(sides) > 1 and len(set(sides)) == 1


def check(text: str, problem: str, solution: str) -> None:
    """Fail where a line is false or where the answer is not the solution."""
    equation = re.search(r"(-?\d+)x \+ (-?\d+) = 0", problem)
    x = Fraction(-int(equation[2]), int(equation[1])) if equation else None
    *lines, last = text.split("\n")
    assert lines
    assert [line for line in lines if not holds(line, x)] == []
    assert last.startswith("答案是 " if re.search("[一-龥]", problem) else "The answer is ")
    assert is_correct(text, solution), (text, solution)


def numbers(problem: str) -> list[Fraction]:
    return [Fraction(text) for text in re.findall(r"-?\d+(?:\.\d+)?", problem)]


def _function(problem: str) -> Fraction:
    term, x = re.search(r"(\d+)x\^(\d+)", problem), re.search(r"x = (\d+\.\d+)", problem)
    assert term
    assert x
    return int(term[1]) * Fraction(x[1]) ** int(term[2])


def _root(problem: str) -> Fraction:
    return Fraction(isqrt(int(numbers(problem)[0] * 10**80)), 10**40)


def _expression(problem: str) -> Fraction:
    match = re.search(r"-?\d[-+*/. \d]*\d", problem)
    assert match
    return value(match[0])


TRUE_VALUES: Mapping[str, Callable[[str], Fraction]] = {
    "four_operations": _expression,
    "powers": lambda problem: numbers(problem)[0] ** int(numbers(problem)[1]),
    "square_roots": _root,
    "linear_equations": lambda problem: -numbers(problem)[1] / numbers(problem)[0],
    "function_values": _function,
    "averages": lambda problem: sum(numbers(problem), Fraction()) / len(numbers(problem)),
    "areas": lambda problem: numbers(problem)[0] * numbers(problem)[1],
    "discounts": lambda problem: 100 * (1 - numbers(problem)[1] / numbers(problem)[0]),
    "sales": lambda problem: numbers(problem)[0] * (1 + numbers(problem)[1] / 100),
    "mass": lambda problem: numbers(problem)[0] * numbers(problem)[1],
    "fractions": lambda problem: numbers(problem)[0] / numbers(problem)[1],
}
"""Kind -> the exact value of a problem (a root's to 40 decimals), by another way than the project computes it."""
