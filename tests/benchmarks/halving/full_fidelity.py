"""Optuna's samplers at full fidelity."""

from __future__ import annotations

import warnings

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection

from tests.benchmarks.halving.clock import Step
from tests.benchmarks.halving.problem import MAXIMIZE, Array, Problem, Range


class FullFidelity:
    """Every trial is trained to the end; a sampler of Optuna's chooses."""

    def __init__(self, problem: Problem, sampler: optuna.samplers.BaseSampler) -> None:
        self._epochs = problem.epochs
        self._axes: dict[str, BaseDistribution] = {name: _axis(values) for name, values in problem.space.items()}
        directions = [StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE for maximize in MAXIMIZE]
        self._study = optuna.create_study(directions=directions, sampler=sampler)

    def next(self, left: int) -> Step | None:
        """Ask for a trial, if a whole one fits."""
        if left < self._epochs:
            return None
        trial = self._study.ask(self._axes)
        return Step(trial.number, trial.params, 0, self._epochs)

    def report(self, step: Step, values: Array) -> None:
        """Tell the trial's values."""
        self._study.tell(step.trial, values.tolist())


def full_fidelity(problem: Problem, name: str, seed: int) -> FullFidelity:
    """Return the method of that name: ``random``, ``tpe`` or ``nsga2``; what is not named here is Optuna's default."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return FullFidelity(problem, _sampler(name, seed))


def _sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if name == "tpe":
        return optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=seed)
    assert name == "nsga2"
    return optuna.samplers.NSGAIISampler(seed=seed)


def _axis(values: Range) -> FloatDistribution | IntDistribution:
    if values.integer:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)
