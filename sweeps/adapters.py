"""Which adapter a command is to work on: a trial's, or anyone's with its recipe."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sweeps.export import kept_files, read_job
from sweeps.read import Known
from sweeps.selection import select
from trainer import ranks
from trainer.recipe import Recipe
from trainer.weights import Weights


@dataclass(frozen=True)
class Adapter:
    """A trained adapter.

    Attributes:
        name: what messages call it.
        file: its checkpoint, or the folder of its ranks.
        recipe: that it was trained with.
        base: of which it is; None: in its own checkpoint, or not known.
        strategy: of a training that was cut into slices.
    """

    name: str
    file: Path
    recipe: Recipe
    base: Path | None = None
    strategy: Path | None = None

    @classmethod
    def of_trial(cls, known: Known, selected: str) -> Adapter:
        """Return a trial's; raises ``SelectionError``, or ``StoreError`` where its files are gone or broken."""
        result = select(selected, known)
        trial = kept_files(known, result)
        return cls(result.point, trial.adapter, Recipe.read(trial.recipe), read_job(trial).base)

    def weights(self) -> AbstractContextManager[Weights]:
        """Give the weights of its checkpoint, as ``trainer.ranks.read`` does."""
        return ranks.read(self.file, self.strategy)
