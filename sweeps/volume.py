"""The hypervolume of a sweep: how much of the box between a fixed reference and the ideal its front dominates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from search_spaces.encoding import Encoding
from sweeps import front
from sweeps.config import Objective
from sweeps.plan import Plan
from sweeps.results import Result
from sweeps.sampling import known_objectives

_SAMPLE = 512


@dataclass(frozen=True)
class Axis:
    """One objective's side of the box.

    Attributes:
        reference: value from which on a trial counts.
        ideal: value that cannot be surpassed; where none is known, one unit better than the reference.
    """

    reference: float
    ideal: float


def box(plan: Plan, base: Result, first: Result) -> list[Axis]:
    """Return the box of a sweep, an axis an objective. It must be kept: with another one volumes cannot be compared.

    The reference is the tightest bound of the gates that ask for what the objective aims at; else, of what the recipe
    tells before a run (as ``ratio``), the worst of the search space; else what the untouched base measured; of what the
    base cannot tell (``seconds``, ``train_loss``, what is computed from them, formulas without a value for the base)
    as much worse than the first trial's as that is large: of ``seconds``, to be minimized, twice the first trial's.

    Args:
        first: any measured trial.
    """
    space, trained = _space_ends(plan), _of_training(plan)
    return [
        _axis(plan, objective, base, first, space.get(i), objective.metric in trained)
        for i, objective in enumerate(plan.config.objectives)
    ]


def _axis(
    plan: Plan, objective: Objective, base: Result, first: Result, ends: tuple[float, float] | None, trained: bool
) -> Axis:
    metric, sign = objective.metric, 1.0 if objective.direction == "maximize" else -1.0
    ideal: float | None = None
    if ends is not None:
        worst, ideal = ends if sign > 0 else ends[::-1]
        if worst == ideal:
            worst = ideal - sign * (abs(ideal) or 1.0)
    elif metric in base.scores:
        ideal = 100.0 if sign > 0 else 0.0
        # nothing would surpass a base that has it all
        worst = base.values[metric] if base.values[metric] != ideal else 100.0 - ideal
    elif not trained and math.isfinite(base.values.get(metric, math.nan)):
        worst = base.values[metric]
    else:
        seen = first.values[metric]
        far = abs(seen) or 1.0
        worst, ideal = seen - sign * far, seen + sign * far
    bounds = [gate.limit(base.values) for gate in plan.config.gates if gate.metric == metric and gate.sign == sign]
    if bounds := [sign * bound for bound in bounds if math.isfinite(bound)]:
        worst = sign * max(bounds)
    if ideal is None or sign * (ideal - worst) <= 0:
        ideal = worst + sign
    return Axis(worst, ideal)


def _of_training(plan: Plan) -> set[str]:
    """Return the metrics that the launch of the base, which trains nothing, says nothing of."""
    found = {"seconds", "train_loss"}
    for name, formula in plan.config.metrics.items():
        if formula.names & found:
            found.add(name)
    return found


def _space_ends(plan: Plan) -> dict[int, tuple[float, float]]:
    """Return the lowest and highest value of each objective that is known before a run, over a fixed sample
    and two corners."""
    known = known_objectives(plan)
    ends: dict[int, tuple[float, float]] = {}
    for params in [*Encoding(plan.config.space).sample(_SAMPLE, 0), *plan.config.enqueued_params()]:
        with suppress(ValueError):  # a configuration that no recipe can take: its trial fails
            for i, value in known(params).items():
                low, high = ends.get(i, (value, value))
                ends[i] = (min(low, value), max(high, value))
    return ends


def hypervolume(
    measured: Sequence[Result], objectives: Sequence[Objective], axes: Sequence[Mapping[str, float]]
) -> float:
    """Return the share of the box that the feasible results dominate; above 1 where the ideal was only a unit.

    Args:
        axes: ``asdict`` of each ``Axis``.
    """
    feasible = [result for result in measured if result.feasible]
    return front.hypervolume(_scaled(feasible, objectives, axes), np.ones(len(objectives)))


def growth(
    measured: Sequence[Result], objectives: Sequence[Objective], axes: Sequence[Mapping[str, float]]
) -> list[float]:
    """Return ``hypervolume`` after each of ``measured``, from the first to all of them.

    Each adds what it alone dominates: its box less what the others dominate of that (While, Bradstreet and Barone, "A
    fast way of calculating exact hypervolumes", 2012), so that a long sweep is not measured anew at every step.
    """
    ones, shares, share = np.ones(len(objectives)), [], 0.0
    kept = np.empty((0, len(objectives)))
    for result, point in zip(measured, _scaled(measured, objectives, axes), strict=True):
        if result.feasible and np.all(point < 1) and not np.any(np.all(kept <= point, axis=1)):
            share += float(np.prod(1 - point)) - front.hypervolume(np.maximum(kept, point), ones)
            kept = np.vstack([kept[~np.all(point <= kept, axis=1)], point])
        shares.append(share)
    return shares


def _scaled(
    results: Sequence[Result], objectives: Sequence[Objective], axes: Sequence[Mapping[str, float]]
) -> front.Losses:
    """Return (results, objectives), 1 at the reference and 0 at the ideal."""
    values = np.array([[r.values[o.metric] for o in objectives] for r in results]).reshape(-1, len(objectives))
    reference = np.array([axis["reference"] for axis in axes])
    ideal = np.array([axis["ideal"] for axis in axes])
    scaled: front.Losses = (values - ideal) / (reference - ideal)
    return scaled
