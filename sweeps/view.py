"""Tables and lines about sweeps, as commands print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from sweeps.cells import Cell
from sweeps.config import Objective, SweepConfig
from sweeps.results import Front, Result, shown
from sweeps.trial_table import Row, TrialTable
from trainer.lora import Accounting


def front_table(front: Front, objectives: Sequence[Objective], base: Result | None) -> TrialTable:
    """Return the front as a table, the base above it for comparison; the knee is marked."""
    rows = [] if base is None else [_row(base, "", objectives, "dim")]
    for result in front.results:
        knee = result == front.knee
        rows.append(_row(result, "knee" if knee else "front", objectives, "bold" if knee else ""))
    return _drawn("Front: feasible trials that no other dominates", objectives, rows)


def results_table(
    results: Sequence[Result], base: Result | None, objectives: Sequence[Objective], front: Front
) -> TrialTable:
    """Return every trial as a table, with its state; where it failed, why."""
    rows = [] if base is None else [_row(base, "", objectives, "dim")]
    rows += [_row(result, _state(result, front), objectives, "red" if result.reason else "") for result in results]
    return _drawn("Trials", objectives, rows)


def _state(result: Result, front: Front) -> str:
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
    return state + "".join(f"; {'knee' if p == front.knee else 'front'} at {p.rung}" for p in below)


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
        table.add_column(name, justify="left" if name == "module" else "right", overflow="fold")
    for module in accounting.modules:
        shape = f"{module.inputs} -> {module.outputs}"
        table.add_row(module.name, str(module.count), shape, f"{module.trainable:,}")
    table.add_section()
    table.add_row("trainable", "", "", f"{accounting.trainable:,}")
    table.add_row("base model", "", "", f"{accounting.total:,}")
    by = accounting.total if denominator is None else denominator
    table.add_row(f"ratio = trainable / {by:,}", "", "", repr(accounting.ratio(denominator)))
    return table


def _drawn(title: str, objectives: Sequence[Objective], rows: Sequence[Row]) -> TrialTable:
    return TrialTable(title, [metric_cell(objective) for objective in objectives], rows)


def _row(result: Result, state: str, objectives: Sequence[Objective], style: str) -> Row:
    values = [value_cell(result, objective.metric) for objective in objectives]
    is_base = result.number is None
    settings = Cell(("the untouched base",)) if is_base else settings_cell(result.configuration)
    return Row(result.point, state, values, settings, result.reason, style, is_base)


def metric_cell(objective: Objective) -> Cell:
    """Return what a column of an objective's values is called."""
    return Cell((objective.metric, f"({objective.direction[:3]})"))


def settings_cell(configuration: Mapping[str, object]) -> Cell:
    """Return a configuration, a part each parameter."""
    return Cell(tuple(f"{name}={shown(value)}" for name, value in configuration.items()), gap="  ")


def settings_text(configuration: Mapping[str, object]) -> str:
    """Return a configuration as one line."""
    return settings_cell(configuration).line


def value_cell(result: Result, metric: str) -> Cell:
    """Return a value and its interval, ``61.2 [57.0, 65.3]``; without one where it was not measured on items."""
    if metric not in result.scores:
        return Cell((number(result.values.get(metric)),))
    score = result.scores[metric]
    return Cell((number(score.value), f"[{number(score.low)}, {number(score.high)}]"))


def number(value: float | None) -> str:
    """Return a value with four significant digits."""
    return "" if value is None else f"{value:.4g}"
