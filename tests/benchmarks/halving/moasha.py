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
        repaired: sort by ``priority_repaired`` instead of ``priority_as_shipped``.
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
            multiobjective_priority=priority_repaired if repaired else priority_as_shipped,
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


def priority_as_shipped(losses: Array) -> Indices:
    """Return what ``NonDominatedPriority`` of Syne Tune 0.16 returns, as far as MOASHA reads it: its last entry.

    ``Bracket.on_result`` reads it as the priority of the trial that reported. It is not: the class returns the trials'
    indices in their order, not their ranks (and within a layer takes ranks for an order), so whether a trial is stopped
    hardly depends on what it measured. The class itself takes minutes for 2,000 trials; a test compares the two.
    """
    layers = _layers(losses)
    layers[-1] = layers[-1][_net_ranks(losses[layers[-1]])]
    return np.concatenate(layers)


def priority_repaired(losses: Array) -> Indices:
    """Return the ranks that are meant there: by layers, within a layer by the epsilon net; exact for the last trial."""
    ranks = np.empty(len(losses), np.int64)
    better = 0
    for layer in _layers(losses):
        own = _net_ranks(losses[layer]) if layer[-1] == len(losses) - 1 else np.arange(len(layer))
        ranks[layer] = better + own
        better += len(layer)
    return ranks


def _layers(losses: Array) -> list[Indices]:
    """Return the indices of each non-dominated layer, ascending."""
    at_least = np.ones((len(losses), len(losses)), np.bool_)
    for column in losses.T:
        at_least &= column[:, None] <= column[None]
    dominates = at_least & ~at_least.T
    dominators = dominates.sum(axis=0)
    layers = []
    while (layer := np.flatnonzero(dominators == 0)).size:
        layers.append(layer)
        dominators -= dominates[layer].sum(axis=0)
        dominators[layer] = -1
    return layers


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
