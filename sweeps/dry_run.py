"""``lorasweep start --dry-run``: what a sweep is going to run, what that costs, whether it fits a card."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sweeps.config import load_sweep
from sweeps.fidelity import MOST
from sweeps.forecast import Forecast, affordable, forecast, largest
from sweeps.length import Length, sample
from sweeps.plan import Plan, make_plan
from sweeps.rates import Rates
from sweeps.rates import rates as measured_rates
from sweeps.stores import Stores
from sweeps.training_data import of_recipe
from sweeps.view import settings_text
from trainer.lora import LoraError
from trainer.memory import EstimateError, Memory, capacity, estimate

_GIB = 2**30
_HOUR = 3600.0
_BY_HOURS = "the budget of hours decides how many trials there are; what one costs"


def dry_run(file: Path, runs: Path, trials: int | None, step_ms: float | None, console: Console) -> None:
    """Print the plan of a sweep.

    Args:
        trials: instead of the file's.
        step_ms: milliseconds of a training step; None: as the sweep's own logs say, if it has run already.

    Raises:
        FileFaults, RecipeError, LoraError, DataError: the input is not fit to start.
    """
    # names and paths of the user's are no markup
    say = partial(console.print, soft_wrap=True, markup=False)
    config, document = load_sweep(file)
    plan = make_plan(config, document, Stores(runs))
    rates = measured_rates(plan.folder, step_ms)
    sampled, failed = sample(config)
    lengths = [Length.of(plan.recipe, settings, plan.rows(settings), config.slots.workers) for settings in sampled]
    unit = config.unit
    steps = statistics.mean(length.steps_per_epoch for length in lengths) if unit == "epochs" else 1.0
    # without halving trials may differ in their length
    whole = round(statistics.mean(length.epochs for length in lengths))
    expected, why = _expected(plan, trials, (whole,) if config.halving is None else config.halving.at, steps, rates)
    say(f"{config.name}: {why}, {steps:.0f} steps an epoch" if unit == "epochs" else f"{config.name}: {why}")
    console.print(_rungs_table(expected, unit, rates, plan))
    if not expected.rungs[-1].jobs:
        last = expected.rungs[-1].fidelity
        say(f"WARNING: the budget ends before any trial reaches {last} {unit}; raise it, or lower the rungs.")
    say(f"{rates.source}\n")
    if config.enqueue:
        console.print(_enqueued_table(plan, unit, rates))
    if failed:
        tried = len(sampled) + len(failed)
        say(f"WARNING: {len(failed)} of {tried} configurations tried would fail: {failed[0]}")
    say("\n".join(_memory(plan, sampled)))


def _expected(
    plan: Plan, trials: int | None, rungs: tuple[int, ...], steps: float, rates: Rates
) -> tuple[Forecast, str]:
    """Return what is expected to run, and why so many trials."""
    config, budget, wanted = plan.config, plan.config.budget, trials or plan.config.trials
    eta = 3.0 if config.halving is None else config.halving.eta
    cost = partial(
        forecast,
        rungs,
        eta,
        seconds_per_unit=(rates.step or 0.0) * steps,
        seconds_per_job=rates.job,
        cards=config.slots.workers,
    )
    units = math.inf if budget is None else budget.epochs or budget.steps or math.inf
    count, why, fill = wanted, f"{wanted} trials", False
    if math.isfinite(units) and (wanted is None or affordable(units, rungs, eta) < wanted):
        # one starts in any case: where trials differ in their length, others may be shorter
        count, fill = max(1, affordable(units, rungs, eta)), True
        why = f"{count} trials, as many as a budget of {units} lets start"
    for name, hours in _hours(plan).items():
        if rates.step is None:
            why = f"{why}, unless the budget of {hours:g} {name} ends it" if count else _BY_HOURS
            count = count or 1
            continue
        card_hours = hours * (config.slots.workers * config.slots.count if name == "hours" else 1)
        paid = largest(count or MOST, card_hours, lambda n: cost(n).card_hours)
        if count is None or paid < count:
            count, fill = max(1, paid), False
            why = f"{count} trials, as many as a budget of {hours:g} {name} pays for"
    return cost(count or 1, units=units, fill=fill), why


def _hours(plan: Plan) -> dict[str, float]:
    budget = plan.config.budget
    given = {} if budget is None else {"card_hours": budget.card_hours, "hours": budget.hours}
    return {name: hours for name, hours in given.items() if hours is not None}


def _rungs_table(expected: Forecast, unit: str, rates: Rates, plan: Plan) -> Table:
    cards = plan.config.slots.workers * plan.config.slots.count
    table = Table(title="Rungs", title_justify="left")
    for name in (
        "to",
        "jobs",
        f"{unit} each",
        f"{unit} in all",
        "card-hours",
        f"hours, {plan.config.slots.count} jobs at a time",
    ):
        table.add_column(name, justify="right", overflow="fold")

    def add(name: str, jobs: int, each: str, units: int, card_hours: float, *, end: bool = False) -> None:
        known = rates.step is not None
        hours = (f"{card_hours:.3g}", f"{card_hours / cards:.3g}") if known else ("?", "?")
        table.add_row(name, str(jobs), each, str(units), *hours, end_section=end)

    for i, rung in enumerate(expected.rungs):
        last = i + 1 == len(expected.rungs)
        add(str(rung.fidelity), rung.jobs, str(rung.units), rung.jobs * rung.units, rung.card_hours, end=last)
    if len(expected.rungs) > 1:
        add("all", expected.jobs, "", expected.units, expected.card_hours)
        whole, trials = expected.rungs[-1].fidelity, expected.rungs[0].jobs
        add("without halving", trials, str(whole), expected.units_without, expected.card_hours_without)
        saved = expected.saved if rates.step is not None else 1 - expected.units / expected.units_without
        table.caption = f"Halving saves {saved:.0%}."
    return table


def _enqueued_table(plan: Plan, unit: str, rates: Rates) -> Table:
    table = Table(title="Enqueued configurations, each trained to its end", title_justify="left")
    for name in ("trial", "steps", "card-hours", "GiB a card"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("configuration", overflow="fold")
    config = plan.config
    for number, params in enumerate(config.enqueued_params()):
        settings = {**config.space.settings(params), **config.length()}
        length = Length.of(plan.recipe, settings, plan.rows(settings), config.slots.workers)
        steps = length.steps if unit == "epochs" or config.halving is None else config.halving.at[-1]
        hours = "?" if rates.step is None else f"{steps * rates.step * config.slots.workers / _HOUR:.3g}"
        try:
            size = f"{card_memory(plan, settings).total / _GIB:.3g}"
        except (EstimateError, LoraError):
            size = "?"  # why is said below
        table.add_row(str(number), str(steps), hours, size, Text(settings_text(config.space.configuration(params))))
    return table


def card_memory(plan: Plan, settings: Mapping[str, object]) -> Memory:
    """Estimate what a configuration needs of each of its cards; raises as ``trainer.memory.estimate``."""
    return estimate(plan.recipe.set(of_recipe(settings)), str(plan.config.recipe), plan.config.slots.workers)


def _memory(plan: Plan, sampled: Sequence[Mapping[str, object]]) -> list[str]:
    """Return what the largest configuration of the sample needs, and a warning where that is more than a card has."""
    try:
        memories = [card_memory(plan, settings) for settings in sampled]
        limit = capacity(plan.recipe.set(plan.config.space.fixed), str(plan.config.recipe))
    except (EstimateError, LoraError) as error:
        return [f"Memory cannot be estimated: {error}"]
    most = max(memories, key=lambda memory: memory.total)
    parts = ("weights", "gradients", "optimizer", "activations")
    sizes = ", ".join(f"{name} {getattr(most, name) / _GIB:.2g}" for name in parts)
    said = [
        f"Memory a card, at most ({len(sampled)} configurations tried): {most.total / _GIB:.3g} GiB ({sizes}); an "
        "estimate that was never compared with a card, see trainer/memory.py."
    ]
    if limit is not None and most.total > limit:
        over = sum(memory.total > limit for memory in memories)
        said.append(
            f"WARNING: that is more than context.max_device_memory, {limit / _GIB:.3g} GiB; so are {over} of the "
            f"{len(sampled)} configurations. Lower batch size, seq_length or rank, or turn recompute on."
        )
    elif limit is not None:
        said.append(f"It fits context.max_device_memory, {limit / _GIB:.3g} GiB.")
    return said
