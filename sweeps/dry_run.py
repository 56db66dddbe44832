"""``lorasweep start --dry-run``: what a sweep is going to run, what that costs, whether it fits a card."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from evaluation.items import read
from search_spaces.encoding import Encoding
from sweeps.config import load_sweep
from sweeps.forecast import Forecast, affordable, forecast, steps_per_epoch
from sweeps.plan import Plan, make_plan
from sweeps.stores import Stores
from sweeps.view import settings_text
from trainer.lora import LoraError
from trainer.measurement import Measurement
from trainer.memory import EstimateError, Memory, capacity, estimate
from trainer.step_log import parse

_SAMPLE = 128
_GIB = 2**30
_HOUR = 3600.0
_BATCH, _ACCUMULATION = "runner_config.batch_size", "runner_config.gradient_accumulation_steps"


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


def dry_run(file: Path, runs: Path, trials: int | None, step_ms: float | None, console: Console) -> None:
    """Print the plan of a sweep.

    Args:
        trials: instead of the file's.
        step_ms: milliseconds of a training step; None: as the sweep's own logs say, if it has run already.

    Raises:
        FileFaults, RecipeError, LoraError, DataError: the input is not fit to start.
    """
    config, document = load_sweep(file)
    plan = make_plan(config, document, Stores(runs))
    rates = _rates(plan, step_ms)
    halving = config.halving
    rungs, eta = ((plan.units({}, None),), 2.0) if halving is None else (halving.at, halving.eta)
    unit = "epochs" if halving is None else halving.unit
    sampled = [plan.config.space.settings(params) for params in _sample(plan)]
    steps = statistics.mean(_steps(plan, settings) for settings in sampled) if unit == "epochs" else 1.0
    count, why = _trials(plan, trials, rungs, eta)
    seconds = (rates.step or 0.0) * steps
    expected = forecast(
        rungs, eta, count, seconds_per_unit=seconds, seconds_per_job=rates.job, cards=config.slots.workers
    )
    console.print(f"{config.name}: {why}, {steps:.0f} steps an epoch" if unit == "epochs" else f"{config.name}: {why}")
    console.print(_rungs_table(expected, unit, rates, plan))
    console.print(f"{rates.source}\n", soft_wrap=True)
    if config.enqueue:
        console.print(_enqueued_table(plan, rungs[-1], unit, rates))
    console.print(*_memory(plan, sampled), sep="\n", soft_wrap=True)


def _sample(plan: Plan) -> list[Mapping[str, object]]:
    encoding = Encoding(plan.config.space)
    points = np.random.default_rng(plan.config.seed).random((_SAMPLE, encoding.dimensions))
    return [*encoding.decode(points), *plan.config.enqueued_params()]


def _steps(plan: Plan, settings: Mapping[str, object]) -> int:
    """Return the steps of an epoch, at most: items that ``seq_length`` cuts off whole are left out in training."""
    rows = _rows(plan.config.train.protocol, plan.config.train.data)
    accumulated = 1 if plan.recipe.faults([_ACCUMULATION]) else plan.recipe.get(_ACCUMULATION)
    batch = int(str(settings.get(_BATCH, plan.recipe.get(_BATCH)))) * int(str(settings.get(_ACCUMULATION, accumulated)))
    return steps_per_epoch(rows, batch, plan.config.slots.workers)


@cache
def _rows(protocol: str, data: Path) -> int:
    return len(read(protocol, data))


def _trials(plan: Plan, trials: int | None, rungs: tuple[int, ...], eta: float) -> tuple[int, str]:
    """Return how many trials are expected, and why so many."""
    budget, wanted = plan.config.budget, trials or plan.config.trials
    units = None if budget is None else budget.epochs or budget.steps
    if units is not None:
        most = affordable(units, rungs, eta) if len(rungs) > 1 else units // rungs[-1]
        if wanted is None or most < wanted:
            return most, f"{most} trials, as many as a budget of {units} lets reach their rungs"
    if wanted is None:
        return 1, "the budget of hours decides how many trials there are; what one costs"
    return wanted, f"{wanted} trials"


def _rates(plan: Plan, step_ms: float | None) -> Rates:
    seconds = [s for log in plan.folder.glob("**/msrun_log/worker_*.log") for s in _step_seconds(log)]
    measured = [Measurement.read(file).seconds for file in plan.folder.glob("**/measurement.json")]
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
        table.add_column(name, justify="right")

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


def _enqueued_table(plan: Plan, last: int, unit: str, rates: Rates) -> Table:
    table = Table(title="Enqueued configurations, each trained to its end", title_justify="left")
    for name in ("trial", "steps", "card-hours", "GiB a card"):
        table.add_column(name, justify="right")
    table.add_column("configuration")
    for number, params in enumerate(plan.config.enqueued_params()):
        settings = plan.config.space.settings(params)
        epochs = last if plan.config.halving is not None else plan.units(settings, None)
        steps = epochs * _steps(plan, settings) if unit == "epochs" else last
        hours = "?" if rates.step is None else f"{steps * rates.step * plan.config.slots.workers / _HOUR:.3g}"
        memory = next(_estimates(plan, [settings]), None)
        size = "?" if memory is None else f"{memory.total / _GIB:.3g}"
        table.add_row(str(number), str(steps), hours, size, settings_text(plan.config.space.configuration(params)))
    return table


def _estimates(plan: Plan, sampled: list[Mapping[str, object]] | list[dict[str, object]]) -> Iterator[Memory]:
    for settings in sampled:
        values = plan.recipe.set({**plan.config.space.fixed, **settings})
        yield estimate(values, str(plan.config.recipe), plan.config.slots.workers)


def _memory(plan: Plan, sampled: list[dict[str, object]]) -> list[str]:
    """Return what the largest configuration of the sample needs, and a warning where that is more than a card has."""
    try:
        largest = max(_estimates(plan, sampled), key=lambda memory: memory.total)
        limit = capacity(plan.recipe.set(plan.config.space.fixed), str(plan.config.recipe))
    except (EstimateError, LoraError) as error:
        return [f"Memory cannot be estimated: {error}"]
    parts = ("weights", "gradients", "optimizer", "activations")
    sizes = ", ".join(f"{name} {getattr(largest, name) / _GIB:.2g}" for name in parts)
    said = [
        f"Memory a card, at most ({len(sampled)} configurations tried): {largest.total / _GIB:.3g} GiB ({sizes}); an "
        "estimate that was never compared with a card, see trainer/memory.py."
    ]
    if limit is not None and largest.total > limit:
        over = sum(memory.total > limit for memory in _estimates(plan, sampled))
        said.append(
            f"WARNING: that is more than context.max_device_memory, {limit / _GIB:.3g} GiB; so are {over} of the "
            f"{len(sampled)} configurations. Lower batch size, seq_length or rank, or turn recompute on."
        )
    elif limit is not None:
        said.append(f"It fits context.max_device_memory, {limit / _GIB:.3g} GiB.")
    return said
