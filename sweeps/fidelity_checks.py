"""What a sweep file by itself shows to be wrong with how far trials train; ``training_checks`` needs the recipe."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from search_spaces.names import unknown
from search_spaces.section import Problem
from sweeps.fidelity import EPOCHS

if TYPE_CHECKING:
    from sweeps.config import SweepConfig


def problems(config: SweepConfig) -> Iterator[Problem]:
    """Say what the sweep file itself shows to be wrong."""
    halving, budget = config.halving, config.budget
    if config.trials is None and budget is None:
        yield ("trials",), "is missing, and there is no `budget`: the sweep would never end"
    if budget is not None and budget.steps is not None and (halving is None or halving.unit != "steps"):
        yield ("budget", "steps"), "steps are counted where `halving` has unit: steps; expected epochs, or card_hours"
    if halving is None:
        return
    if config.sampler.type in ("tpe", "nsga2"):
        yield (
            ("sampler", "type"),
            f"{config.sampler.type} learns nothing from trials that stopped at a rung; with `halving` expected ehvi, "
            "or random",
        )
    if budget is not None and budget.epochs is not None and halving.unit != "epochs":
        yield ("budget", "epochs"), "`halving` counts steps; expected steps here"
    if halving.unit == "epochs":
        for path, place in config.space.paths():
            if path == EPOCHS:
                yield place, f"{EPOCHS} is set by `halving` to its last rung, {halving.at[-1]}; delete it here"
    for protocol, items in halving.items.items():
        if protocol not in config.evaluation:
            yield ("halving", "items", protocol), unknown("protocol", protocol, sorted(config.evaluation))
        elif items >= (config.evaluation[protocol].items or math.inf):
            yield (
                ("halving", "items", protocol),
                f"expected fewer than the {config.evaluation[protocol].items} of the last rung, got {items}",
            )
