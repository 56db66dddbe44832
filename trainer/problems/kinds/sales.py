"""``去年销售额为 50 万元，今年销售额增加了 99%，请计算今年的销售额。``"""

from __future__ import annotations

from decimal import Decimal

from trainer.problems.arithmetic import product
from trainer.problems.draws import two_wholes
from trainer.problems.kind import NATURAL, Kind
from trainer.problems.numbers import EXACT, written

_HIGHEST = 100


def solve(sales: str, growth: str) -> str:
    """Return this year's sales, a binary number."""
    return repr(int(sales) + int(sales) * int(growth) / 100)


def lines(sales: str, growth: str) -> list[str]:
    """Return the growth, and the sum."""
    before = Decimal(sales)
    hundredfold = EXACT.multiply(before, Decimal(growth))
    more = hundredfold.scaleb(-2)
    return [
        *product(before, Decimal(growth)),
        f"{hundredfold} / 100 = {written(more)}",
        f"{sales} + {written(more)} = {written(EXACT.add(before, more))}",
    ]


KIND = Kind(
    name="sales",
    rows=6266,
    problems=_HIGHEST**2,
    fields={"sales": NATURAL, "growth": NATURAL},
    questions={
        "zh": "去年销售额为 {sales} 万元，今年销售额增加了 {growth}%，请计算今年的销售额。",
        "en": "Last year's sales were {sales} million yuan. This year they grew by {growth}%. "
        "What are this year's sales?",
    },
    solutions={"zh": "{result}", "en": "{result}"},
    draw=two_wholes(_HIGHEST),
    solve=solve,
    lines=lines,
)
