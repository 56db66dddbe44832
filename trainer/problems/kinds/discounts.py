"""``商品原价为 29 元，打折后的价格为 27 元，请计算打折的折扣比例。``

The discount is the part of the price that is taken off, in percent; it is negative where the price has risen.
"""

from __future__ import annotations

from decimal import Decimal

from trainer.problems.arithmetic import operation
from trainer.problems.draws import two_wholes
from trainer.problems.kind import NATURAL, Kind

_HIGHEST = 100


def solve(price: str, reduced: str) -> str:
    """Return the discount in percent, a binary number."""
    return repr((int(price) - int(reduced)) / int(price) * 100)


def lines(price: str, reduced: str) -> list[str]:
    """Return the difference, and its ratio to the price in percent."""
    off = int(price) - int(reduced)
    return [
        f"{price} - {reduced} = {off}",
        f"{off} / {price} * 100 = {100 * off} / {price}",
        *operation(Decimal(100 * off), "/", Decimal(price)),
    ]


KIND = Kind(
    name="discounts",
    rows=6275,
    problems=_HIGHEST**2,
    fields={"price": NATURAL, "reduced": NATURAL},
    questions={
        "zh": "商品原价为 {price} 元，打折后的价格为 {reduced} 元，请计算打折的折扣比例。",
        "en": "The original price is {price} yuan and the reduced price is {reduced} yuan. "
        "What is the discount in percent?",
    },
    solutions={"zh": "{result}", "en": "{result}"},
    draw=two_wholes(_HIGHEST),
    solve=solve,
    lines=lines,
)
