"""The front and its knee: pure functions over arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from optuna._hypervolume import compute_hypervolume

Losses = npt.NDArray[np.float64]
"""(points, objectives), every column to be minimized."""


def losses(values: npt.ArrayLike, maximize: tuple[bool, ...]) -> Losses:
    """Turn objective values of shape (points, objectives) into losses: columns to be maximized change sign."""
    array = np.asarray(values, dtype=np.float64).reshape(-1, len(maximize))
    return np.where(maximize, -array, array)


def nondominated(points: Losses) -> npt.NDArray[np.bool_]:
    """Mark the points that no other point dominates.

    A point dominates another where it is at least as good everywhere and better somewhere; equal points do not
    dominate each other, so both are marked. A point with a NaN is never marked and dominates nothing.

    Returns:
        (points,) mask.
    """
    mask = np.zeros(len(points), np.bool_)
    left = np.flatnonzero(~np.isnan(points).any(axis=1))
    # what dominates a point has a smaller sum, or where that is rounded away stands before it column by column
    left = left[np.lexsort((*points[left].T[::-1], points[left].sum(axis=1)))]
    while len(left):
        first = points[left[0]]
        mask[left[0]] = True
        dominated = np.all(first <= points[left], axis=1) & np.any(first < points[left], axis=1)
        left = left[1:][~dominated[1:]]
    return mask


def layers(points: Losses, enough: int) -> npt.NDArray[np.int_]:
    """Number the layers of nondominated points: 1 the front, 2 what is the front without the first, and so on.

    Goldberg's ranking ("Genetic Algorithms in Search, Optimization and Machine Learning", 1989), as NSGA-II has it.

    Args:
        enough: layers of so many points together are numbered, the last one whole.

    Returns:
        (points,) numbers; 0 for a point with a NaN and beyond.
    """
    found = np.zeros(len(points), np.int_)
    left = np.flatnonzero(~np.isnan(points).any(axis=1))
    layer = 0
    while len(left) and np.count_nonzero(found) < enough:
        layer += 1
        front = nondominated(points[left])
        found[left[front]] = layer
        left = left[~front]
    return found


def hypervolume(points: Losses, reference: Losses) -> float:
    """Return the volume that ``points`` dominate, bounded by ``reference`` (objectives,).

    By Optuna's own function, which is exact: in two and three objectives by sweeping, above by WFG (While, Bradstreet
    and Barone, "A fast way of calculating exact hypervolumes", 2012). It is not public there, so Optuna is pinned.
    """
    within = points[np.all(points < reference, axis=1)]
    if not len(within):
        return 0.0
    return float(compute_hypervolume(within[nondominated(within)], reference, assume_pareto=True))


def knee(front: Losses, tried: Losses) -> int:
    """Return the index of the front's knee: the point that gains most in all objectives together.

    It has the largest product over objectives of ``(worst - loss) / (worst - best)``, worst and best over all points
    that were tried: the bargaining solution of Nash ("The bargaining problem", Econometrica 1950), with the worst that
    was seen as what there is without an agreement. The units of objectives do not matter, and a point that is worst in
    any of them is never the knee while another gains in all. Of equally good points the first is taken.

    Args:
        front: (points, objectives).
        tried: (points, objectives), those of the front among them.

    Raises:
        ValueError: the front is empty.
    """
    if not len(front):
        raise ValueError("an empty front has no knee")
    worst, best = tried.max(axis=0), tried.min(axis=0)
    spread = np.where(worst > best, worst - best, 1.0)
    gains = np.where(worst > best, (worst - front) / spread, 1.0)
    return int(np.argmax(gains.prod(axis=1)))
