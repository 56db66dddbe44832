"""What a sweep has cost, and what of its budget is left."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from sweeps.fidelity import Budget

_HOUR = 3600.0


@dataclass
class Spending:
    """Counts what jobs cost, over all processes that ran the sweep.

    Attributes:
        units: epochs, or steps where rungs count these, that jobs trained or are training.
        card_seconds: of the launches that ended.
        earlier: seconds that earlier processes ran the sweep.
    """

    budget: Budget | None
    units: float = 0.0
    card_seconds: float = 0.0
    earlier: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    @classmethod
    def load(cls, budget: Budget | None, kept: Mapping[str, float]) -> Spending:
        """Go on from what ``as_dict`` gave."""
        return cls(budget, kept.get("units", 0.0), kept.get("card_seconds", 0.0), kept.get("seconds", 0.0))

    def as_dict(self) -> dict[str, float]:
        """Return what is to be kept."""
        return {"units": self.units, "card_seconds": self.card_seconds, "seconds": self.seconds}

    @property
    def seconds(self) -> float:
        """Wall time while the sweep ran."""
        return self.earlier + time.monotonic() - self._since

    def left(self) -> dict[str, float]:
        """Return what is left of each part of the budget, by its name in the sweep file; below zero: overrun."""
        if self.budget is None:
            return {}
        used = {"epochs": self.units, "steps": self.units, "card_hours": self.card_seconds / _HOUR}
        used["hours"] = self.seconds / _HOUR
        limits = self.budget.model_dump(exclude_none=True)
        return {name: limit - used[name] for name, limit in limits.items()}

    def units_left(self) -> float:
        """Return how many units may still be trained; infinite without such a budget."""
        left = self.left()
        return min(left.get("epochs", math.inf), left.get("steps", math.inf))

    def over(self, running_card_seconds: float) -> str:
        """Say which part of the budget is used up; empty: none.

        Args:
            running_card_seconds: of the launches that run now.
        """
        left = self.left()
        if "card_hours" in left:
            left["card_hours"] -= running_card_seconds / _HOUR
        return next((name for name, rest in left.items() if rest <= 0), "")
