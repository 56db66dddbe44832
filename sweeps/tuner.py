"""What runs next: a trial that goes on to its next rung, or a new configuration. Decides only, from what was measured.

The same seed and the same results in the same order give the same decisions, in this process or after a restart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from scipy.stats import qmc
from threadpoolctl import ThreadpoolController

from search_spaces.distributions import OptunaValue
from search_spaces.encoding import Encoding
from search_spaces.space import SearchSpace
from sweeps.directions import Array
from sweeps.ladder import Choice, Ladder
from sweeps.learning import Learner, Row, Trial
from sweeps.proposal import propose

Params = Mapping[str, OptunaValue]

_VERY_MUCH = 1e6
_LARGEST = 1e100  # of losses: squares must be numbers, too


class Tuner:
    """Chooses the jobs of a sweep.

    Args:
        maximize: of each objective, whether it is to be maximized.
        known: params -> index of an objective -> its value, for those that are known before a run; raises
            ``ValueError`` where the params cannot be trained.
        rungs: fidelities at which trials are measured, ascending; the last is the whole training.
        eta: of so many trials measured at a rung one goes on.
        startup: trials, spread evenly over the space, before a model chooses.
        model: whether a model chooses at all; else configurations are drawn at random.
        priors: configurations that the user takes to be good.
    """

    def __init__(
        self,
        space: SearchSpace,
        maximize: Sequence[bool],
        known: Callable[[Params], Mapping[int, float]],
        rungs: Sequence[int],
        eta: float,
        seed: int,
        *,
        startup: int = 10,
        model: bool = True,
        priors: Sequence[Params] = (),
    ) -> None:
        self.rungs, self._seed = tuple(rungs), seed
        self._encoding = Encoding(space)
        self._signs = np.where(maximize, -1.0, 1.0)
        self._known, self._startup, self._model = known, startup, model
        points = np.array([self._encoding.encode(params) for params in priors])
        self._learner = Learner(self._encoding, self._exact, self.rungs, points.reshape(-1, self._encoding.dimensions))
        self._threads: Any = ThreadpoolController()
        self._trials: dict[int, Trial] = {}
        self._results: list[Row] = []
        self._ladder = Ladder(self.rungs, eta, self._trials)

    @property
    def measured(self) -> int:
        """How many measurements there are, of all trials at all rungs."""
        return len(self._results)

    def start(self, trial: int, params: Params) -> None:
        """Take note that a trial runs towards the first rung, unless it is known already.

        Raises:
            ValueError: it cannot be trained; no note is taken.
        """
        if trial not in self._trials:
            exact = np.full(len(self._signs), np.nan)
            self._fill(exact, params)
            self._trials[trial] = Trial(self._encoding.encode(params), exact)

    def promote(self, trial: int, rung: int) -> None:
        """Take note that a trial runs towards a further rung."""
        self._trials[trial].target = rung

    def report(
        self,
        trial: int,
        rung: int,
        values: Sequence[float],
        violations: Sequence[float] = (),
        excused: Sequence[float] = (),
        bounds: Sequence[float] = (),
    ) -> None:
        """Take note of a measurement.

        Args:
            values: of the objectives.
            violations: by how much each gate is missed.
            excused: the same, with what the measurement's intervals allow taken off: what promotion goes by.
            bounds: of the gates, the same at every call: in multiples of these violations are compared. Without them,
                or where one is zero or NaN, in multiples of the violations' spread.
        """
        known = self._trials[trial]
        # a gate on what is no number is missed infinitely: as a number that can be learned, by very much
        missed = np.clip(np.asarray(violations, float), -_LARGEST, _VERY_MUCH)
        losses = np.clip(np.asarray(values, float) * self._signs, -_LARGEST, _LARGEST)
        known.outputs[rung] = np.concatenate([losses, missed])
        known.excused[rung] = np.asarray(excused or violations, float)
        self._ladder.bounds = np.asarray(bounds or np.zeros(len(missed)), float)
        self._results.append((trial, rung))
        self._ladder.at[rung].append(trial)

    def fail(self, trial: int) -> None:
        """Take note that a trial cannot be trained; one that never got so far as to start tells nothing."""
        if trial in self._trials:
            self._trials[trial].failed = True

    def forget(self, trial: int) -> None:
        """Take note that the user wants no more of a trial, which says nothing of its configuration."""
        if trial in self._trials and self._trials[trial].outputs:
            self._trials[trial].failed = True
        else:
            self._trials.pop(trial, None)

    def next(self, left: float = math.inf, *, may_start: bool, idle: bool) -> Choice | None:
        """Return what a free slot does next, see ``Ladder.next``; ``start`` or ``promote`` take note of it."""
        return self._ladder.next(left, may_start=may_start, idle=idle)

    def may_start(self, left: float) -> bool:
        """Whether ``left`` units suffice for one more trial and for all that may then go on."""
        return self._ladder.may_start(left)

    def promotable(self, more: float) -> set[int]:
        """Return the trials at rungs that may still go on, see ``Ladder.promotable``."""
        return self._ladder.promotable(more)

    def learn(self) -> None:
        """Do now, while launches run, what would make the next proposal wait."""
        if self._model:
            with self._one_thread():
                self._learner.learn(self._trials, self._results)

    def propose(self, trial: int) -> dict[str, OptunaValue]:
        """Return the configuration of a new trial."""
        rng = np.random.default_rng((self._seed, trial))
        if not self._model:
            return self._encoding.decode(rng.random((1, self._encoding.dimensions)))[0]
        with self._one_thread():
            landscape = None
            if len(self._trials) >= self._startup:
                landscape = self._learner.landscape(self._trials, self._results)
            if landscape is None:
                return self._encoding.decode(self._spread(trial))[0]
            return self._encoding.decode(propose(landscape, self._encoding, rng))[0]

    def _one_thread(self) -> AbstractContextManager[object]:
        # on small matrices more threads are slower, and trials need the cores; the order of sums is fixed, too
        limited: AbstractContextManager[object] = self._threads.limit(limits=1)
        return limited

    def _spread(self, trial: int) -> Array:
        """Return one point of a sequence that fills the cube evenly, shape (1, dimensions)."""
        sequence = qmc.Sobol(self._encoding.dimensions, rng=np.random.default_rng(self._seed))
        # as many as a power of two: only so are Sobol's points even
        points: Array = sequence.random(1 << trial.bit_length())
        return points[[trial]]

    def _exact(self, configurations: Sequence[Params]) -> Array:
        """Return losses as ``Learner`` wants them: (configurations, objectives)."""
        losses = np.full((len(configurations), len(self._signs)), np.nan)
        for row, params in enumerate(configurations):
            try:
                self._fill(losses[row], params)
            except ValueError:
                # what cannot be trained is never chosen; the others are
                losses[row] = math.inf
        return losses

    def _fill(self, losses: Array, params: Params) -> None:
        """Write the losses that are known before a run into ``losses``, (objectives,)."""
        for objective, value in self._known(params).items():
            losses[objective] = max(-_LARGEST, min(value, _LARGEST)) * self._signs[objective]
