"""What its user asks of a running sweep: to stop after the running rungs or at once, to cancel a trial."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import optuna

from sweeps import records
from sweeps.jobs import Jobs
from sweeps.ledger import CANCEL, CANCELLED, STOP_NOW, Ledger
from sweeps.live import View
from sweeps.outcome import Keeper
from sweeps.results import number_of
from sweeps.signals import Asked
from sweeps.stores import StoreError
from sweeps.upcoming import Queue
from trainer.ending import Outcome


class Stopping(IntEnum):
    """How a sweep ends before its end."""

    NO = 0
    RUNGS = 1
    NOW = 2


@dataclass
class Requests:
    """Does what signals, and commands from other shells, ask for.

    Attributes:
        sweep: its name.
        asked: signals that ask to stop.
        stopping: what the sweep does about its end, by whomever it was decided.
    """

    sweep: str
    study: optuna.Study
    ledger: Ledger
    jobs: Jobs
    queue: Queue
    keeper: Keeper
    view: View
    asked: Asked
    stopping: Stopping = Stopping.NO
    _heard: int = field(default=0, init=False)
    _away: bool = field(default=False, init=False)

    def listen(self) -> bool:
        """Do what was asked since the last time; what is to stop at once runs until ``stop_jobs``.

        Returns:
            whether to go on: not while the database is away, when nothing can be started or kept.
        """
        # signals first: they are heard while the database is away
        if self.asked.times > self._heard:
            self._heard = self.asked.times
            self._stop(Stopping(min(self._heard, Stopping.NOW)))
        try:
            self._read_requests()
        except StoreError as error:
            if not self._away:
                self.view.say(f"{error}. Running jobs go on; so does the sweep when it answers")
            self._away = True
            return self.stopping is Stopping.NOW
        self._away = False
        return True

    def _read_requests(self) -> None:
        for request in self.ledger.take_requests():
            if request.action == CANCEL:
                self._cancel(str(request.label))
            else:
                self._stop(Stopping.NOW if request.action == STOP_NOW else Stopping.RUNGS)

    def stop_jobs(self) -> None:
        """Kill what runs; it is done again from its last rung. What has measured is kept when the sweep goes on."""
        for job, ended in [(job, job.launcher.kill()) for job in self.jobs.running]:
            if ended.outcome is Outcome.FINISHED:
                self.jobs.leave(job)
                self.view.say(f"{job.task.label} was measured already; the sweep goes on from there")
            else:
                self.jobs.remove(job, ended, None)
                self.view.say(f"{job.task.label} stopped")

    def _stop(self, how: Stopping) -> None:
        if how <= self.stopping:
            return
        self.stopping = how
        if how is Stopping.RUNGS and self.jobs.running:
            self.view.say(
                f"stopping: nothing new starts; waiting for {', '.join(self.jobs.labels)}. Ctrl-C again, or `lorasweep "
                f"stop {self.sweep} --now`, stops at once; what is stopped so is done again from its last rung"
            )

    def _cancel(self, label: str) -> None:
        number = number_of(label)
        if number is None or not records.is_open(self.study, number):
            self.view.say(f"{label} cannot be cancelled: it has ended, or was not started")
            return
        for job in [job for job in self.jobs.running if job.task.number == number]:
            self.jobs.remove(job, job.launcher.kill(), None)
            self.ledger.close_job(label, job.task.rung, CANCELLED)
        self.queue.drop(number)
        self.keeper.cancelled(number, label)
        self.view.say(f"{label} cancelled")
