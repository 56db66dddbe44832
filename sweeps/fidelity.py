"""How far trials train before they are compared, and how much a sweep may cost: the sections of the sweep file."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, model_validator

from search_spaces.section import Items, Section

MOST = 10**9
"""Of anything that is counted: sums and products of what is below stay numbers that tables can show."""

Count = Annotated[int, Field(ge=1, le=MOST)]
Hours = Annotated[float, Field(gt=0, le=MOST, allow_inf_nan=False)]

EPOCHS = "runner_config.epochs"
"""Path of the recipe: the length of the whole training."""


class Halving(Section):
    """Successive halving: trials are compared at rungs, the best go on.

    Attributes:
        unit: what rungs count; of epochs the last rung is the whole training.
        rungs: where trials are compared, ascending; or ``min`` and ``max``, with ``eta`` times as much at each rung.
        eta: of so many trials at a rung one goes on; with less than 1.1 there would be a rung at nearly every unit.
        items: protocol -> on how many items, from the file's start, all rungs but the last are measured.
    """

    unit: Literal["epochs", "steps"] = "epochs"
    rungs: Items[Count] = ()
    min: Count | None = None
    max: Count | None = None
    eta: Annotated[float, Field(ge=1.1, le=MOST, allow_inf_nan=False)] = 3.0
    items: dict[str, Count] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_way(self) -> Halving:
        ends = (self.min, self.max)
        if bool(self.rungs) == any(end is not None for end in ends) or (not self.rungs and None in ends):
            raise ValueError("expected either `rungs` or both `min` and `max`")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError(f"`min < max` must hold, but got min={self.min}, max={self.max}")
        if len(self.at) < 2 or any(after <= before for before, after in zip(self.at, self.at[1:], strict=False)):
            raise ValueError(f"expected at least two rungs, ascending, got {list(self.at)}")
        return self

    @cached_property
    def at(self) -> tuple[int, ...]:
        """The rungs, the last one included."""
        if self.rungs or self.min is None or self.max is None:
            return self.rungs
        found, rung = [], float(self.min)
        # what would be nearer to the last rung than half a step is that rung
        while rung < self.max / self.eta**0.5:
            found.append(round(rung))
            rung *= self.eta
        return tuple(dict.fromkeys([*found, self.max]))


class Budget(Section):
    """What a sweep may cost; when any of it is used up, running jobs finish their rung and nothing new starts.

    So no more than ``epochs`` or ``steps`` are trained; hours are exceeded by what was running when they ended.

    Attributes:
        epochs: trained, of all trials together; or ``steps``, where rungs count these.
        card_hours: wall time of all launches times their cards (on CPU: their workers).
        hours: wall time while the sweep runs.
    """

    epochs: Count | None = None
    steps: Count | None = None
    card_hours: Hours | None = None
    hours: Hours | None = None

    @model_validator(mode="after")
    def _any(self) -> Budget:
        if not self.model_dump(exclude_none=True):
            raise ValueError("expected at least one of epochs, steps, card_hours, hours")
        return self
