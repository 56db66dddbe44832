"""How the contest draws the numbers of its problems: evenly."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random


def hundredths(random: Random, low: int, high: int) -> str:
    """Draw a number with two decimals from ``low`` to ``high``, both in hundredths."""
    return str(Decimal(random.randint(low, high)).scaleb(-2))


def two_wholes(highest: int) -> Callable[[Random], tuple[str, str]]:
    """Return what draws two whole numbers from 1 to ``highest``."""

    def draw(random: Random) -> tuple[str, str]:
        return str(random.randint(1, highest)), str(random.randint(1, highest))

    return draw
