"""What runs next: what failed by the host's fault, what was left undone, a promotion, a new configuration."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import optuna

from sweeps import records
from sweeps.jobs import Jobs
from sweeps.plan import Plan
from sweeps.results import base_result
from sweeps.spending import Spending
from sweeps.tuner import Tuner


@dataclass(frozen=True)
class Upcoming:
    """A job that is to be started.

    Attributes:
        number: of the trial; None: the untouched base.
        rung: fidelity; None where the sweep has no rungs.
        avoid: slots that are to be taken only where no other is free.
        since: of this process's monotonic clock, not before.
    """

    number: int | None
    rung: int | None
    avoid: tuple[int, ...] = ()
    since: float = 0.0


class Queue:
    """Decides what runs next.

    Args:
        jobs: those that run now.
        trials: so many are started, earlier ones of the study counted; None: as many as the budget allows.
    """

    def __init__(
        self, plan: Plan, study: optuna.Study, tuner: Tuner, jobs: Jobs, spending: Spending, trials: int | None
    ) -> None:
        self._plan, self._study, self._tuner, self._jobs = plan, study, tuner, jobs
        self._spending, self._trials = spending, trials
        self._again: list[Upcoming] = []
        self._undone = [number for number in records.unmeasured(study) if number not in jobs.numbers]
        self.started = records.started(study)

    @property
    def waits(self) -> bool:
        """Whether a job waits to be done again."""
        return bool(self._again)

    @property
    def more(self) -> float:
        """How many trials may still be started."""
        return math.inf if self._trials is None else self._trials - self.started

    def again(self, number: int | None, rung: int | None, wait: float, avoid: tuple[int, ...] = ()) -> None:
        """Have a job done again after ``wait`` seconds, on none of the slots ``avoid`` if there is another."""
        self._again.append(Upcoming(number, rung, avoid, time.monotonic() + wait))

    def drop(self, number: int) -> None:
        """Do nothing more for a trial."""
        self._again = [again for again in self._again if again.number != number]
        self._undone = [undone for undone in self._undone if undone != number]

    def next(self) -> Upcoming | None:
        """Return the job that is to be started now; None: nothing, until something ends or a wait is over."""
        due = next((again for again in self._again if again.since <= time.monotonic()), None)
        if due is not None:
            self._again.remove(due)
            return due
        if base_result(self._study) is None and None not in self._jobs.numbers:
            # while the base waits to be measured again nothing else starts: it would wait for the base in its slot
            return None if self._again else Upcoming(None, None)
        if self._undone:
            # before the budget is asked: it is paid for
            number = self._undone.pop(0)
            rung = records.target(records.trial(self._study, number))
            return Upcoming(number, self._fidelity(0) if rung is None else rung)
        if self._spending.over(self._jobs.card_seconds):
            return None
        return self._chosen()

    def _chosen(self) -> Upcoming | None:
        """Return what the tuner chooses."""
        idle = not self._jobs.running and not self._again
        choice = self._tuner.next(self._spending.units_left(), may_start=self.more > 0, idle=idle)
        if choice is None:
            return None
        if choice.trial is None:
            self.started += 1
            return Upcoming(self._study.ask().number, self._fidelity(0))
        self._tuner.promote(choice.trial, choice.rung)
        return Upcoming(choice.trial, self._fidelity(choice.rung))

    def _fidelity(self, rung: int) -> int | None:
        return None if self._plan.config.halving is None else self._tuner.rungs[rung]
