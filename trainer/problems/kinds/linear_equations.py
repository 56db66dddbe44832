"""``解方程 -39x + 20 = 0``"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from random import Random

from trainer.problems.arithmetic import quotient
from trainer.problems.kind import WHOLE, Kind

_HIGHEST = 100


def draw(random: Random) -> tuple[str, str]:
    """Draw a factor and a constant of up to 100; the factor is not 0."""
    factor = 0
    while not factor:
        factor = random.randint(-_HIGHEST, _HIGHEST)
    return str(factor), str(random.randint(-_HIGHEST, _HIGHEST))


def solve(factor: str, constant: str) -> str:
    """Return the solution, a binary number."""
    return repr(-int(constant) / int(factor))


def lines(factor: str, constant: str) -> list[str]:
    """Return the constant on the other side, the fraction in lowest terms, and its division."""
    other = -int(constant)
    x = Fraction(other, int(factor))
    p, q = abs(x.numerator), x.denominator
    lowest = f"-({p} / {q})" if x < 0 else f"{p} / {q}"
    asked = f"{other} / {factor}"
    found = [f"{factor}x = {other}", f"x = {asked}", *[f"{asked} = {lowest}"] * (asked != lowest)]
    return found + (quotient(Decimal(p), Decimal(q)) if q > 1 else [f"{lowest} = {x}"])


KIND = Kind(
    name="linear_equations",
    rows=40080,
    problems=2 * _HIGHEST * (2 * _HIGHEST + 1),
    fields={"factor": WHOLE, "constant": WHOLE},
    questions={"zh": "解方程 {factor}x + {constant} = 0", "en": "Solve the equation {factor}x + {constant} = 0"},
    solutions={"zh": "方程的解为：{result}", "en": "The solution of the equation is {result}"},
    draw=draw,
    solve=solve,
    lines=lines,
)
