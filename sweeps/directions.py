"""Hypervolume gains of many points at once, by random directions: pure functions over arrays.

The volume that a set of points dominates within a box is the mean, over directions of the positive orthant, of how far
the set reaches in each: ``HV = c * E_d max_y min_k max(0, (r_k - y_k) / d_k) ** m`` for a reference point r (Zhang and
Golovin, "Random hypervolume scalarizations for provable multi-objective black box optimization", ICML 2020; Deng and
Zhang, "Approximating hypervolume and hypervolume contributions using polar coordinate", 2019). With the directions
held, each gain is a difference of two maxima: a thousand candidates cost milliseconds in any number of objectives.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, qmc

Array = npt.NDArray[np.float64]


@lru_cache(maxsize=32)
def directions(count: int, objectives: int, seed: int = 0) -> Array:
    """Return ``count`` unit vectors of the positive orthant, evenly spread: (count, objectives)."""
    cube = qmc.Sobol(objectives, rng=np.random.default_rng(seed)).random(count)
    spread = np.abs(norm.ppf(0.5 + np.clip(cube, 1e-9, 1 - 1e-9) / 2))
    unit: Array = spread / np.linalg.norm(spread, axis=1, keepdims=True)
    unit.setflags(write=False)
    return unit


def reach(losses: Array, towards: Array) -> Array:
    """Return each point's share of the volume in each direction: (points, directions).

    Args:
        losses: (points, objectives) with the reference point at 1 everywhere, or (directions, points, objectives):
            other losses in each direction.
        towards: (directions, objectives), of ``directions``.
    """
    gains = np.maximum(1.0 - losses, 0.0)
    if gains.ndim == 2:
        gains = gains[None]
    length = (gains[..., 0]) / towards[:, None, 0]
    for k in range(1, towards.shape[1]):
        np.minimum(length, gains[..., k] / towards[:, None, k], out=length)
    shares: Array = length.T ** towards.shape[1]
    return shares


def greedy(shares: Array, covered: Array, count: int) -> list[int]:
    """Choose ``count`` points one by one, each the one that adds most volume to those before; of equals the first.

    Greedy subset selection reaches at least 1 - 1/e of the best subset's volume (Guerreiro, Fonseca and Paquete,
    "Greedy hypervolume subset selection in low dimensions", Evolutionary Computation 2016).

    Args:
        shares: (points, directions), of ``reach``.
        covered: (directions,), what is reached already; zeros where nothing is.
    """
    left, best, chosen = np.ones(len(shares), bool), covered.copy(), []
    for _ in range(min(count, len(shares))):
        gains = np.where(left, np.maximum(shares - best, 0.0).sum(axis=1), -1.0)
        pick = int(gains.argmax())
        chosen.append(pick)
        left[pick] = False
        best = np.maximum(best, shares[pick])
    return chosen
