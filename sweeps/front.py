"""The front and its knee: pure functions over arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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
    valid = ~np.isnan(points).any(axis=1)
    mask: npt.NDArray[np.bool_] = valid.copy()
    for i in np.flatnonzero(valid):
        others = points[valid]
        dominated = np.all(others <= points[i], axis=1) & np.any(others < points[i], axis=1)
        mask[i] = not dominated.any()
    return mask


def knee(front: Losses) -> int:
    """Return the index of the front's knee: the point nearest to the ideal one.

    Each objective is scaled to [0, 1] over the front, the ideal point is 0 everywhere, the distance is Euclidean
    (the compromise solution of Yu, "A class of solutions for group decision problems", Management Science 1973). Of
    equally near points the first is taken.

    Raises:
        ValueError: the front is empty.
    """
    if not len(front):
        raise ValueError("an empty front has no knee")
    low, high = front.min(axis=0), front.max(axis=0)
    spread = np.where(high > low, high - low, 1.0)
    return int(np.argmin(np.linalg.norm((front - low) / spread, axis=1)))
