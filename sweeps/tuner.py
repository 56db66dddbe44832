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
from sweeps import halving
from sweeps.directions import Array
from sweeps.learning import Learner, Row, Trial
from sweeps.proposal import propose

Params = Mapping[str, OptunaValue]

_VERY_MUCH = 1e6


class Tuner:
    """Chooses the jobs of a sweep.

    Args:
        maximize: of each objective, whether it is to be maximized.
        known: params -> index of an objective -> its value, for those that are known before a run.
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
        self.rungs, self._eta, self._seed = tuple(rungs), eta, seed
        self._encoding = Encoding(space)
        self._signs = np.where(maximize, -1.0, 1.0)
        self._known, self._startup, self._model = known, startup, model
        points = np.array([self._encoding.encode(params) for params in priors])
        self._learner = Learner(self._encoding, self._exact, self.rungs, points.reshape(-1, self._encoding.dimensions))
        self._threads: Any = ThreadpoolController()
        self._trials: dict[int, Trial] = {}
        self._results: list[Row] = []
        self._at: list[list[int]] = [[] for _ in self.rungs]

    @property
    def measured(self) -> int:
        """How many measurements there are, of all trials at all rungs."""
        return len(self._results)

    def start(self, trial: int, params: Params) -> None:
        """Take note that a trial runs towards the first rung, unless it is known already."""
        if trial not in self._trials:
            self._trials[trial] = Trial(self._encoding.encode(params), self._exact([params])[0])

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
    ) -> None:
        """Take note of a measurement.

        Args:
            values: of the objectives.
            violations: by how much each gate is missed.
            excused: the same, with what the measurement's intervals allow taken off: what promotion goes by.
        """
        known = self._trials[trial]
        # a gate on what is no number is missed infinitely: as a number that can be learned, by very much
        missed = np.minimum(np.asarray(violations, float), _VERY_MUCH)
        known.outputs[rung] = np.concatenate([np.asarray(values, float) * self._signs, missed])
        known.excused[rung] = max(excused or violations, default=-math.inf)
        self._results.append((trial, rung))
        self._at[rung].append(trial)

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

    def next_promotion(self, left: float = math.inf, *, last_chance: bool = False) -> tuple[int, int] | None:
        """Return the trial that goes on, and the index of its rung; the highest rung comes first.

        Args:
            left: fidelity units that may still be trained: what costs more is left out.
            last_chance: nothing else will run: let one more go on where units are left over, or none has gone on yet.
        """
        for rung in reversed(range(len(self.rungs) - 1)):
            if self._cost(rung + 1) > left:
                continue
            # before anything is compared: mostly there is no place
            gone, measured = self._gone(rung), len(self._at[rung])
            spare = last_chance and (not gone or math.isfinite(left))
            if gone < halving.quota(measured, self._eta) or (spare and gone < measured):
                trial = halving.best_left(self._cohort(rung))
                if trial is not None:
                    return trial, rung + 1
        return None

    def promotable(self, more: float) -> set[int]:
        """Return the trials at rungs that may still go on if ``more`` are started and none of these is better."""
        found: set[int] = set()
        arriving = more + sum(not t.failed and 0 not in t.outputs for t in self._trials.values())
        for rung in range(len(self.rungs) - 1):
            gone, measured = self._gone(rung), len(self._at[rung])
            if math.isinf(arriving):
                found |= {n for n in self._at[rung] if self._trials[n].target == rung and not self._trials[n].failed}
                continue
            going = max(gone, halving.quota(measured + int(arriving), self._eta))
            found |= set(halving.best(self._cohort(rung), going - gone)) if measured else set()
            arriving = max(0, going - len(self._at[rung + 1]))
        return found

    def may_start(self, left: float) -> bool:
        """Whether ``left`` units suffice for one more trial and for all that may then go on.

        Without it the last units would go to trials that none of could be promoted.
        """
        if math.isinf(left):
            return True
        arriving = sum(not t.failed for t in self._trials.values()) + 1
        needed = float(self._cost(0))
        for rung in range(len(self.rungs) - 1):
            gone = self._gone(rung)
            going = max(0, halving.quota(arriving, self._eta) - gone)
            needed += going * self._cost(rung + 1)
            arriving = gone + going
        return needed <= left

    def _gone(self, rung: int) -> int:
        return sum(self._trials[n].target > rung for n in self._at[rung])

    def _cost(self, rung: int) -> int:
        """Return the units from the rung before to this one."""
        return self.rungs[rung] - (self.rungs[rung - 1] if rung else 0)

    def _cohort(self, rung: int) -> halving.Cohort:
        there = [(n, self._trials[n]) for n in self._at[rung]]
        return halving.Cohort(
            trials=np.array([n for n, _ in there]),
            losses=np.array([t.outputs[rung][: len(self._signs)] for _, t in there]),
            violations=np.array([t.excused[rung] for _, t in there]),
            promoted=np.array([t.target > rung or t.failed for _, t in there]),
        )

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
        losses = np.full((len(configurations), len(self._signs)), np.nan)
        for row, params in enumerate(configurations):
            for objective, value in self._known(params).items():
                losses[row, objective] = value * self._signs[objective]
        return losses
