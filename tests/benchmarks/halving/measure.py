"""Hypervolume over paid epochs, of what a method owns by then.

Two measures: ``paid``, every epoch of every trial is a point, whoever trained it (a checkpoint is a checkpoint);
``full``, only trials at the last epoch are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeps.front import nondominated
from tests.benchmarks.halving.clock import Job
from tests.benchmarks.halving.problem import MAXIMIZE, Array, Config

MEASURES = ("paid", "full")


@dataclass(frozen=True)
class Scale:
    """Turns objectives into losses from 0, the ideal, to 1, the reference; what is better than the ideal is negative.

    Attributes:
        log: whether the last objective, the number of parameters, enters by its logarithm.
    """

    ideal: Array
    reference: Array
    log: bool

    @classmethod
    def of(cls, sample: Array, log: bool) -> Scale:
        """Return the scale of a sample (points, 3): its best is the ideal, its worst the reference."""
        losses = _losses(sample, log)
        return cls(losses.min(axis=0), losses.max(axis=0), log)

    def apply(self, values: Array) -> Array:
        """Return the losses of ``values`` (points, 3), same shape."""
        scaled: Array = (_losses(values, self.log) - self.ideal) / (self.reference - self.ideal)
        return scaled


def _losses(values: Array, log: bool) -> Array:
    losses = np.where(MAXIMIZE, -values, values)
    if log:
        losses[:, -1] = np.log(losses[:, -1])
    return losses


@dataclass(frozen=True)
class Paid:
    """The epochs of a run in the order in which they ended.

    Attributes:
        values: (epochs, 3) objectives.
        last: (epochs,) whether it is the last of its trial's whole training.
    """

    values: Array
    last: npt.NDArray[np.bool_]


def paid(jobs: Sequence[Job], curve: Callable[[Config], Array]) -> Paid:
    """Return what was paid for; of epochs that end at the same time the earliest trial's comes first."""
    ended, trials, values, last = [], [], [], []
    for job in jobs:
        start, end = job.step.start_epoch, job.step.end_epoch
        whole = curve(job.step.config)
        ended.append(job.started + 1 + np.arange(end - start))
        trials.append(np.full(end - start, job.step.trial))
        values.append(whole[start:end])
        last.append(np.arange(start + 1, end + 1) == len(whole))
    order = np.lexsort((np.concatenate(trials), np.concatenate(ended)))
    return Paid(np.concatenate(values)[order], np.concatenate(last)[order])


def anytime(run: Paid, scale: Scale, measure: str, checkpoints: Sequence[int]) -> list[float]:
    """Return the hypervolume of what had been paid for after so many epochs; after the run's end it stays."""
    losses = scale.apply(run.values)
    # what is as bad as the reference anywhere adds nothing
    counts = (losses < 1).all(axis=1) & (run.last if measure == "full" else True)
    front, volume, before = np.empty((0, losses.shape[1])), 0.0, 0
    volumes = []
    for checkpoint in checkpoints:
        new = losses[before:checkpoint][counts[before:checkpoint]]
        before = checkpoint
        new = new[~_covered(new, front)]
        if len(new):
            front = np.vstack([front, new])
            front = front[nondominated(front)]
            volume = hypervolume(front)
        volumes.append(volume)
    return volumes


def _covered(points: Array, front: Array) -> npt.NDArray[np.bool_]:
    covered: npt.NDArray[np.bool_] = (front[None] <= points[:, None]).all(axis=2).any(axis=1)
    return covered


def hypervolume(losses: Array) -> float:
    """Return the volume between ``losses`` (points, 3), each below 1, and the reference (1, 1, 1).

    Sweeps along the third objective and keeps the area that is dominated in the first two, as a staircase (Beume et
    al., "On the complexity of computing the hypervolume indicator", 2009): n log n but for what leaves the staircase.
    """
    volume, area, level = 0.0, 0.0, 0.0
    xs: list[float] = []  # ascending; ys descending
    ys: list[float] = []
    for x, y, z in losses[np.argsort(losses[:, 2])].tolist():
        volume, level = volume + area * (z - level), z
        place = bisect_left(xs, x)
        if (place and ys[place - 1] <= y) or (place < len(xs) and xs[place] == x and ys[place] <= y):
            continue
        edge, ceiling, end = x, ys[place - 1] if place else 1.0, place
        while end < len(xs) and ys[end] >= y:
            area += (xs[end] - edge) * (ceiling - y)
            edge, ceiling, end = xs[end], ys[end], end + 1
        area += ((xs[end] if end < len(xs) else 1.0) - edge) * (ceiling - y)
        xs[place:end], ys[place:end] = [x], [y]
    return volume + area * (1.0 - level)


def epochs_to_reach(volumes: Sequence[float], checkpoints: Sequence[int], target: float) -> float:
    """Return the first checkpoint at which the hypervolume is at least ``target``; infinity: never."""
    reached = np.flatnonzero(np.asarray(volumes) >= target - 1e-12)
    return float(checkpoints[reached[0]]) if len(reached) else float("inf")
