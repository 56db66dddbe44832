"""Tables and lines about sweeps, as commands print them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from sweeps.config import Objective, SweepConfig
from sweeps.results import Front, Result, shown
from trainer.lora import Accounting

# of a terminal: what a log or a sweep file holds of them would do there what its writer wants
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


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
    unit = config.unit
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
        table.add_column(literal(f"{objective.metric} ({objective.direction[:3]})"), justify="right")
    table.add_column("configuration")
    return table


def _add(
    table: Table, result: Result, state: str, objectives: Sequence[Objective], style: str, *, end: bool = False
) -> None:
    values = [with_interval(result, objective.metric) for objective in objectives]
    settings = settings_text(result.configuration) or ("the untouched base" if result.number is None else "")
    cells = (result.point, state, *values, "\n".join(filter(None, (settings, result.reason))))
    table.add_row(*(literal(cell) for cell in cells), style=style, end_section=end)


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


def literal(text: str, style: str = "") -> Text:
    """Return a text as it is: nothing in it is markup, and what steers a terminal is replaced."""
    return Text(_CONTROLS.sub("\ufffd", text), style)
