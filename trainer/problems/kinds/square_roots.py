"""``计算 5636.97 的平方根？``"""

from __future__ import annotations

from decimal import Decimal
from random import Random

from trainer.problems.draws import hundredths
from trainer.problems.kind import Kind
from trainer.problems.numbers import CONTEST

_HIGHEST = 10_000_00  # hundredths


def draw(random: Random) -> tuple[str]:
    """Draw a number of up to 10,000 with two decimals."""
    return (hundredths(random, 0, _HIGHEST),)


def solve(number: str) -> str:
    """Return the root, to 28 digits."""
    return str(CONTEST.sqrt(Decimal(number)))


KIND = Kind(
    name="square_roots",
    rows=39227,
    problems=_HIGHEST + 1,
    fields={"number": r"\d{1,15}(?:\.\d{1,15})?"},
    questions={"zh": "计算 {number} 的平方根？", "en": "What is the square root of {number}?"},
    solutions={"zh": "√{number} = {result}", "en": "√{number} = {result}"},
    draw=draw,
    solve=solve,
)
