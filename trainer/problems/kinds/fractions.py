"""``将分数 6/8 进行简化。``"""

from __future__ import annotations

from decimal import InvalidOperation
from math import gcd
from random import Random

from trainer.problems.kind import NATURAL, Kind

_HIGHEST_NUMERATOR, _HIGHEST_DENOMINATOR = 9, 10


def draw(random: Random) -> tuple[str, str]:
    """Draw a numerator from 1 to 9 and a larger denominator up to 10."""
    numerator = random.randint(1, _HIGHEST_NUMERATOR)
    return str(numerator), str(random.randint(numerator + 1, _HIGHEST_DENOMINATOR))


def solve(numerator: str, denominator: str) -> str:
    """Return the fraction in lowest terms."""
    divisor = _divisor(numerator, denominator)
    return f"{int(numerator) // divisor}/{int(denominator) // divisor}"


def lines(numerator: str, denominator: str) -> list[str]:
    """Return Euclid's algorithm and the division by the greatest common divisor, where it is not 1."""
    larger, smaller = int(denominator), int(numerator)
    found = []
    while smaller:
        found.append(f"{larger} = {smaller} * {larger // smaller} + {larger % smaller}")
        larger, smaller = smaller, larger % smaller
    divisor = _divisor(numerator, denominator)
    if divisor > 1:
        found += [f"{side} / {divisor} = {int(side) // divisor}" for side in (numerator, denominator)]
    return [*found, f"{numerator}/{denominator} = {solve(numerator, denominator)}"]


def _divisor(numerator: str, denominator: str) -> int:
    if not int(denominator):
        raise InvalidOperation("a denominator is not 0")
    return gcd(int(numerator), int(denominator))


KIND = Kind(
    name="fractions",
    rows=45,
    problems=sum(_HIGHEST_DENOMINATOR - numerator for numerator in range(1, _HIGHEST_NUMERATOR + 1)),
    fields={"numerator": NATURAL, "denominator": NATURAL},
    questions={
        "zh": "将分数 {numerator}/{denominator} 进行简化。",
        "en": "Simplify the fraction {numerator}/{denominator}.",
    },
    solutions={"zh": "最简化的形式为：{result}", "en": "The simplest form is {result}"},
    draw=draw,
    solve=solve,
    lines=lines,
)
