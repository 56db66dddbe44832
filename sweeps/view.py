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

from sweeps.config import Objective, SweepConfig
from sweeps.results import Front, Result, shown
from trainer.lora import Accounting
from trainer.step_log import StepRecord

_PLAIN_SECONDS = 30.0


@dataclass(frozen=True)
class Progress:
    """One running job as the view needs it: its name, the rung that it runs to, its last step, its wall time."""

    label: str
    rung: int | None
    step: StepRecord | None
    seconds: float


class View:
    """Shows a running sweep; a context manager.

    Args:
        console: where to write; a live table where it is a terminal, else a line an event.
        objectives: what the columns are.
        total: trials that are started at most; None: as many as the budget allows.
        unit: what rungs count.
    """

    def __init__(self, console: Console, objectives: Sequence[Objective], total: int | None, unit: str) -> None:
        self._console, self._objectives, self._total, self._unit = console, objectives, total, unit
        self._is_over = False
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

    def started(self, label: str, configuration: Mapping[str, object], rung: int | None) -> None:
        """A job was launched."""
        self.say(f"{label} started{self._to(rung, 'to')}  {settings_text(configuration) or 'the untouched base model'}")

    def finished(self, label: str, values: Mapping[str, float], seconds: float, rung: int | None) -> None:
        """A job measured its values."""
        measured = "  ".join(f"{o.metric}={number(values.get(o.metric))}" for o in self._objectives)
        self.say(f"{label} done{self._to(rung, 'at')} in {seconds:.0f} s  {measured}")

    def over(self, part: str) -> None:
        """A part of the budget is used up; said once."""
        if not self._is_over:
            self.say(f"budget: no {part} left; running jobs finish, nothing new starts")
        self._is_over = True

    def _to(self, rung: int | None, word: str) -> str:
        return "" if rung is None else f" {word} {self._unit.removesuffix('s')} {rung}"

    def failed(self, label: str, reason: str) -> None:
        """A job ended without a measurement."""
        self.say(f"{label} failed: {reason}")

    def show(self, jobs: Sequence[Progress], started: int, front: Front, left: Mapping[str, float]) -> None:
        """Show the state of now: redrawn on a terminal, a line every half minute elsewhere.

        Args:
            left: what is left of each part of the budget.
        """
        if self._live:
            self._live.update(self._tables(jobs, self._progress(started, left), front))
        elif time.monotonic() - self._spoken > _PLAIN_SECONDS:
            self._spoken = time.monotonic()
            states = "  ".join(f"{job.label} {_step(job.step)}" for job in jobs)
            self.say(f"{self._progress(started, left)}  {states}")

    def _progress(self, started: int, left: Mapping[str, float]) -> str:
        total = "" if self._total is None else f" of {self._total}"
        rest = ", ".join(f"{value:.3g} {name}" for name, value in left.items())
        return f"{started}{total} trials started" + (f"; left: {rest}" if rest else "")

    def _tables(self, jobs: Sequence[Progress], title: str, front: Front) -> RenderableType:
        running = Table(title=title, title_justify="left", expand=False)
        for name in ("job", "to", "progress", "step", "loss", "seconds"):
            running.add_column(name)
        for job in jobs:
            step = job.step
            bar = ProgressBar(step.total_steps if step else 1, step.global_step if step else 0, width=24)
            loss = "" if step is None else f"{step.loss:.3f}"
            to = "" if job.rung is None else f"{job.rung} {self._unit}"
            running.add_row(job.label, to, bar, _step(step), loss, f"{job.seconds:.0f}")
        return Group(running, front_table(front, self._objectives, None))


def front_table(front: Front, objectives: Sequence[Objective], base: Result | None) -> Table:
    """Return the front as a table, the base above it for comparison; the knee is marked."""
    table = _table("Front: feasible trials that no other dominates", objectives)
    if base is not None:
        _add(table, base, "", objectives, "dim", end=True)
    for result in front.results:
        knee = result == front.knee
        _add(table, result, "knee" if knee else "front", objectives, "bold" if knee else "")
    return table


def results_table(
    results: Sequence[Result], base: Result | None, objectives: Sequence[Objective], front: Front
) -> Table:
    """Return every trial as a table, with its state; where it failed, why."""
    table = _table("Trials", objectives)
    if base is not None:
        _add(table, base, "", objectives, "dim", end=True)
    for result in results:
        state = result.state if result.rung is None else f"{result.state} at {result.rung}"
        missed = [gate for gate, violation in result.violations.items() if violation > 0]
        if result == front.knee:
            state = "knee"
        elif result in front.results:
            state = "front"
        elif result.comparable and missed:
            state = "misses " + ", ".join(missed)
        below = [point for point in front.of(result.number) if point != result]
        state += "; imported" if result.imported else ""
        state += "".join(f"; {'knee' if p == front.knee else 'front'} at {p.rung}" for p in below)
        _add(table, result, state, objectives, "red" if result.reason else "")
    return table


def spent_text(config: SweepConfig, spent: Mapping[str, float]) -> str:
    """Return what a sweep has cost so far, and its budget, in one line."""
    unit = "epochs" if config.halving is None else config.halving.unit
    hours = {name: spent.get(name, 0.0) / 3600 for name in ("card_seconds", "seconds")}
    used = f"Spent: {spent.get('units', 0.0):.0f} {unit}, {hours['card_seconds']:.3g} card-hours"
    limits = {} if config.budget is None else config.budget.model_dump(exclude_none=True)
    budget = ", ".join(f"{value:g} {name}" for name, value in limits.items())
    return f"{used}, {hours['seconds']:.3g} hours" + (f"; budget: {budget}" if budget else "")


def accounting_table(accounting: Accounting, denominator: int | None) -> Table:
    """Return parameter counts as a table: each kind of module that the adapter fits, then the sums."""
    table = Table(title="Parameters", title_justify="left")
    for name in ("module", "number", "in -> out", "trainable"):
        table.add_column(name, justify="left" if name == "module" else "right")
    for module in accounting.modules:
        shape = f"{module.inputs} -> {module.outputs}"
        table.add_row(module.name, str(module.count), shape, f"{module.trainable:,}")
    table.add_section()
    table.add_row("trainable", "", "", f"{accounting.trainable:,}")
    table.add_row("base model", "", "", f"{accounting.total:,}")
    by = accounting.total if denominator is None else denominator
    table.add_row(f"ratio = trainable / {by:,}", "", "", repr(accounting.ratio(denominator)))
    return table


def _table(title: str, objectives: Sequence[Objective]) -> Table:
    table = Table(title=title, title_justify="left", caption="In brackets: 95 % intervals.", caption_justify="left")
    table.add_column("trial", no_wrap=True)
    table.add_column("state")
    for objective in objectives:
        table.add_column(f"{objective.metric} ({objective.direction[:3]})", justify="right")
    table.add_column("configuration")
    return table


def _add(
    table: Table, result: Result, state: str, objectives: Sequence[Objective], style: str, *, end: bool = False
) -> None:
    values = [with_interval(result, objective.metric) for objective in objectives]
    settings = settings_text(result.configuration) or ("the untouched base" if result.number is None else "")
    cells = (result.point, state, *values, "\n".join(filter(None, (settings, result.reason))))
    # as Text: what comes from a sweep file is no markup
    table.add_row(*map(Text, cells), style=style, end_section=end)


def settings_text(configuration: Mapping[str, object]) -> str:
    """Return a configuration as one line."""
    return "  ".join(f"{name}={shown(value)}" for name, value in configuration.items())


def with_interval(result: Result, metric: str) -> str:
    """Return a value with its interval, ``61.2 [57.0, 65.3]``; without one where it was not measured on items."""
    if metric not in result.scores:
        return number(result.values.get(metric))
    score = result.scores[metric]
    return f"{number(score.value)} [{number(score.low)}, {number(score.high)}]"


def number(value: float | None) -> str:
    """Return a value with four significant digits."""
    return "" if value is None else f"{value:.4g}"


def _step(step: StepRecord | None) -> str:
    return "starting" if step is None else f"{step.global_step}/{step.total_steps}"
