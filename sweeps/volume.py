"""The hypervolume of a sweep: how much of the box between a fixed reference and the ideal its front dominates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    The reference is a gate's bound on the objective; else, of what the recipe tells before a run (as ``ratio``), the
    worst of the search space; else what the untouched base measured; of what the base cannot tell (``seconds``,
    ``train_loss``) twice the first trial's value.

    Args:
        first: any measured trial.
    """
    space = _space_ends(plan)
    return [_axis(plan, objective, base, first, space.get(i)) for i, objective in enumerate(plan.config.objectives)]


def _axis(plan: Plan, objective: Objective, base: Result, first: Result, ends: tuple[float, float] | None) -> Axis:
    metric, larger = objective.metric, objective.direction == "maximize"
    bounds = [gate.limit(base.values) for gate in plan.config.gates if gate.metric == metric]
    bounds = [bound for bound in bounds if np.isfinite(bound)]
    if ends is not None:
        worst, ideal = ends if larger else ends[::-1]
    elif metric in base.scores:
        worst, ideal = base.values[metric], 100.0 if larger else 0.0
    elif metric in base.values and metric != "seconds":
        worst = base.values[metric]
        ideal = worst + (1.0 if larger else -1.0)
    else:
        worst, ideal = 2 * first.values[metric], 0.0
    if bounds:
        worst = (max if larger else min)(bounds)
    if worst == ideal:
        ideal = worst + (1.0 if larger else -1.0)
    return Axis(worst, ideal)


def _space_ends(plan: Plan) -> dict[int, tuple[float, float]]:
    """Return the lowest and highest value of each objective that is known before a run, over a fixed sample
    and two corners."""
    encoding, known = Encoding(plan.config.space), known_objectives(plan)
    drawn = np.random.default_rng(0).random((_SAMPLE, encoding.dimensions))
    # the corners: an adapter is largest with the highest rank on all modules
    points = np.vstack([drawn, np.zeros_like(drawn[:1]), np.ones_like(drawn[:1])])
    sample = [known(params) for params in [*encoding.decode(points), *plan.config.enqueued_params()]]
    return {i: (min(v[i] for v in sample), max(v[i] for v in sample)) for i in sample[0]}


def hypervolume(
    measured: Sequence[Result], objectives: Sequence[Objective], axes: Sequence[Mapping[str, float]]
) -> float:
    """Return the share of the box that the feasible results dominate; above 1 where the ideal was only a unit.

    Args:
        axes: ``asdict`` of each ``Axis``.
    """
    feasible = [result for result in measured if result.feasible]
    values = np.array([[r.values[o.metric] for o in objectives] for r in feasible]).reshape(-1, len(objectives))
    reference = np.array([axis["reference"] for axis in axes])
    ideal = np.array([axis["ideal"] for axis in axes])
    # 1 at the reference, 0 at the ideal
    return front.hypervolume((values - ideal) / (reference - ideal), np.ones(len(objectives)))
