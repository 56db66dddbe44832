"""What runs next: what failed by the host's fault, what was left undone, a promotion, a new configuration."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import optuna

from sweeps import study as studies
from sweeps.jobs import Jobs, Task
from sweeps.plan import Plan
from sweeps.results import base_result
from sweeps.spending import Spending
from sweeps.tuner import Tuner


@dataclass(frozen=True)
class Again:
    """A job that is to be done again.

    Attributes:
        since: of this process's monotonic clock, not before.
        avoid: slot where it failed.
    """

    task: Task
    since: float
    avoid: int


@dataclass(frozen=True)
class Upcoming:
    """A job that is to be started now.

    Attributes:
        avoid: slots that are to be taken only where no other is free.
    """

    task: Task
    avoid: tuple[int, ...] = ()


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
        self._again: list[Again] = []
        self._undone = [number for number in studies.unmeasured(study) if number not in jobs.numbers]
        self.started = studies.started(study)

    @property
    def waits(self) -> bool:
        """Whether a job waits to be done again."""
        return bool(self._again)

    @property
    def more(self) -> float:
        """How many trials may still be started."""
        return math.inf if self._trials is None else self._trials - self.started

    def again(self, task: Task, wait: float, slot: int) -> None:
        """Have a job done again after ``wait`` seconds, on another slot than ``slot`` if there is one."""
        self._again.append(Again(task, time.monotonic() + wait, slot))

    def drop(self, number: int) -> None:
        """Do nothing more for a trial."""
        self._again = [again for again in self._again if again.task.number != number]
        self._undone = [undone for undone in self._undone if undone != number]

    def next(self) -> Upcoming | None:
        """Return the job that is to be started now; None: nothing, until something ends or a wait is over."""
        due = next((again for again in self._again if again.since <= time.monotonic()), None)
        if due is not None:
            self._again.remove(due)
            return Upcoming(due.task, (due.avoid,))
        if base_result(self._study) is None and None not in self._jobs.numbers:
            # while the base waits to be measured again nothing else starts: it would wait for the base in its slot
            return None if self._again else Upcoming(self._jobs.task(None, None))
        if self._undone:
            # paid for, so before the budget is asked
            number = self._undone.pop(0)
            rung = studies.target(studies.trial(self._study, number))
            return Upcoming(self._jobs.task(number, self._fidelity(0) if rung is None else rung))
        if self._spending.over(self._jobs.card_seconds):
            return None
        idle = not self._jobs.running and not self._again
        return self._promotion() or self._new() or (self._promotion(last_chance=True) if idle else None)

    def _promotion(self, *, last_chance: bool = False) -> Upcoming | None:
        promotion = self._tuner.next_promotion(self._spending.units_left(), last_chance=last_chance)
        if promotion is None:
            return None
        number, rung = promotion
        self._tuner.promote(number, rung)
        return Upcoming(self._jobs.task(number, self._fidelity(rung)))

    def _new(self) -> Upcoming | None:
        if self.more <= 0 or not self._tuner.may_start(self._spending.units_left()):
            return None
        trial = self._study.ask()
        self.started += 1
        return Upcoming(self._jobs.task(trial.number, self._fidelity(0)))

    def _fidelity(self, rung: int) -> int | None:
        return None if self._plan.config.halving is None else self._tuner.rungs[rung]
