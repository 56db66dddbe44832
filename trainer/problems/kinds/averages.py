"""``求以下数据的平均值：[74, 13, 94, 35, 97, 56, 37]``"""

from __future__ import annotations

from decimal import Decimal
from random import Random

from trainer.problems.arithmetic import operation, running_sum
from trainer.problems.kind import WHOLE, Kind

_SIZES = range(3, 11)
_HIGHEST = 100


def draw(random: Random) -> tuple[str]:
    """Draw 3 to 10 numbers from 1 to 100."""
    return (", ".join(str(random.randint(1, _HIGHEST)) for _ in range(random.choice(_SIZES))),)


def solve(numbers: str) -> str:
    """Return the average, a binary number."""
    values = [int(text) for text in numbers.split(",")]
    return repr(sum(values) / len(values))


def lines(numbers: str) -> list[str]:
    """Return the running sum and its division."""
    values = [Decimal(text) for text in numbers.split(",")]
    return running_sum(values) + operation(sum(values, Decimal(0)), "/", Decimal(len(values)))


KIND = Kind(
    name="averages",
    rows=19709,
    problems=sum(_HIGHEST**size for size in _SIZES),
    fields={"numbers": rf"{WHOLE}(?: ?, ?{WHOLE}){{0,99}}"},
    questions={"zh": "求以下数据的平均值：[{numbers}]", "en": "What is the average of the following data: [{numbers}]"},
    solutions={"zh": "平均值为 {result}", "en": "The average is {result}"},
    draw=draw,
    solve=solve,
    lines=lines,
)
