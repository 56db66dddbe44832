"""Numbers as a row of bars, one character each."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BARS, _NOTHING, _BROKEN = "▁▂▃▄▅▆▇█", "·", "×"
# for terminals that cannot print the others
_ASCII_BARS, _ASCII_NOTHING, _ASCII_BROKEN = "_.:-=+*#", " ", "x"


def sparkline(values: Sequence[float | None], *, ascii_only: bool = False) -> str:
    """Return a bar for each value, from the lowest of them to the highest; values that are all the same: lowest bars.

    Args:
        values: None: nothing is known, a dot; not finite: a cross.
        ascii_only: with characters that every terminal has.
    """
    bars, nothing, broken = (_ASCII_BARS, _ASCII_NOTHING, _ASCII_BROKEN) if ascii_only else (_BARS, _NOTHING, _BROKEN)
    finite = [value for value in values if value is not None and math.isfinite(value)]
    low, spread = min(finite, default=0.0), max(finite, default=0.0) - min(finite, default=0.0)

    def bar(value: float | None) -> str:
        if value is None:
            return nothing
        if not math.isfinite(value):
            return broken
        height = (value - low) / spread if 0 < spread < math.inf else 0.0
        return bars[round(height * (len(bars) - 1))]

    return "".join(map(bar, values))


def thin(values: Sequence[float], width: int) -> list[float]:
    """Return at most ``width``, 2 or more, of the values, evenly chosen, the first and the last among them."""
    if len(values) <= width:
        return list(values)
    return [values[round(i * (len(values) - 1) / (width - 1))] for i in range(width)]
