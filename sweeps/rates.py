"""What a training step and a job of a sweep take, measured where it has run already."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

from trainer.measurement import Measurement
from trainer.step_log import parse


@dataclass(frozen=True)
class Rates:
    """What a step and a job take.

    Attributes:
        step: seconds; None: not known.
        job: seconds that each job measures items.
        source: where they come from.
    """

    step: float | None
    job: float
    source: str


def rates(folder: Path, step_ms: float | None) -> Rates:
    """Return what steps and jobs of the sweep in ``folder`` take, as its own logs say if it has run already.

    Args:
        step_ms: milliseconds of a training step, in place of what the logs say.
    """
    seconds = [s for log in folder.glob("**/msrun_log/worker_*.log") for s in _step_seconds(log)]
    measured = [Measurement.read(file).seconds for file in folder.glob("**/measurement.json")]
    jobs = [part["worker"] - part["train"] for part in measured if "train" in part]
    job = statistics.median(jobs) if jobs else 0.0
    evaluating = (
        f"; {job:.0f} s to measure items, the median of {len(jobs)} jobs" if jobs else "; measuring items not counted"
    )
    if step_ms is not None:
        return Rates(step_ms / 1000, job, f"Step: {step_ms:g} ms, as given{evaluating}. Start-up is not counted.")
    if seconds:
        step = statistics.median(seconds)
        source = f"Step: {1000 * step:.0f} ms, the median of {len(seconds)} in this sweep's logs{evaluating}."
        return Rates(step, job, f"{source} Start-up is not counted.")
    return Rates(None, 0.0, "Hours are not known: nothing of this sweep has run yet; give --step-ms.")


def _step_seconds(log: Path) -> list[float]:
    # the first step of a launch compiles the graph
    return [record.seconds for record in parse(log.read_text("utf-8", "replace").splitlines())][1:]
