"""The launches of this host that run now: started, taken up again, ended; each in the ledger before it is a process."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import optuna

from search_spaces.distributions import OptunaValue
from sweeps import records
from sweeps.entries import Attempt
from sweeps.ledger import Ledger
from sweeps.plan import Plan
from sweeps.results import number_of, trial_label
from sweeps.stores import trial_paths
from trainer.course import Course
from trainer.ending import Exit, Outcome
from trainer.failures import Failure, Kind, classify
from trainer.launcher import Launcher
from trainer.paths import TrialPaths
from trainer.processes import find_msrun, kill_all, processes_of, running_folders
from trainer.slots import Slots

LOST = "lost"
"""Outcome of an attempt of which nothing ran any more when its orchestrator was gone."""


@dataclass(frozen=True)
class Task:
    """What is to be trained and measured.

    Attributes:
        number: of the trial; None for the untouched base.
        rung: fidelity to train to; None where the sweep has no rungs.
        params: of the trial; None for the untouched base, as are ``settings``.
        settings: recipe paths that the trial sets.
        before: folder of the rung before, whose state the training goes on from; None: from the base.
        units: that it trains, in epochs, or in steps where rungs count these.
    """

    number: int | None
    rung: int | None = None
    params: Mapping[str, OptunaValue] | None = None
    settings: Mapping[str, object] | None = None
    before: TrialPaths | None = None
    units: float = 0.0

    @property
    def label(self) -> str:
        """The trial's name."""
        return trial_label(self.number)


@dataclass
class Running:
    """One launch that runs now."""

    task: Task
    attempt: Attempt
    launcher: Launcher
    paths: TrialPaths
    course: Course
    remark: str = ""


class Jobs:
    """Starts and ends launches, with the ledger and the slots always told.

    Args:
        slots: of this host.
    """

    def __init__(self, plan: Plan, study: optuna.Study, ledger: Ledger, slots: Slots) -> None:
        self._plan, self._study, self._ledger, self._slots = plan, study, ledger, slots
        self.running: list[Running] = []

    def task(self, number: int | None, rung: int | None) -> Task:
        """Return what a trial's job to a rung does; None: the job that measures the untouched base."""
        if number is None:
            return Task(None)
        space, halving = self._plan.config.space, self._plan.config.halving
        params = space.suggest(records.trial(self._study, number))
        settings = space.settings(params)
        units, before = float(self._plan.units(settings, rung)), None
        if halving is not None and rung is not None and rung != halving.at[0]:
            earlier = halving.at[halving.at.index(rung) - 1]
            before, units = trial_paths(self._plan.folder, trial_label(number), earlier), units - earlier
        return Task(number, rung, params, settings, before, units)

    def launch(self, task: Task, avoid: Collection[int] = ()) -> Running:
        """Start a task on a free slot.

        Args:
            avoid: slots that are taken only where no other is free.

        Raises:
            ValueError: no recipe can take the configuration; nothing was started.
            OSError: the host has no room or no process for it; nothing was started.
        """
        paths, config = trial_paths(self._plan.folder, task.label, task.rung), self._plan.config
        placement = self._slots.lease(avoid)
        try:
            # a state that went for want of room is trained anew, which gives the same
            state = task.before.state if task.before is not None and task.before.state.exists() else None
            launch = self._plan.prepare(paths, placement, task.settings, task.label, task.rung, state)
            # first in the ledger: whoever takes the sweep up after a crash knows what to look for
            attempt = self._ledger.begin(task.label, task.rung, placement, paths.root)
        except BaseException:
            self._slots.release(placement)
            raise
        try:
            launcher = Launcher(launch, placement, paths, config.timeout, config.watch)
        except OSError:
            self._ledger.ended(attempt.id, LOST, 0.0)
            self._slots.release(placement)
            raise
        self._ledger.started(attempt.id, launcher.pid, launcher.pid_started)
        return self._add(task, attempt, launcher, paths)

    def adopt(self, attempt: Attempt) -> Running | None:
        """Take up what another orchestrator started, running or not; None where it never came to run.

        Raises:
            SlotError: the slots of the sweep are others now.
        """
        config, pid, started = self._plan.config, attempt.pid, attempt.pid_started
        task = self.task(number_of(attempt.label), attempt.rung)
        paths = trial_paths(self._plan.folder, attempt.label, attempt.rung)
        if pid is None or started is None:
            # its orchestrator may have ended between the start of the process and its entry
            known = find_msrun(paths.root)
            if known is None:
                self.end_attempt(attempt)
                return None
            pid, started = known
            self._ledger.started(attempt.id, pid, started)
        self._slots.take(attempt.placement)
        launcher = Launcher.adopt(
            pid, started, attempt.placement, paths, config.timeout, config.watch, started_at=attempt.started
        )
        return self._add(task, attempt, launcher, paths)

    def _add(self, task: Task, attempt: Attempt, launcher: Launcher, paths: TrialPaths) -> Running:
        job = Running(task, attempt, launcher, paths, Course(task.rung, self._plan.config.unit))
        self.running.append(job)
        return job

    def end_attempt(self, attempt: Attempt) -> None:
        """End an attempt that is not taken up."""
        alive = attempt.pid is not None and bool(processes_of(attempt.folder))
        kill_all(attempt.folder)
        self._ledger.ended(attempt.id, LOST, max(0.0, time.time() - attempt.started) if alive else 0.0)

    def reap(self) -> None:
        """Kill what runs of this sweep and belongs to no running job: workers whose msrun is gone."""
        for folder in running_folders(self._plan.folder) - {job.paths.root for job in self.running}:
            kill_all(folder)

    def remove(self, job: Running, ended: Exit, failure: Failure | None) -> None:
        """Take note that a launch is over and what came of it was kept: its slot is free."""
        kind, signature, reason = ("", "", "") if failure is None else (failure.kind, failure.signature, failure.reason)
        self._ledger.ended(job.attempt.id, ended.outcome.value, ended.seconds, kind, signature, reason)
        self.leave(job)

    def leave(self, job: Running) -> None:
        """Leave a launch that is over to the next orchestrator, as if this one had been killed: its attempt is open."""
        self.running.remove(job)
        self._slots.release(job.launcher.placement)

    @property
    def card_seconds(self) -> float:
        """What the running launches have cost so far."""
        return sum(job.launcher.seconds * job.launcher.placement.workers for job in self.running)

    @property
    def labels(self) -> list[str]:
        """The names of the trials that run now."""
        return [job.task.label for job in self.running]

    @property
    def numbers(self) -> set[int | None]:
        """The trials that run now; None: the base."""
        return {job.task.number for job in self.running}


def why(job: Running, ended: Exit) -> Failure:
    """Say whose doing it is that a launch failed."""
    known = {
        Outcome.DIVERGED: (Kind.CONFIGURATION, "diverged", "a lower learning rate may help"),
        Outcome.HUNG: (Kind.HOST, "hung", f"see where the workers stood: {job.paths.stacks}"),
        Outcome.TIMED_OUT: (Kind.CONFIGURATION, "timed out", "raise `timeout`, or train for less"),
    }
    if ended.outcome in known:
        kind, name, advice = known[ended.outcome]
        return Failure(kind, name, ended.reason, ended.log, advice)
    found = classify(job.launcher.all_logs, None, ended.log)
    if ended.outcome is Outcome.KILLED and found.kind is not Kind.CONFIGURATION:
        advice = "find who killed it; dmesg shows whether the system was short of memory"
        return Failure(Kind.HOST, "killed", ended.reason, ended.log, advice)
    return found
