"""Which checkpoints of a trial are handed in: five evenly spaced over the whole training, and the one measured last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.checkpoints import checkpoints, evenly_spaced
from trainer.paths import TrialPaths


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that a trial kept.

    Attributes:
        adapter: its LoRA weights.
        step: since the start of the training; None where that is not known.
        number: which of the evenly spaced ones it is, from 1; None: it is the one that was measured, ``best``.
    """

    adapter: Path
    step: int | None
    number: int | None

    @property
    def name(self) -> str:
        """What it is called where it is handed in."""
        return "best" if self.number is None else f"{self.number}_step_{self.step}"


def kept(rungs: Sequence[TrialPaths], measured: int | None, whole: int | None) -> list[Checkpoint]:
    """Return the checkpoints that are there, the evenly spaced ones first.

    Args:
        rungs: folders of the trial, the lowest rung first; the adapter of the last one was measured.
        measured: step of that adapter.
        whole: steps of the whole training; None: not known, so nothing is evenly spaced over them.
    """
    found = checkpoints(rung.checkpoints for rung in rungs)
    due = [] if whole is None else [i + 1 for i in evenly_spaced(whole)]
    spaced: list[Checkpoint] = []
    for number, (first, end) in enumerate(zip(due, [*due[1:], float("inf")], strict=False), 1):
        # where several steps are done at a time, it is the first at or after the one that is due
        step = next((step for step in found if first <= step < end), None)
        if step is not None:
            spaced.append(Checkpoint(found[step], step, number))
    best = rungs[-1].adapter
    return [*spaced, *([Checkpoint(best, measured, None)] if best.exists() else [])]
