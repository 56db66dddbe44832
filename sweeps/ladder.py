"""Which trial goes on, or whether a new one starts: what asynchronous halving allows of what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sweeps import halving
from sweeps.directions import Array
from sweeps.learning import Trial


@dataclass(frozen=True)
class Choice:
    """A job to be done next.

    Attributes:
        trial: that goes on; None: a new one, with the configuration of ``Tuner.propose``.
        rung: index of the rung to which it runs.
    """

    trial: int | None
    rung: int


@dataclass
class Ladder:
    """The trials of a sweep at its rungs.

    Attributes:
        rungs: fidelities at which trials are measured, ascending.
        eta: of so many trials measured at a rung one goes on.
        trials: those that were started, by number.
        bounds: (gates,), see ``halving.worst_violations``.
    """

    rungs: tuple[int, ...]
    eta: float
    trials: Mapping[int, Trial]
    bounds: Array = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        # of each rung the trials measured there, in their order
        self.at: list[list[int]] = [[] for _ in self.rungs]

    def next(self, left: float = math.inf, *, may_start: bool, idle: bool) -> Choice | None:
        """Return what a free slot does next; None: nothing before another job ends, or at all if none runs.

        The best of the highest rung that may go on; else a new trial; else, so that no slot stays free while the end
        of the sweep is in sight, the best of those that would not go on:

        - where the units end it, all that they suffice for beside what the trials that run may still need;
        - where the number of trials does, one at a rung from which none has gone on, once nothing runs any more.

        Args:
            left: units of fidelity that may still be trained.
            may_start: whether the sweep's number of trials allows for one more.
            idle: whether nothing runs.
        """
        for rung in reversed(range(len(self.rungs) - 1)):
            # before anything is compared: mostly there is no place
            place = self._gone(rung) < halving.quota(len(self.at[rung]), self.eta)
            if place and self._cost(rung + 1) <= left and (choice := self._onward(rung)) is not None:
                return choice
        if may_start and self.may_start(left):
            return Choice(None, 0)
        for rung in reversed(range(len(self.rungs) - 1)):
            allowed = self._spare(rung, left, idle) if may_start else idle and not self._gone(rung)
            if allowed and self._cost(rung + 1) <= left and (choice := self._onward(rung)) is not None:
                return choice
        return None

    def promotable(self, more: float) -> set[int]:
        """Return the trials at rungs that may still go on if ``more`` are started and none of these is better.

        Those that would take the place of one that runs now, if it fails, are among them.
        """
        found: set[int] = set()
        arriving = more + self._running_to_first()
        for rung in range(len(self.rungs) - 1):
            measured, arrived = len(self.at[rung]), len(self.at[rung + 1])
            if math.isinf(arriving):
                found |= {n for n in self.at[rung] if self.trials[n].target == rung and not self.trials[n].failed}
                continue
            # one goes on in any case
            going = max(self._gone(rung), halving.quota(measured + int(arriving), self.eta), 1)
            found |= set(halving.best(self._cohort(rung), going - arrived)) if measured else set()
            arriving = max(0, going - arrived)
        return found

    def may_start(self, left: float) -> bool:
        """Whether ``left`` units suffice for one more trial and for all that may then go on.

        Without it the last units would go to trials that none of could be promoted.
        """
        return math.isinf(left) or self._cost(0) + self._needed(new=1) <= left

    def _spare(self, rung: int, left: float, idle: bool) -> bool:
        """Whether one more may go on from a rung without taking units from those that are still to be compared."""
        return idle or self._cost(rung + 1) + self._needed(onward=rung, at_most=left) <= left

    def _needed(self, *, new: int = 0, onward: int | None = None, at_most: float = math.inf) -> int:
        """Return the units for all that may go on, if ``new`` trials are started and one goes on from rung ``onward``.

        Args:
            at_most: units of one promotion; those that take more are left out.
        """
        needed = 0
        arriving = len(self.at[0]) + self._running_to_first() + new
        for rung in range(len(self.rungs) - 1):
            gone, cost = self._gone(rung), self._cost(rung + 1)
            # those that went on beyond the quota take no place from those that come
            going = halving.quota(arriving, self.eta) - min(gone, halving.quota(len(self.at[rung]), self.eta))
            needed += going * cost if cost <= at_most else 0
            arriving = gone + going + (rung == onward)
        return needed

    def _running_to_first(self) -> int:
        """Return how many trials will be measured at the first rung; one that was imported at the last never was."""
        return sum(not t.failed and t.target == 0 and 0 not in t.outputs for t in self.trials.values())

    def _onward(self, rung: int) -> Choice | None:
        """Return the best trial of a rung that has not gone on; None where all have."""
        trial = halving.best_left(self._cohort(rung)) if self.at[rung] else None
        return None if trial is None else Choice(trial, rung + 1)

    def _gone(self, rung: int) -> int:
        """Return how many went on from a rung; one that failed on its way leaves its place to another."""
        trials = (self.trials[n] for n in self.at[rung])
        return sum(t.target > rung and (not t.failed or rung + 1 in t.outputs) for t in trials)

    def _cost(self, rung: int) -> int:
        """Return the units from the rung before to this one."""
        return self.rungs[rung] - (self.rungs[rung - 1] if rung else 0)

    def _cohort(self, rung: int) -> halving.Cohort:
        there = [(n, self.trials[n]) for n in self.at[rung]]
        return halving.Cohort(
            trials=np.array([n for n, _ in there]),
            losses=np.array([t.outputs[rung][: len(t.exact)] for _, t in there]),
            violations=halving.worst_violations(np.array([t.excused[rung] for _, t in there]), self.bounds),
            promoted=np.array([t.target > rung or t.failed for _, t in there]),
        )
