"""What a sweep has cost, and what of its budget is left."""

from __future__ import annotations

import math
import time
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

    @property
    def seconds(self) -> float:
        """Wall time while the sweep ran."""
        return self.earlier + time.monotonic() - self._since

    def left(self, running_card_seconds: float) -> dict[str, float]:
        """Return what is left of each part of the budget, by its name in the sweep file; below zero: overrun.

        Args:
            running_card_seconds: of the launches that run now.
        """
        if self.budget is None:
            return {}
        card_hours = (self.card_seconds + running_card_seconds) / _HOUR
        used = {"epochs": self.units, "steps": self.units, "card_hours": card_hours}
        used["hours"] = self.seconds / _HOUR
        limits = self.budget.model_dump(exclude_none=True)
        return {name: limit - used[name] for name, limit in limits.items()}

    def units_left(self) -> float:
        """Return how many units may still be trained; infinite without such a budget."""
        left = self.left(0.0)
        return min(left.get("epochs", math.inf), left.get("steps", math.inf))

    def over(self, running_card_seconds: float) -> str:
        """Say which part of the budget is used up; empty: none.

        Args:
            running_card_seconds: of the launches that run now.
        """
        return next((name for name, rest in self.left(running_card_seconds).items() if rest <= 0), "")
