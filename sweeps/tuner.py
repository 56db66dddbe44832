"""What runs next: a trial that goes on to its next rung, or a new configuration. Decides only, from what was measured.

The same seed and the same results in the same order give the same decisions, in this process or after a restart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import qmc
from sklearn.gaussian_process.kernels import Kernel

from search_spaces.distributions import OptunaValue
from search_spaces.encoding import Encoding, Points
from search_spaces.space import SearchSpace
from sweeps import front, halving
from sweeps.directions import Array
from sweeps.proposal import Landscape, propose
from sweeps.surrogate import Model, Scale, learn_kernel

_LEARN_FROM = 96  # measurements that a kernel is learned from, and
_CONDITION_ON = 256  # that a model is conditioned on: more cost more time than they tell
_GROWTH = 1.25  # a kernel is learned again when there is so much more


@dataclass(frozen=True)
class Step:
    """A job to run: this trial, up to this rung."""

    trial: int
    rung: int
    params: Mapping[str, OptunaValue]


@dataclass
class _Trial:
    params: Mapping[str, OptunaValue]
    point: Points
    losses: dict[int, Array] = field(default_factory=dict)
    violations: dict[int, Array] = field(default_factory=dict)
    excused: dict[int, Array] = field(default_factory=dict)
    target: int = 0
    failed: bool = False


class Tuner:
    """Chooses the jobs of a sweep.

    Args:
        maximize: of each objective, whether it is to be maximized.
        known: params -> objective's index -> its value, for those known before a launch.
        rungs: fidelities at which trials are measured, ascending; the last is the whole training.
        eta: of so many trials measured at a rung one goes on.
        startup: trials before a model chooses.
        model: whether a model chooses at all; else configurations are drawn at random.
        priors: configurations that the user knows to be good.
    """

    def __init__(
        self,
        space: SearchSpace,
        maximize: Sequence[bool],
        known: Callable[[Mapping[str, OptunaValue]], Mapping[int, float]],
        rungs: Sequence[int],
        eta: float,
        seed: int,
        startup: int = 10,
        model: bool = True,
        priors: Sequence[Mapping[str, OptunaValue]] = (),
    ) -> None:
        self._encoding = Encoding(space)
        self._signs = np.where(maximize, -1.0, 1.0)
        self._known, self.rungs, self._eta, self._seed = known, tuple(rungs), eta, seed
        self._startup, self._model = startup, model
        self._priors = np.array([self._encoding.encode(p) for p in priors]).reshape(-1, self._encoding.dimensions)
        self._sobol = qmc.Sobol(self._encoding.dimensions, rng=np.random.default_rng(seed))
        self._sobol_points = self._sobol.random(1024)
        self._trials: dict[int, _Trial] = {}
        self._at: list[list[int]] = [[] for _ in rungs]
        self._results: list[tuple[int, int]] = []
        self._kernels: dict[tuple[int, int], Kernel] = {}

    # -- what happened -------------------------------------------------------------------------------------------

    def start(self, trial: int, params: Mapping[str, OptunaValue]) -> None:
        """Take note that a trial runs towards the first rung, unless it is known already."""
        if trial not in self._trials:
            self._trials[trial] = _Trial(params, self._encoding.encode(params))

    def promote(self, trial: int, rung: int) -> None:
        """Take note that a trial runs towards a further rung."""
        self._trials[trial].target = rung

    def report(
        self,
        trial: int,
        rung: int,
        values: Sequence[float],
        violations: Sequence[float] = (),
        excused: Sequence[float] | None = None,
    ) -> None:
        """Take note of a measurement.

        Args:
            values: of the objectives.
            violations: by how much each gate is missed.
            excused: the same, with what the measurement's intervals allow taken off.
        """
        known = self._trials[trial]
        known.losses[rung] = np.asarray(values, float) * self._signs
        known.violations[rung] = np.asarray(violations, float)
        known.excused[rung] = known.violations[rung] if excused is None else np.asarray(excused, float)
        self._results.append((trial, rung))
        self._at[rung].append(trial)

    def fail(self, trial: int) -> None:
        """Take note that a trial cannot be trained; one that never got so far as to start tells nothing."""
        if trial in self._trials:
            self._trials[trial].failed = True

    # -- what runs next ------------------------------------------------------------------------------------------

    @property
    def measured(self) -> int:
        """How many measurements there are, of all trials at all rungs."""
        return len(self._results)

    def next_promotion(self, left: float = math.inf, *, last_chance: bool = False) -> tuple[int, int] | None:
        """Return the trial that goes on, and the index of its rung; the highest rung comes first.

        Args:
            left: fidelity units that may still be trained: what costs more is left out.
            last_chance: nothing else will run: let one trial go on from a rung that none has left yet.
        """
        for rung in reversed(range(len(self.rungs) - 1)):
            if self.rungs[rung + 1] - self.rungs[rung] > left:
                continue
            # before anything is compared: mostly there is no place
            measured = self._at[rung]
            gone = sum(self._trials[n].target > rung for n in measured)
            places = halving.quota(len(measured), self._eta)
            if gone < places or (last_chance and measured and not gone):
                trial = halving.best_left(self._cohort(rung))
                if trial is not None:
                    return trial, rung + 1
        return None

    def _cohort(self, rung: int) -> halving.Cohort:
        there = [(n, self._trials[n]) for n in self._at[rung]]
        return halving.Cohort(
            trials=np.array([n for n, _ in there]),
            losses=np.array([t.losses[rung] for _, t in there]),
            violations=np.array([t.excused[rung].max(initial=-math.inf) for _, t in there]),
            promoted=np.array([t.target > rung for _, t in there]),
        )

    def propose(self, trial: int) -> dict[str, OptunaValue]:
        """Return the configuration of a new trial."""
        rng = np.random.default_rng((self._seed, trial))
        if not self._model:
            return self._encoding.decode(rng.random((1, self._encoding.dimensions)))[0]
        if len(self._trials) < self._startup or len({t for t, _ in self._results}) < 4:
            return self._encoding.decode(self._sobol_points[[trial % 1024]])[0]
        landscape = self._landscape(rng)
        return self._encoding.decode(propose(landscape, self._encoding, rng))[0]

    def _known_losses(self, points: Points) -> Array:
        losses = np.full((len(points), len(self._signs)), np.nan)
        for i, params in enumerate(self._encoding.decode(points)):
            for k, value in self._known(params).items():
                losses[i, k] = value * self._signs[k]
        return losses

    def _landscape(self, rng: np.random.Generator) -> Landscape:
        rows = self._rows(self._results, _CONDITION_ON)
        inputs, losses = self._inputs(rows), np.array([self._trials[n].losses[r] for n, r in rows])
        exact = self._known(self._trials[rows[0][0]].params).keys()
        models = {
            k: Model.condition(self._kernel(k), inputs, losses[:, k]) for k in range(len(self._signs)) if k not in exact
        }
        fidelity = self._fidelity(len(self.rungs) - 1)
        alive = [t for t in self._trials.values() if not t.failed]
        started = np.array([t.point for t in alive])
        expected = np.array([next(iter(t.losses.values()), np.full(len(self._signs), np.nan)) for t in alive])
        for i, t in enumerate(alive):
            for k, v in self._known(t.params).items():
                expected[i, k] = v * self._signs[k]
        for k, model in models.items():
            expected[:, k] = model.predict(np.hstack([started, np.full((len(started), 1), fidelity)]))[0]
        attained = np.vstack([losses, expected])
        ideal = attained.min(axis=0)
        reference = np.array(
            [models[k].scale.worst if k in models else attained[:, k].max() for k in range(len(self._signs))]
        )
        reference = np.maximum(reference, ideal + 1e-12)
        near = started[front.nondominated(expected)]
        return Landscape(
            known=self._known_losses,
            models=models,
            gates=(),
            fidelity=fidelity,
            attained=attained,
            ideal=ideal,
            reference=reference,
            near=near,
            priors=self._priors,
            measured=len({n for n, _ in rows}),
        )

    def _rows(self, results: Sequence[tuple[int, int]], count: int) -> list[tuple[int, int]]:
        """Choose the measurements to learn from: the highest rungs first, within a rung the latest."""
        if len(results) <= count:
            return list(results)
        ordered = sorted(range(len(results)), key=lambda i: (results[i][1], i), reverse=True)
        return [results[i] for i in ordered[:count]]

    def _inputs(self, rows: Sequence[tuple[int, int]]) -> Points:
        return np.array([[*self._trials[n].point, self._fidelity(r)] for n, r in rows])

    def _fidelity(self, rung: int) -> float:
        if len(self.rungs) == 1:
            return 1.0
        return math.log(self.rungs[rung] / self.rungs[0]) / math.log(self.rungs[-1] / self.rungs[0])

    def _kernel(self, objective: int) -> Kernel:
        # of what was known at that point, not of now: a sweep that goes on must learn the same again
        size = self._startup_size()
        if (objective, size) not in self._kernels:
            rows = self._rows(self._results[:size], _LEARN_FROM)
            losses = np.array([self._trials[n].losses[r][objective] for n, r in rows])
            self._kernels[objective, size] = learn_kernel(self._inputs(rows), Scale.of(losses).apply(losses))
        return self._kernels[objective, size]

    def _startup_size(self) -> int:
        size = 4
        while math.ceil(size * _GROWTH) <= len(self._results):
            size = math.ceil(size * _GROWTH)
        return size
