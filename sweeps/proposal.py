"""The next configuration: the one that is expected to add most hypervolume to the front.

Objectives that are known before the launch, such as the parameter ratio, enter exactly; the others by what
``sweeps.surrogate`` predicts of them. The expectation is taken over directions (``sweeps.directions``), with one draw
of the prediction in each. Gates enter by their probability (Schonlau, Welch and Jones, 1998), the user's configurations
by a prior whose weight falls as 1/n (Hvarfner et al., "piBO", ICLR 2022): it leads as long as little was measured, and
no more when the data say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from search_spaces.encoding import Encoding, Points
from sweeps.directions import Array, directions, reach
from sweeps.front import nondominated
from sweeps.surrogate import Model

_DIRECTIONS = 128
_RANDOM, _LOCAL, _REFINED = 112, 96, 48
_STEP, _SMALL_STEP, _FAR = 0.15, 0.05, 0.1
_PRIOR_WIDTH, _PRIOR_FLOOR, _PRIOR_STRENGTH = 0.15, 0.05, 10.0


@dataclass(frozen=True)
class Landscape:
    """What is known when a configuration is chosen.

    Attributes:
        known: vectors (n, dimensions) -> losses (n, objectives), NaN where they have to be learned; all infinite where
            the configuration cannot be trained.
        models: objective -> its model, for those that are learned; of a vector with the fidelity behind it.
        gates: a model of each gate's violation.
        fidelity: what stands behind a vector to ask a model for the rung that is predicted.
        attained: (points, objectives), measured or expected of what was started already.
        ideal: (objectives,), best loss that was seen.
        reference: (objectives,), worst loss that still counts.
        near: (points, dimensions), vectors to look for better ones around; may be none.
        priors: (configurations, dimensions), of the user's.
        measured: how many trials were measured.
    """

    known: Callable[[Points], Array]
    models: Mapping[int, Model]
    gates: Sequence[Model]
    fidelity: float
    attained: Array
    ideal: Array
    reference: Array
    near: Points
    priors: Points
    measured: int


def propose(landscape: Landscape, encoding: Encoding, rng: np.random.Generator) -> Points:
    """Return the vector of the next configuration, shape (1, dimensions)."""
    covered = _covered(landscape)
    drawn = rng.random((_RANDOM, encoding.dimensions))
    around = np.vstack([landscape.near, landscape.priors])
    candidates = encoding.snap(np.vstack([drawn, _around(around, _LOCAL, _STEP, rng)]))
    scores = _score(landscape, candidates, covered, rng)
    best = candidates[np.argsort(-scores, kind="stable")[:8]]
    refined = encoding.snap(_around(best, _REFINED, _SMALL_STEP, rng))
    every = np.vstack([candidates, refined])
    scores = np.concatenate([scores, _score(landscape, refined, covered, rng)])
    return every[[int(scores.argmax())]]


def _around(points: Points, count: int, step: float, rng: np.random.Generator) -> Points:
    """Return ``count`` points around ``points``, each moved in some of its dimensions; without these anywhere."""
    if not len(points):
        return rng.random((count, points.shape[1]))
    centres = points[rng.integers(len(points), size=count)]
    moved = rng.random(centres.shape) < max(0.3, 2 / centres.shape[1])
    # a choice, which is 0 or 1, changes by a long way only
    far = (rng.random(centres.shape) < _FAR) * rng.uniform(-1, 1, centres.shape)
    moved_points: Points = np.clip(centres + moved * rng.normal(0, step, centres.shape) + far, 0, 1)
    return moved_points


def _covered(landscape: Landscape) -> Array:
    towards = directions(_DIRECTIONS, len(landscape.ideal))
    # what is dominated reaches no further in any direction
    scaled = _scaled(landscape, landscape.attained[nondominated(landscape.attained)])
    shares = reach(scaled, towards)
    covered: Array = shares.max(axis=0, initial=0.0)
    return covered


def _scaled(landscape: Landscape, losses: Array) -> Array:
    scaled: Array = (losses - landscape.ideal) / (landscape.reference - landscape.ideal)
    return scaled


def _score(landscape: Landscape, candidates: Points, covered: Array, rng: np.random.Generator) -> Array:
    """Return what each candidate is expected to be worth, (candidates,); minus infinity where it cannot be trained."""
    inputs = np.hstack([candidates, np.full((len(candidates), 1), landscape.fidelity)])
    mean = landscape.known(candidates)
    trainable = ~np.isinf(mean).any(axis=1)
    deviation = np.zeros_like(mean)
    for objective, model in landscape.models.items():
        mean[:, objective], deviation[:, objective] = model.predict(inputs)
    draws = rng.standard_normal((_DIRECTIONS, 1, mean.shape[1]))
    losses = _scaled(landscape, mean + draws * deviation)
    gains = np.maximum(reach(losses, directions(_DIRECTIONS, mean.shape[1])) - covered, 0.0).mean(axis=1)
    for gate in landscape.gates:
        violation, doubt = gate.predict(inputs)
        gains *= norm.cdf(-violation / np.maximum(doubt, 1e-12))
    scores = np.log(gains + 1e-12) + _log_prior(landscape, candidates)
    # what is known of others but not of this one has no value there
    return np.where(trainable & np.isfinite(mean).all(axis=1), scores, -np.inf)


def _log_prior(landscape: Landscape, candidates: Points) -> Array:
    if not len(landscape.priors):
        return np.zeros(len(candidates))
    apart = candidates[:, None, :] - landscape.priors[None]
    nearness = np.exp(-0.5 * (apart**2).mean(axis=2) / _PRIOR_WIDTH**2).max(axis=1)
    logs: Array = _PRIOR_STRENGTH / max(landscape.measured, 1) * np.log(nearness + _PRIOR_FLOOR)
    return logs
