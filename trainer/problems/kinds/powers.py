"""``计算 183.94 的 5 次方？``"""

from __future__ import annotations

from decimal import Decimal, Overflow
from random import Random

from trainer.problems.draws import hundredths
from trainer.problems.kind import DECIMAL, Kind
from trainer.problems.numbers import CONTEST, EXACT, written

_HIGHEST = 1_000_00  # hundredths
_EXPONENTS = range(6)


def draw(random: Random) -> tuple[str, str]:
    """Draw a base of up to 1,000 with two decimals, not 0, whose power 0 is undefined, and an exponent up to 5."""
    base = "0.00"
    while not Decimal(base):
        base = hundredths(random, -_HIGHEST, _HIGHEST)
    return base, str(random.choice(_EXPONENTS))


def solve(base: str, exponent: str) -> str:
    """Return the power, to 28 digits."""
    return str(CONTEST.power(Decimal(base), Decimal(exponent)))


def lines(base: str, exponent: str) -> list[str]:
    """Return the power without its sign, by repeated multiplication."""
    if int(exponent) not in _EXPONENTS:
        raise Overflow(f"{exponent} is an exponent for which the lines would be too long")
    number, times = Decimal(base), int(exponent)
    asked = f"({base})^{times}" if number < 0 else f"{base}^{times}"
    size = abs(number)
    unsigned = f"-({size:f}^{times})" if number < 0 and times % 2 else f"{size:f}^{times}"
    found = [f"{asked} = {unsigned}"] * (number < 0)
    if times < 2:
        return [*found, f"{size:f}^{times} = {written(size) if times else 1}"]
    power = size
    for _ in range(times - 1):
        factor, power = power, EXACT.multiply(power, size)
        found.append(f"{written(factor)} * {written(size)} = {written(power)}")
    return found


KIND = Kind(
    name="powers",
    rows=39207,
    problems=2 * _HIGHEST * len(_EXPONENTS),
    fields={"base": DECIMAL, "exponent": r"\d{1,3}"},
    questions={"zh": "计算 {base} 的 {exponent} 次方？", "en": "What is {base} to the power of {exponent}?"},
    solutions={"zh": "{base}^{exponent} = {result}", "en": "{base}^{exponent} = {result}"},
    draw=draw,
    solve=solve,
    lines=lines,
)
