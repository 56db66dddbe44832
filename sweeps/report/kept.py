"""The checkpoints that a trial kept, as its report lists them."""

from __future__ import annotations

from collections.abc import Sequence

from sweeps.checkpoints import Checkpoint, kept
from sweeps.report.context import HandedIn
from sweeps.report.evidence import Evidence
from trainer import files


def of_trial(trial: Evidence) -> list[Checkpoint]:
    """Return the checkpoints that are there, the evenly spaced ones first, then the best."""
    last = trial.steps.last
    return kept(list(trial.rungs.values()), trial.measured.steps, None if last is None else last[1].total_steps)


def adapters(trial: Evidence) -> Sequence[HandedIn]:
    """Return them as they lie, not merged."""
    return [
        HandedIn(
            number=checkpoint.number,
            step=checkpoint.step,
            name=trial.folder.name(checkpoint.adapter),
            bytes=checkpoint.adapter.stat().st_size,
            sha256=files.digest(checkpoint.adapter),
        )
        for checkpoint in of_trial(trial)
    ]
