"""Whether a finished run is a point of a sweep's search space: which one, or all reasons why not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from search_spaces.distributions import CategoricalParameter, IntParameter, OptunaValue, Parameter, SubsetParameter
from search_spaces.expression import ExpressionError
from sweeps.dossier.recipes import section
from sweeps.fidelity import EPOCHS
from sweeps.importing.run import FinishedRun
from sweeps.length import BATCH
from sweeps.plan import Plan
from trainer import yaml_text
from trainer.lora import Accounting

_MOST_TRIED = 100_000
_NETWORK = ("type", "hidden_size", "num_layers", "num_heads", "n_kv_heads", "vocab_size", "intermediate_size")
_TARGETS = "model.model_config.pet_config.target_modules"
_ABSENT = object()


@dataclass(frozen=True)
class Fit:
    """The point of the space that a run is.

    Attributes:
        rung: the last one; None where the sweep has no rungs.
    """

    params: Mapping[str, OptunaValue]
    configuration: Mapping[str, object]
    settings: Mapping[str, object]
    rung: int | None


def fit(run: FinishedRun, plan: Plan) -> Fit | list[str]:
    """Return the point of the sweep's space that a run is, or why it is none.

    Compared are the network, the length of the training and every recipe path that the sweep sets; batches by what all
    cards take together. What both recipes leave alone (optimizer, schedule, seed) is not.
    """
    reasons = [*_network_faults(run, plan), *_length_faults(run, plan)]
    values = {path: _value(run, plan, path) for path, _ in plan.config.space.paths()}
    candidates, faults = _candidates(plan, values)
    reasons += faults
    fixed = {**plan.config.space.fixed, **plan.config.length()}
    reasons += [
        f"{path} is {values.get(path)!r}, but the sweep fixes {value!r}"
        for path, value in fixed.items()
        if path != EPOCHS and values.get(path, _ABSENT) not in (_ABSENT, value)
    ]
    if reasons:
        return reasons
    for params in _points(plan, candidates):
        settings = plan.config.space.settings(params)
        if all(_equal(settings[path], values[path]) for path in settings if path in values and path not in fixed):
            rung = None if plan.config.halving is None else plan.config.halving.at[-1]
            return Fit(params, plan.config.space.configuration(params), settings, rung)
    derived = {path: values[path] for d in plan.config.space.derived.values() for path in d.sets if path in values}
    return [f"no choice of its parameters gives {', '.join(f'{path} {value!r}' for path, value in derived.items())}"]


def _network_faults(run: FinishedRun, plan: Plan) -> Iterator[str]:
    ours, theirs = (values["model"]["model_config"] for values in (plan.recipe.values, run.recipe.values))
    for key in _NETWORK:
        if ours.get(key) != theirs.get(key):
            yield f"model.model_config.{key} is {theirs.get(key)!r}, but the sweep's recipe has {ours.get(key)!r}"
    if isinstance(run.recipe.accounting, str):
        yield f"its parameters cannot be counted: {run.recipe.accounting}"


def _length_faults(run: FinishedRun, plan: Plan) -> Iterator[str]:
    """Compare the length of the whole training, in epochs or steps."""
    last, halving = run.steps[-1], plan.config.halving
    if halving is not None and halving.unit == "steps":
        if last.total_steps != halving.at[-1]:
            yield f"it trained {last.total_steps} steps, but the sweep's last rung is at {halving.at[-1]}"
        return
    if EPOCHS not in {path for path, _ in plan.config.space.paths()} or EPOCHS in plan.config.space.fixed:
        epochs = plan.units({}, None if halving is None else halving.at[-1])
        if last.epochs != epochs:
            yield f"it trained {last.epochs} epochs, but the sweep's trials train {epochs}"


def _value(run: FinishedRun, plan: Plan, path: str) -> object:
    """Return what a run was set to at a path, as the sweep's recipe would say it; ``_ABSENT`` where it does not say."""
    try:
        value: object = yaml_text.follow(run.recipe.values, path.split("."))
    except (KeyError, IndexError, TypeError, ValueError):
        return _ABSENT
    if path == BATCH and isinstance(value, int):
        cards = _data_parallel(plan.recipe.values)
        together = value * _data_parallel(run.recipe.values)
        return together // cards if together % cards == 0 else together / cards
    if path == _TARGETS and isinstance(run.recipe.accounting, Accounting):
        return frozenset(module.name for module in run.recipe.accounting.modules)
    return value


def _data_parallel(values: Mapping[str, object]) -> int:
    size = section(values, "parallel_config").get("data_parallel", 1) if values.get("use_parallel") else 1
    return size if type(size) is int and size > 0 else 1


def _candidates(plan: Plan, values: Mapping[str, object]) -> tuple[dict[str, list[object]], list[str]]:
    """Return for each parameter the values that it may have had: one where it sets a path, else all that it can."""
    found: dict[str, list[object]] = {}
    reasons = []
    for name, parameter in plan.config.space.parameters.items():
        given = [values[path] for path in parameter.sets]
        if not parameter.sets:
            found[name] = _choices(parameter)
            continue
        value = given[0]
        if isinstance(parameter, SubsetParameter) and isinstance(value, frozenset):
            value = [member for member in parameter.of if member in value] + sorted(value - set(parameter.of))
        if value is _ABSENT and parameter.when:
            continue
        try:
            if value is _ABSENT:
                raise ValueError(f"{parameter.sets[0]} is not in the YAML")
            parameter.encode(name, value)
            found[name] = [value]
        except ValueError as error:
            reasons.append(f"{name}: {error}")
    return found, reasons


def _choices(parameter: Parameter) -> list[object]:
    if isinstance(parameter, CategoricalParameter):
        return list(parameter.choices)
    if isinstance(parameter, IntParameter):
        return list(range(parameter.low, min(parameter.high, parameter.low + _MOST_TRIED) + 1, parameter.step))
    return []


def _points(plan: Plan, candidates: Mapping[str, Sequence[object]]) -> Iterator[dict[str, OptunaValue]]:
    space = plan.config.space
    names = list(candidates)
    for values in itertools.islice(itertools.product(*candidates.values()), _MOST_TRIED):
        params: dict[str, OptunaValue] = {}
        for name, value in zip(names, values, strict=True):
            params |= space.parameters[name].encode(name, value)
        try:
            complete = space.complete(params)
            space.settings(complete)
        except (KeyError, ValueError, ExpressionError):
            continue
        yield complete


def _equal(ours: object, theirs: object) -> bool:
    if isinstance(theirs, frozenset) and isinstance(ours, str):
        return {part.removeprefix(".*") for part in ours.split("|")} == theirs
    if isinstance(ours, float) and isinstance(theirs, (int, float)):
        return math.isclose(ours, theirs, rel_tol=1e-12)
    return bool(ours == theirs)
