"""Syne Tune's ``MOASHA``, its own class, and the same with its sorting put right."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.benchmarks.halving.clock import Step
from tests.benchmarks.halving.problem import MAXIMIZE, Array, Problem, Range

Indices = npt.NDArray[np.int64]


class Moasha:
    """A trial is looked at after each epoch and goes on until it is stopped; its worker then starts another.

    Settings are the class's defaults, with one bracket from 1 to all epochs: rungs at 1, 3, 9 and 27 of 52. It knows
    one direction for all metrics, so those to be maximized change sign.

    Args:
        repaired: see ``Priority``.
    """

    def __init__(self, problem: Problem, seed: int, repaired: bool) -> None:
        # the extra `benchmark` is not there when types are checked
        space = importlib.import_module("syne_tune.config_space")
        scheduler = importlib.import_module("syne_tune.optimizer.schedulers.multiobjective.moasha")
        self._trial = importlib.import_module("syne_tune.backend.trial_status").Trial
        self._names = [f"loss_{k}" for k in range(len(MAXIMIZE))]
        self._signs = np.where(MAXIMIZE, -1.0, 1.0)
        np.random.seed(seed)  # it draws configurations from numpy's global generator
        self._scheduler = scheduler.MOASHA(
            config_space={name: _domain(space, values) for name, values in problem.space.items()},
            metrics=self._names,
            time_attr="epoch",
            max_t=problem.epochs,
            random_seed=seed,
            multiobjective_priority=Priority(repaired),
        )
        self._trials: list[Any] = []

    def next(self, left: int) -> Step:
        """Start a trial."""
        trial = self._trial(len(self._trials), self._scheduler.suggest().config, datetime.min)
        self._trials.append(trial)
        self._scheduler.on_trial_add(trial)
        return Step(trial.trial_id, trial.config, 0, 1)

    def report(self, step: Step, values: Array) -> Step | None:
        """Go on by one epoch, or stop."""
        result = dict(zip(self._names, (values * self._signs).tolist(), strict=True)) | {"epoch": step.end_epoch}
        if self._scheduler.on_trial_result(self._trials[step.trial], result) != "CONTINUE":
            return None
        return Step(step.trial, step.config, step.end_epoch, step.end_epoch + 1)


class Priority:
    """What MOASHA asks of the losses at a rung, (n, objectives), whose last are those of the trial that reported.

    ``NonDominatedPriority`` of Syne Tune 0.16 returns the trials' indices in their order, not their ranks (and within a
    layer takes ranks for an order). ``Bracket.on_result`` reads its last entry as the priority of the trial that
    reported, which it is not: whether a trial is stopped hardly depends on what it measured. The class itself takes
    minutes for 2,000 trials; a test compares the two.

    Args:
        repaired: return the ranks that are meant there: by layers, within a layer by the epsilon net. Else what the
            class returns. Both are right as far as they are read: in their last entry.
    """

    def __init__(self, repaired: bool) -> None:
        self._repaired = repaired
        # by the first point of a rung, the same at each call
        self._rungs: dict[bytes, Layers] = {}

    def __call__(self, losses: Array) -> Indices:
        """Return the priorities, (n,)."""
        level = self._rungs.setdefault(losses[0].tobytes(), Layers()).of(losses)
        order = np.argsort(level, kind="stable")
        last = level[-1] if self._repaired else level.max()
        layer = np.flatnonzero(level == last)
        net, start = _net_ranks(losses[layer]), int((level < last).sum())
        if not self._repaired:
            order[start:] = layer[net]
            return order
        ranks = np.empty(len(losses), np.int64)
        ranks[order] = np.arange(len(losses))
        ranks[layer] = start + net
        return ranks


class Layers:
    """The non-dominated layers of points that come one by one, as in Li et al., "Efficient nondomination level update",
    IEEE Transactions on Cybernetics 2016: sorting all anew takes most of a minute for 2,000 points.
    """

    def __init__(self) -> None:
        self._losses, self._level = np.empty((0, 0)), np.empty(0, np.int64)

    def of(self, losses: Array) -> Indices:
        """Return the layer of each point, (n,), 0 the front; quick where all but the last points are known."""
        known = len(self._level)
        if not np.array_equal(self._losses, losses[:known]):
            self._level, known = np.empty(0, np.int64), 0
        self._losses = losses.copy()
        for end in range(known, len(losses)):
            self._add(losses[: end + 1])
        return self._level

    def _add(self, losses: Array) -> None:
        better = _dominates(losses[:-1], losses[-1:])[:, 0]
        level = int(self._level[better].max(initial=-1)) + 1
        self._level = np.append(self._level, level)
        moved = np.array([len(losses) - 1])
        while len(moved):
            others = np.setdiff1d(np.flatnonzero(self._level == level), moved)
            moved = others[_dominates(losses[moved], losses[others]).any(axis=0)]
            level += 1
            self._level[moved] = level


def _dominates(points: Array, others: Array) -> npt.NDArray[np.bool_]:
    """Return of each of ``points`` whether it dominates each of ``others``, (points, others)."""
    at_least = (points[:, None] <= others[None]).all(axis=2)
    better: npt.NDArray[np.bool_] = at_least & (points[:, None] < others[None]).any(axis=2)
    return better


def _net_ranks(points: Array) -> Indices:
    """Return each point's place when the best in the first loss comes first, then always what is farthest from all."""
    ranks = np.empty(len(points), np.int64)
    chosen = int(points[:, 0].argmin())
    distances = np.full(len(points), np.inf)
    for rank in range(len(points)):
        ranks[chosen] = rank
        distances = np.minimum(distances, np.linalg.norm(points - points[chosen], axis=1))
        distances[chosen] = -1.0
        chosen = int(distances.argmax())
    return ranks


def _domain(space: Any, values: Range) -> Any:
    kinds: dict[tuple[bool, bool], Callable[..., Any]] = {
        (True, True): space.lograndint,
        (True, False): space.randint,
        (False, True): space.loguniform,
        (False, False): space.uniform,
    }
    number = int if values.integer else float
    return kinds[values.integer, values.log](number(values.low), number(values.high))
