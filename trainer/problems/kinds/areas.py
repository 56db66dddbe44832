"""``一个长方形的长为 87 厘米，宽为 4 厘米，请计算其面积。``"""

from __future__ import annotations

from decimal import Decimal

from trainer.problems.arithmetic import product
from trainer.problems.draws import two_wholes
from trainer.problems.kind import NATURAL, Kind

_HIGHEST = 100


def solve(length: str, width: str) -> str:
    """Return the area, a whole number."""
    return str(int(length) * int(width))


def lines(length: str, width: str) -> list[str]:
    """Return the product, worked out."""
    return product(Decimal(length), Decimal(width))


KIND = Kind(
    name="areas",
    rows=8665,
    problems=_HIGHEST**2,
    fields={"length": NATURAL, "width": NATURAL},
    questions={
        "zh": "一个长方形的长为 {length} 厘米，宽为 {width} 厘米，请计算其面积。",
        "en": "A rectangle is {length} cm long and {width} cm wide. What is its area?",
    },
    solutions={"zh": "面积为 {result} 平方厘米", "en": "The area is {result} square centimeters"},
    draw=two_wholes(_HIGHEST),
    solve=solve,
    lines=lines,
)
