"""A running sweep at one moment, drawn for whatever terminal shows it: wide or narrow, with colours or without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from sweeps.cells import literal
from sweeps.config import SweepConfig
from sweeps.results import Front
from sweeps.sparkline import sparkline, thin
from sweeps.view import number, settings_text, value_cell
from trainer.course import BINS, Course

_NARROW, _WIDE = 60, 100
_TREND, _RECENT = 24, 10
# lines that are neither jobs nor points of the front: titles, heads, budget, trend, the shell's prompt
_OTHER_LINES = 10
_FEWEST_LINES = 3


@dataclass(frozen=True)
class Progress:
    """One running job.

    Attributes:
        rung: that it runs to; None: the end of the training.
        slot: that it holds; with its host's name where that is another one.
        seconds: since its start.
        step: its last one of how many, or what it does instead of training.
        losses: as ``Course.losses``, or none.
        loss: the last one; None where there is none.
        seconds_left: of its training; None: not known yet.
    """

    label: str
    rung: int | None
    slot: str
    seconds: float
    step: str
    losses: Sequence[float | None]
    loss: float | None
    seconds_left: float | None

    @classmethod
    def of(cls, label: str, rung: int | None, slot: str, seconds: float, course: Course | None) -> Progress:
        """Return how a job stands.

        Args:
            course: of its training; None: its log is on another host.
        """
        if course is None:
            return cls(label, rung, slot, seconds, "log elsewhere", (), None, None)
        last = course.last
        if last is not None and last.global_step < course.end:
            step = f"{last.global_step}/{course.end}"
        else:
            # of the base nothing is trained
            step = "measuring" if last is not None or label == "base" else "starting"
        if last is None:
            return cls(label, rung, slot, seconds, step, (), None, None)
        return cls(label, rung, slot, seconds, step, course.losses, last.loss, course.seconds_left)


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


class Picture:
    """Draws a snapshot, for rich: by its console's width and height, in characters that it has."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._now = snapshot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines from top to bottom."""
        width, room = options.max_width, max(2 * _FEWEST_LINES, console.size.height - _OTHER_LINES)
        jobs = self._now.jobs[: max(_FEWEST_LINES, room // 2)]
        yield literal(f"{self._now.config.name}: {self._now.headline}", "bold")
        yield self._jobs(jobs, width, options.ascii_only)
        if len(jobs) < len(self._now.jobs):
            yield Text(f"and {len(self._now.jobs) - len(jobs)} more jobs", style="dim")
        if self._now.volumes:
            yield self._trend(options.ascii_only)
        if self._now.front.results:
            yield from self._front(max(_FEWEST_LINES, room - len(jobs)), width)

    def _jobs(self, jobs: Sequence[Progress], width: int, ascii_only: bool) -> Table:
        shown = ["job", "step", "losses", "left"]
        if width >= _NARROW:
            shown = ["job", "to", "slot", "step", "losses", "loss", "left"]
        if width >= _WIDE:
            shown.append("running")
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for name in shown:
            table.add_column(name, no_wrap=True, justify="right" if name in ("step", "loss", "left") else "left")
        parts = 8 if width < _NARROW else 12 if width < _WIDE else 24
        for job in jobs:
            cells = {
                "job": job.label,
                "to": "" if job.rung is None else f"{job.rung} {self._now.config.unit}",
                "slot": job.slot,
                "step": job.step,
                "losses": sparkline(_merged(job.losses, parts), ascii_only=ascii_only),
                "loss": "" if job.loss is None else f"{job.loss:.3f}",
                "left": "" if job.seconds_left is None else duration(job.seconds_left),
                "running": duration(job.seconds),
            }
            table.add_row(*(literal(cells[name]) for name in shown))
        return table

    def _trend(self, ascii_only: bool) -> Text:
        volumes = self._now.volumes
        recent = volumes[-1] - (volumes[-_RECENT - 1] if len(volumes) > _RECENT else 0.0)
        bars = sparkline(thin(volumes, _TREND), ascii_only=ascii_only)
        measured = f"{min(len(volumes), _RECENT)} measurements" if len(volumes) > 1 else "measurement"
        return Text(f"hypervolume {number(volumes[-1])} {bars} +{number(recent)} by the last {measured}")

    def _front(self, lines: int, width: int) -> RenderResult:
        front, objectives = self._now.front, self._now.config.objectives
        results = front.results[:lines]
        if front.knee is not None and front.knee not in results:
            results = (*results[:-1], front.knee)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=width >= _WIDE)
        table.add_column(f"front ({len(front.results)})", no_wrap=True)
        for objective in objectives:
            table.add_column(
                literal(f"{objective.metric} ({objective.direction[:3]})"), justify="right", overflow="fold"
            )
        if width >= _WIDE:
            # as wide as the others leave it
            table.add_column("configuration", no_wrap=True, ratio=1)
        for result in results:
            knee = result == front.knee
            values = [value_cell(result, objective.metric) for objective in objectives]
            shown = [value.line if width >= _WIDE else value.parts[0] for value in values]
            cells = [f"{result.point}{' knee' if knee else ''}", *shown]
            cells += [settings_text(result.configuration)] if width >= _WIDE else []
            table.add_row(*(literal(cell) for cell in cells), style="bold" if knee else "")
        yield table
        if len(results) < len(front.results):
            yield Text(f"and {len(front.results) - len(results)} more: `lorasweep front`", style="dim")


def _merged(losses: Sequence[float | None], parts: int) -> list[float | None]:
    """Return the means of neighbours, so many that ``parts`` are left; ``parts`` divides ``BINS``."""
    size = BINS // parts
    groups = [[loss for loss in losses[i : i + size] if loss is not None] for i in range(0, len(losses), size)]
    return [sum(group) / len(group) if group else None for group in groups]


def duration(seconds: float) -> str:
    """Return seconds as a reader takes them in at a glance: ``40 s``, ``12 min``, ``3.2 h``, ``2.5 d``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} d"


def _in_words(seconds_left: float | None) -> str:
    return f" ({duration(seconds_left)} left)" if seconds_left else ""
