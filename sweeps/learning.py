"""What the measurements of a sweep tell of configurations that were not tried: the landscape of ``sweeps.proposal``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from sklearn.gaussian_process.kernels import Kernel

from search_spaces.distributions import OptunaValue
from search_spaces.encoding import Encoding, Points
from sweeps import front
from sweeps.directions import Array
from sweeps.proposal import Landscape
from sweeps.surrogate import Model, Scale, default_kernel, learn_kernel, least_spread

_LEARN_FROM = 80  # measurements that a kernel is learned from, and
_CONDITION_ON = 144  # that a model is conditioned on: more take more time than they tell
_GROWTH = 1.25  # a kernel is learned again when there is so much more
_FEWEST = 4  # measurements to learn anything from
_ENOUGH = (
    6  # measurements at a rung to ask what it would measure: beyond what was seen all is doubt, and doubt attracts
)


@dataclass
class Trial:
    """What the tuner knows of a trial.

    Attributes:
        point: its vector, (dimensions,).
        exact: (objectives,) losses that are known before it runs, NaN for the others.
        outputs: rung -> (objectives + gates,), losses and violations that were measured.
        excused: rung -> (gates,) violations with what the intervals allow taken off.
        target: index of the rung that it runs to, or was measured at last.
        failed: it will not be measured again.
    """

    point: Points
    exact: Array
    outputs: dict[int, Array] = field(default_factory=dict)
    excused: dict[int, Array] = field(default_factory=dict)
    target: int = 0
    failed: bool = False


Row = tuple[int, int]
"""Trial and index of the rung where it was measured."""


class Learner:
    """Learns from all rungs what the highest one with enough measurements would measure.

    Args:
        known: configurations -> (configurations, objectives) losses, NaN where they are not known before a run, all
            infinite where a configuration cannot be trained.
        rungs: fidelities, ascending.
        priors: (configurations, dimensions), of the user's.
    """

    def __init__(
        self,
        encoding: Encoding,
        known: Callable[[Sequence[Mapping[str, OptunaValue]]], Array],
        rungs: Sequence[int],
        priors: Points,
    ) -> None:
        self._encoding, self._known, self._priors = encoding, known, priors
        span = math.log(rungs[-1] / rungs[0])
        self._fidelities = [math.log(rung / rungs[0]) / span if span else 1.0 for rung in rungs]
        self._kernels: dict[tuple[int, int], Kernel] = {}

    def learn(self, trials: Mapping[int, Trial], results: Sequence[Row]) -> None:
        """Learn the kernels that are due, in tenths of a second: then ``landscape`` has none to learn.

        It asks for them only when the next ones are due, so that a slot that is free at that moment does not wait.
        """
        if len(results) < _FEWEST:
            return
        for column in _learned(trials, results):
            for count in due(len(results))[-2:]:
                self._kernel(trials, results, column, count)

    def landscape(self, trials: Mapping[int, Trial], results: Sequence[Row]) -> Landscape | None:
        """Return what ``results``, in the order in which they came, tell; None: too little.

        Args:
            trials: all that were started, those that run now among them.
        """
        if len(results) < _FEWEST:
            return None
        rows = _latest(results, _CONDITION_ON)
        inputs, outputs = self._inputs(trials, rows), _outputs(trials, rows)
        counts = Counter(rung for _, rung in results)
        asked = max((rung for rung, count in counts.items() if count >= _ENOUGH), default=0)
        fidelity = self._fidelities[asked]
        earlier = due(len(results))[:-1]
        failed = self._failed(trials, fidelity)
        models: dict[int, Model] = {}
        for column in _learned(trials, results):
            scale = Scale.of(outputs[:, column])
            # what failed is as bad as the worst: elsewhere is better
            values = np.concatenate([outputs[:, column], np.full(len(failed), scale.worst)])
            kernel = self._kernel(trials, results, column, earlier[-1]) if earlier else default_kernel(inputs.shape[1])
            models[column] = Model(kernel, np.vstack([inputs, failed]), values, scale)
        return self._survey(trials, results, rows, models, fidelity)

    def _survey(
        self,
        trials: Mapping[int, Trial],
        results: Sequence[Row],
        rows: Sequence[Row],
        models: Mapping[int, Model],
        fidelity: float,
    ) -> Landscape:
        """Put together what was measured and what is expected of the trials that run or have stopped."""
        objectives = len(next(iter(trials.values())).exact)
        learned = {column: model for column, model in models.items() if column < objectives}
        gates = [model for column, model in models.items() if column >= objectives]
        running = [n for n, t in trials.items() if not t.failed and t.target not in t.outputs]
        alive = [n for n in dict.fromkeys([*(n for n, _ in rows), *running]) if not trials[n].failed]
        points = np.array([trials[n].point for n in alive]).reshape(-1, self._encoding.dimensions)
        asked = np.hstack([points, np.full((len(points), 1), fidelity)])
        expected = np.array([trials[n].exact for n in alive]).reshape(-1, objectives)
        for column, model in learned.items():
            expected[:, column] = model.mean(asked)
        # what has no value before its run, where others have one, cannot be compared
        valued = np.isfinite(expected).all(axis=1)
        points, asked, expected = points[valued], asked[valued], expected[valued]
        likely = np.all([gate.mean(asked) <= 0 for gate in gates], axis=0) if gates else np.ones(len(points), bool)
        measured = _outputs(trials, results)
        holds = (measured[:, objectives:] <= 0).all(axis=1)
        attained = np.vstack([measured[holds, :objectives], expected[likely]])
        seen = np.vstack([measured[:, :objectives], expected])
        ideal = seen.min(axis=0)
        worst = np.array([learned[k].scale.worst if k in learned else seen[:, k].max() for k in range(objectives)])
        near = points[likely][front.nondominated(expected[likely])] if likely.any() else points
        return Landscape(
            known=lambda candidates: self._known(self._encoding.decode(candidates)),
            models=learned,
            gates=gates,
            fidelity=fidelity,
            attained=attained,
            ideal=ideal,
            reference=ideal + np.maximum(worst - ideal, least_spread(ideal)),
            near=near,
            priors=self._priors,
            measured=len({n for n, _ in results}),
        )

    def _inputs(self, trials: Mapping[int, Trial], rows: Sequence[Row]) -> Points:
        return np.array([[*trials[n].point, self._fidelities[rung]] for n, rung in rows])

    def _failed(self, trials: Mapping[int, Trial], fidelity: float) -> Points:
        # of one that was measured before it failed that tells enough
        failed = [[*t.point, fidelity] for t in trials.values() if t.failed and not t.outputs]
        return np.array(failed[-_LEARN_FROM:]).reshape(-1, self._encoding.dimensions + 1)

    def _kernel(self, trials: Mapping[int, Trial], results: Sequence[Row], column: int, count: int) -> Kernel:
        # of the first results, not of what is known now: a sweep that goes on must learn the same again
        if (column, count) not in self._kernels:
            rows = _latest(results[:count], _LEARN_FROM)
            values = _outputs(trials, rows)[:, column]
            self._kernels[column, count] = learn_kernel(self._inputs(trials, rows), Scale.of(values).apply(values))
        return self._kernels[column, count]


def _learned(trials: Mapping[int, Trial], results: Sequence[Row]) -> list[int]:
    """Return which outputs are learned: those objectives that are not known before a run, and the gates."""
    # one that was measured: of one that runs a value may be missing that is known of the others
    trial, rung = results[0]
    exact, columns = trials[trial].exact, len(trials[trial].outputs[rung])
    return [column for column in range(columns) if column >= len(exact) or np.isnan(exact[column])]


def due(measured: int) -> list[int]:
    """Return the numbers of measurements, up to this one, at which kernels are learned."""
    counts, count = [], _FEWEST
    while count <= measured:
        counts.append(count)
        count = math.ceil(count * _GROWTH)
    return counts


def _outputs(trials: Mapping[int, Trial], rows: Sequence[Row]) -> Array:
    """Return what is learned: (rows, objectives and gates)."""
    return np.array([trials[n].outputs[rung] for n, rung in rows])


def _latest(results: Sequence[Row], count: int) -> list[Row]:
    """Choose ``count`` measurements: the highest rungs first, within a rung the latest, which are the best guided."""
    if len(results) <= count:
        return list(results)
    order = sorted(range(len(results)), key=lambda i: (results[i][1], i), reverse=True)
    return [results[i] for i in order[:count]]
