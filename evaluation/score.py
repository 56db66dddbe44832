"""A metric's value over a set of items, with its 95 % confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

_CONFIDENCE = 0.95
_QUANTILE = (1 + _CONFIDENCE) / 2


@dataclass(frozen=True)
class Score:
    """A mean over items.

    Attributes:
        value: the mean, in percent.
        items: how many items it is the mean of.
        low: lower end of the 95 % interval, in percent.
        high: upper end of the 95 % interval, in percent.
    """

    value: float
    items: int
    low: float
    high: float

    def __post_init__(self) -> None:
        """Raise ``ValueError`` where the value is outside its interval."""
        if self.items < 1 or not self.low <= self.value <= self.high:
            raise ValueError(f"items >= 1 and low <= value <= high must hold, but got {self}")


def score(values: Sequence[float]) -> Score:
    """Return the mean of per-item values in percent, with its interval.

    Where every value is 0 or 100, the interval is Wilson's ("Probable inference, the law of succession, and statistical
    inference", JASA 1927), which holds for small samples and does not collapse at 0 or 100; otherwise it is Student's t
    of the mean, clipped to [0, 100], and all of [0, 100] for a single item. It covers the choice of items only, not the
    seeds of training.

    Raises:
        ValueError: there are no values, or one is outside [0, 100].
    """
    if not values or not all(0 <= value <= 100 for value in values):
        raise ValueError(f"expected at least one value, all within [0, 100], got {list(values)[:10]}")
    # fsum: the mean is then the same digits as MindFormers', which sums fractions
    mean = math.fsum(values) / len(values)
    low, high = _wilson(mean, len(values)) if {*values} <= {0, 100} else _student(values, mean)
    return Score(mean, len(values), max(0.0, min(low, mean)), min(100.0, max(high, mean)))


def _wilson(mean: float, n: int) -> tuple[float, float]:
    z, p = NormalDist().inv_cdf(_QUANTILE), mean / 100
    center = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return 100 * (center - half), 100 * (center + half)


def _student(values: Sequence[float], mean: float) -> tuple[float, float]:
    n = len(values)
    if n == 1:
        return 0.0, 100.0
    # half a second to import, and most users of a Score only read it
    from scipy.special import stdtrit

    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    half = float(stdtrit(n - 1, _QUANTILE)) * math.sqrt(variance / n)
    return mean - half, mean + half
