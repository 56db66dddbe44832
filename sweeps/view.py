"""What the user sees while a sweep runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sweeps.config import Objective
from sweeps.results import Front, Result, shown
from trainer.step_log import StepRecord

_PLAIN_SECONDS = 30.0


@dataclass(frozen=True)
class Progress:
    """One running job as the view needs it: its name, its last step, its wall time."""

    label: str
    step: StepRecord | None
    seconds: float


class View:
    """Shows a running sweep; a context manager.

    Args:
        console: where to write; a live table where it is a terminal, else a line an event.
        objectives: what the columns are.
        total: trials that the sweep ends with.
    """

    def __init__(self, console: Console, objectives: Sequence[Objective], total: int) -> None:
        self._console, self._objectives, self._total = console, objectives, total
        self._live = Live(console=console, refresh_per_second=2, transient=True) if console.is_terminal else None
        self._spoken = time.monotonic()

    def __enter__(self) -> View:
        """Start the live table."""
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """Print one line that stays."""
        self._console.print(Text(text), soft_wrap=True)

    def started(self, label: str, configuration: Mapping[str, object]) -> None:
        """A job was launched."""
        settings = "  ".join(f"{name}={shown(value)}" for name, value in configuration.items())
        self.say(f"{label} started  {settings or 'the untouched base model'}")

    def finished(self, label: str, values: Mapping[str, float], seconds: float) -> None:
        """A job measured its values."""
        measured = "  ".join(f"{o.metric}={number(values.get(o.metric))}" for o in self._objectives)
        self.say(f"{label} done in {seconds:.0f} s  {measured}")

    def failed(self, label: str, reason: str) -> None:
        """A job ended without a measurement."""
        self.say(f"{label} failed: {reason}")

    def show(self, jobs: Sequence[Progress], results: Sequence[Result], front: Front) -> None:
        """Show the state of now: redrawn on a terminal, a line every half minute elsewhere."""
        done = sum(result.state in ("complete", "failed") for result in results)
        if self._live:
            self._live.update(self._tables(jobs, done, front))
        elif time.monotonic() - self._spoken > _PLAIN_SECONDS:
            self._spoken = time.monotonic()
            states = "  ".join(f"{job.label} {_step(job.step)}" for job in jobs)
            self.say(f"{done}/{self._total} trials done  {states}")

    def _tables(self, jobs: Sequence[Progress], done: int, front: Front) -> RenderableType:
        running = Table(title=f"{done} of {self._total} trials done", title_justify="left", expand=False)
        for name in ("job", "progress", "step", "loss", "seconds"):
            running.add_column(name)
        for job in jobs:
            step = job.step
            bar = ProgressBar(step.total_steps if step else 1, step.global_step if step else 0, width=24)
            loss = "" if step is None else f"{step.loss:.3f}"
            running.add_row(job.label, bar, _step(step), loss, f"{job.seconds:.0f}")
        return Group(running, front_table(front, self._objectives))


def front_table(front: Front, objectives: Sequence[Objective]) -> Table:
    """Return the front as a table: trial, objectives with their 95 % intervals, parameters; the knee is marked."""
    table = Table(title="Front: feasible trials that no other dominates", title_justify="left", expand=False)
    table.add_column("trial", no_wrap=True)
    for objective in objectives:
        arrow = "max" if objective.direction == "maximize" else "min"
        table.add_column(f"{objective.metric} ({arrow})", justify="right")
    names = list(dict.fromkeys(name for result in front.results for name in result.configuration))
    for name in names:
        table.add_column(name, justify="right")
    for result in front.results:
        knee = result is front.knee
        table.add_row(
            f"{result.label}{' knee' if knee else ''}",
            *(with_interval(result, objective.metric) for objective in objectives),
            *(shown(result.configuration.get(name, "")) for name in names),
            style="bold" if knee else "",
        )
    return table


def with_interval(result: Result, metric: str) -> str:
    """Return a value with its interval, ``61.2 [57.0, 65.3]``; without one where it was not measured on items."""
    if metric not in result.intervals:
        return number(result.values.get(metric))
    low, high = result.intervals[metric]
    return f"{number(result.values[metric])} [{number(low)}, {number(high)}]"


def number(value: float | None) -> str:
    """Return a value with four significant digits."""
    return "" if value is None else f"{value:.4g}"


def _step(step: StepRecord | None) -> str:
    return "starting" if step is None else f"{step.global_step}/{step.total_steps}"
