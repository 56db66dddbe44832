"""A running sweep at one moment: its jobs, its budget, its front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sweeps.config import SweepConfig
from sweeps.results import Front
from trainer.course import Course


@dataclass(frozen=True)
class Progress:
    """One running job.

    Attributes:
        rung: that it runs to; None: the end of the training.
        slot: that it holds.
        host: where that is another one than this; else empty.
        seconds: since its start.
        step: its last one of how many, or what it does instead of training.
        losses: as ``Course.losses``, or none.
        loss: the last one; None where there is none.
        seconds_left: of its training; None: not known yet.
    """

    label: str
    rung: int | None
    slot: int
    host: str
    seconds: float
    step: str
    losses: Sequence[float | None]
    loss: float | None
    seconds_left: float | None

    @classmethod
    def of(
        cls, label: str, rung: int | None, slot: int, seconds: float, course: Course | None, host: str = ""
    ) -> Progress:
        """Return how a job stands.

        Args:
            course: of its training; None: its log is on another host.
        """
        if course is None:
            return cls(label, rung, slot, host, seconds, "log elsewhere", (), None, None)
        last = course.last
        if last is not None and last.global_step < course.end:
            step = f"{last.global_step}/{course.end}"
        else:
            # of the base nothing is trained
            step = "measuring" if last is not None or label == "base" else "starting"
        if last is None:
            return cls(label, rung, slot, host, seconds, step, (), None, None)
        return cls(label, rung, slot, host, seconds, step, course.losses, last.loss, course.seconds_left)


@dataclass(frozen=True)
class Snapshot:
    """A sweep at one moment.

    Attributes:
        total: trials that are started at most; None: as many as the budget allows.
        left: what is left of each part of the budget, by its name.
        volumes: share of the hypervolume's box after each measurement.
    """

    config: SweepConfig
    total: int | None
    started: int
    left: Mapping[str, float]
    jobs: Sequence[Progress]
    front: Front
    volumes: Sequence[float]

    @property
    def headline(self) -> str:
        """How many trials were started, and what is left of the budget."""
        total = "" if self.total is None else f" of {self.total}"
        rest = ", ".join(f"{value:.3g} {name}" for name, value in self.left.items())
        return f"{self.started}{total} trials started" + (f"; left: {rest}" if rest else "")

    @property
    def line(self) -> str:
        """All of it that fits on one line of a log."""
        jobs = [f"{job.label} {job.step}{_in_words(job.seconds_left)}" for job in self.jobs]
        return "  ".join([self.headline, *jobs])


def duration(seconds: float) -> str:
    """Return seconds as a reader takes them in at a glance: ``40 s``, ``12 min``, ``3.2 h``, ``2.5 d``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} d"


def _in_words(seconds_left: float | None) -> str:
    return f" ({duration(seconds_left)} left)" if seconds_left else ""
