"""Multi-objective asynchronous successive halving: who goes on. Pure functions over arrays, no I/O, no state.

Of the n trials measured at a rung, floor(n / eta) may go on, whenever a slot is free (ASHA: Li et al., "A system for
massively parallel hyperparameter tuning", MLSys 2020). Who is first there:

1. those that hold all gates, before those that miss one, which are ordered by how far they miss;
2. by non-dominated layers (Deb et al., "NSGA-II", 2002);
3. within a layer by the volume that a trial adds to what those that went on already dominate, so that the front stays
   spread (greedy hypervolume subset selection, see ``sweeps.directions``). MO-ASHA breaks these ties by distance alone
   (Schmucker et al., "Multi-objective asynchronous successive halving", 2021).

The same results give the same decisions, in whatever order they were measured: of equal trials the one with the lowest
number goes first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sweeps.directions import Array, directions, greedy, reach
from sweeps.front import nondominated

_DIRECTIONS = 128
_LARGEST = 1e100  # differences of numbers up to here are numbers
_MARGIN = 0.1  # of the spread, beyond the worst: else what is worst in any objective would add no volume


@dataclass(frozen=True)
class Cohort:
    """The trials measured at one rung.

    Attributes:
        trials: (n,) their numbers.
        losses: (n, objectives), each to be minimized; finite.
        violations: (n,) of ``worst_violations``, zero or less where all hold. What the measurement's interval allows
            counts as held: no trial is stopped for noise.
        promoted: (n,) whether the trial went on from here.
    """

    trials: npt.NDArray[np.int64]
    losses: Array
    violations: Array
    promoted: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        if not np.isfinite(self.losses).all():
            raise ValueError("a trial without finite losses cannot be compared: it failed")


def quota(measured: int, eta: float) -> int:
    """Return how many of ``measured`` trials may go on from a rung."""
    return math.floor(measured / eta + 1e-9)


def worst_violations(missed: Array, bounds: Array) -> Array:
    """Return by how much that gate is missed that is missed most, (n,): gates of any unit can be compared.

    What a gate is missed by counts in multiples of its bound; where that is zero or not known, in multiples of the
    spread among the trials.

    Args:
        missed: (n, gates) in each gate's unit, zero or less where it holds; infinite where that cannot be told.
        bounds: (gates,), zero or NaN where not known.
    """
    # what is missed infinitely tells nothing of the spread
    told = np.where(np.isfinite(missed), np.clip(missed, -_LARGEST, _LARGEST), np.nan)
    spread = np.fmax.reduce(told, initial=np.nan) - np.fmin.reduce(told, initial=np.nan)
    units = np.where(np.isfinite(bounds) & (bounds != 0), np.abs(bounds), spread)
    scaled = np.clip(missed, -_LARGEST, _LARGEST) / np.where(units > 0, units, 1.0)
    worst: Array = scaled.max(axis=1, initial=-math.inf)
    return worst


def best_left(cohort: Cohort) -> int | None:
    """Return the number of the best trial of a rung that has not gone on; None where all have."""
    left = np.flatnonzero(~cohort.promoted)
    if not len(left):
        return None
    feasible = cohort.violations <= 0
    if not feasible[left].any():
        violations = cohort.violations[left]
        left = left[violations == violations.min()]
        return _most_volume(cohort, left)
    candidates = np.flatnonzero(feasible)
    while True:
        # the best layer that has one left; those that went on are counted in it
        layer = candidates[nondominated(cohort.losses[candidates])]
        waiting = layer[~cohort.promoted[layer]]
        if len(waiting):
            return _most_volume(cohort, waiting)
        candidates = np.setdiff1d(candidates, layer)


def best(cohort: Cohort, count: int) -> list[int]:
    """Return the numbers of the ``count`` trials that would go on next, one after the other."""
    found: list[int] = []
    while len(found) < count and (trial := best_left(cohort)) is not None:
        found.append(trial)
        cohort = replace(cohort, promoted=cohort.promoted | (cohort.trials == trial))
    return found


def _most_volume(cohort: Cohort, waiting: npt.NDArray[np.int64]) -> int:
    """Return the number of that trial among ``waiting`` which adds most volume to those that went on."""
    best, worst = cohort.losses.min(axis=0), cohort.losses.max(axis=0)
    spread = np.where(worst > best, worst - best, 1.0)
    scaled = (cohort.losses - best) / (spread * (1 + _MARGIN))
    shares = reach(scaled, directions(_DIRECTIONS, cohort.losses.shape[1]))
    covered = shares[cohort.promoted].max(axis=0, initial=0.0)
    # it takes the first of equal ones
    waiting = waiting[np.argsort(cohort.trials[waiting])]
    return int(cohort.trials[waiting[greedy(shares[waiting], covered, 1)[0]]])
