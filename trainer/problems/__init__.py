"""The contest's math problems: their kinds, generated rows, step-by-step answers, rounding."""

from __future__ import annotations

from collections.abc import Mapping

from trainer.problems.generate import generate
from trainer.problems.kinds import TABLE
from trainer.problems.numbers import rounded
from trainer.problems.steps import kind_of, steps

__all__ = ["KINDS", "SHARES", "generate", "kind_of", "rounded", "steps"]

KINDS: tuple[str, ...] = tuple(TABLE)
"""All kinds; each is fit to name a metric."""

SHARES: Mapping[str, float] = {name: kind.rows for name, kind in TABLE.items()}
"""Kind -> how many of the contest's Chinese problems, without duplicates, are of it."""
