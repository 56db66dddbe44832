"""``当 x = 8.52 时，求函数 y = 17x^16 的值``"""

from __future__ import annotations

from decimal import Decimal
from random import Random

from trainer.problems.draws import hundredths
from trainer.problems.kind import DECIMAL, WHOLE, Kind
from trainer.problems.numbers import CONTEST

_LOWEST_X, _HIGHEST_X = 10, 10_00  # hundredths
_HIGHEST = 100  # of the factor and the exponent


def draw(random: Random) -> tuple[str, str, str]:
    """Draw x from 0.10 to 10.00, and a factor and an exponent from 1 to 100."""
    factor, exponent = (str(random.randint(1, _HIGHEST)) for _ in "ab")
    return hundredths(random, _LOWEST_X, _HIGHEST_X), factor, exponent


def solve(x: str, factor: str, exponent: str) -> str:
    """Return the value; the power and the product are rounded to 28 digits each."""
    return str(CONTEST.multiply(Decimal(factor), CONTEST.power(Decimal(x), Decimal(exponent))))


KIND = Kind(
    name="function_values",
    rows=20028,
    problems=(_HIGHEST_X - _LOWEST_X + 1) * _HIGHEST**2,
    fields={"x": DECIMAL, "factor": WHOLE, "exponent": r"\d{1,3}"},
    questions={
        "zh": "当 x = {x} 时，求函数 y = {factor}x^{exponent} 的值",
        "en": "What is the value of the function y = {factor}x^{exponent} at x = {x}?",
    },
    solutions={"zh": "函数的值为：{result}", "en": "The value of the function is {result}"},
    draw=draw,
    solve=solve,
)
