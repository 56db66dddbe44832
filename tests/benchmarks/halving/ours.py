"""The product's own tuner, driven by the simulated clock in place of msrun."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.distributions import FloatParameter, IntParameter, OptunaValue, Parameter
from search_spaces.space import SearchSpace
from sweeps.tuner import Tuner
from tests.benchmarks.halving.clock import Step
from tests.benchmarks.halving.problem import MAXIMIZE, Array, Problem, Range

RUNGS = (6, 17)  # and the problem's last epoch: a third and a ninth of it
ETA = 3.0


class Halving:
    """Asynchronous promotion; the number of parameters is known before a run.

    Args:
        model: whether configurations are chosen by what was learned; else at random.
    """

    def __init__(self, problem: Problem, seed: int, model: bool) -> None:
        def known(params: Mapping[str, Any]) -> dict[int, float]:
            return {len(MAXIMIZE) - 1: problem.parameters(params)}

        space = SearchSpace({name: _parameter(values) for name, values in problem.space.items()}, {}, {})
        self._rungs = (*(rung for rung in RUNGS if rung < problem.epochs), problem.epochs)
        self._tuner = Tuner(space, MAXIMIZE, known, self._rungs, ETA, seed, model=model)
        self._params: list[Mapping[str, OptunaValue]] = []
        self._running = 0

    def next(self, left: int) -> Step | None:
        """Promote a trial, or start one: what the tuner chooses."""
        choice = self._tuner.next(left, may_start=True, idle=not self._running)
        if choice is None:
            return None
        trial = choice.trial
        if trial is None:
            trial = len(self._params)
            self._params.append(self._tuner.propose(trial))
            self._tuner.start(trial, self._params[trial])
        else:
            self._tuner.promote(trial, choice.rung)
        self._running += 1
        return self._step(trial, choice.rung)

    def report(self, step: Step, values: Array) -> None:
        """Take note of the values at the rung."""
        self._running -= 1
        self._tuner.report(step.trial, self._rungs.index(step.end_epoch), values.tolist())

    def _step(self, trial: int, rung: int) -> Step:
        config: dict[str, Any] = dict(self._params[trial])
        return Step(trial, config, self._rungs[rung - 1] if rung else 0, self._rungs[rung])


def _parameter(values: Range) -> Parameter:
    if values.integer:
        return IntParameter(type="int", low=int(values.low), high=int(values.high), log=values.log)
    return FloatParameter(type="float", low=values.low, high=values.high, log=values.log)
