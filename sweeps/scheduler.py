"""The loop: asks what runs next, launches msrun, follows its log into MLflow, keeps what was measured."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import optuna

from sweeps import records
from sweeps import study as studies
from sweeps.courier import Courier
from sweeps.disk import Disk
from sweeps.jobs import Jobs, Running, Task, why
from sweeps.lease import Lease
from sweeps.ledger import DONE, FAILED, Ledger
from sweeps.live import View
from sweeps.notices import Notices
from sweeps.outcome import Keeper
from sweeps.plan import Plan
from sweeps.publish import publish
from sweeps.recovery import Recovery, Step
from sweeps.results import Result, base_result, results, trial_label
from sweeps.sampling import make_tuner
from sweeps.signals import Asked
from sweeps.snapshot import Progress, Snapshot
from sweeps.spending import Spending
from sweeps.stopping import Requests, Stopping
from sweeps.stores import StoreError
from sweeps.takeup import take_up
from sweeps.tracking import KILLED, Tracker
from sweeps.upcoming import Queue, Upcoming
from trainer.ending import Exit, Outcome
from trainer.failures import Failure, Kind
from trainer.slots import Slots

_POLL_SECONDS = 0.5
_SAVE_SECONDS = 30.0
_PAGE_SECONDS = 60.0  # between two pages of the front while the sweep runs
_HOPELESS = 20
_NO_BASE = "the base model cannot be measured, so no gate could be judged: "


class SweepError(RuntimeError):
    """The sweep cannot go on; what it measured so far is kept."""


@dataclass
class Scheduler:
    """Runs one sweep to its end in this process.

    Attributes:
        plan: what was checked before the start.
        slots: of this host.
        trials: so many are started, earlier ones of the study counted; None: as many as the budget allows.
        courier: delivers what the tracker writes down.
        asked: signals that ask to stop.
        notices: what somebody wants to be told of; None: nobody does.
    """

    plan: Plan
    study: optuna.Study
    tracker: Tracker
    ledger: Ledger
    lease: Lease
    slots: Slots
    view: View
    trials: int | None
    courier: Courier
    asked: Asked
    notices: Notices | None = None

    def __post_init__(self) -> None:
        config = self.plan.config
        self._tuner = make_tuner(self.plan, self.study)
        self._jobs = Jobs(self.plan, self.study, self.ledger, self.slots)
        self._keeper = Keeper(self.plan, self.study, self.tracker, self._tuner)
        self._recovery = Recovery(config.retries, set(range(config.slots.count)))
        # card-seconds follow once what an earlier process left is ended
        self._spending = Spending(config.budget, records.units(self.study), earlier=studies.load_seconds(self.study))
        self._disk = Disk(self.plan, self.study, self._tuner)
        self._fault, self._paused, self._unfit, self._saved = "", False, 0, time.monotonic()
        self._not_before = 0.0

    def run(self) -> bool:
        """Run until nothing more is to be done; returns whether that was the end of the sweep.

        Raises:
            SweepError: it makes no sense to go on.
            LeaseLost: another process runs the sweep now, and has its jobs.
        """
        take_up(self.ledger, self._jobs, self._keeper, self.view)
        self._spending.card_seconds = self.ledger.card_seconds()
        self._publish()
        self._queue = Queue(self.plan, self.study, self._tuner, self._jobs, self._spending, self.trials)
        self._requests = Requests(
            self.plan.config.name,
            self.study,
            self.ledger,
            self._jobs,
            self._queue,
            self._keeper,
            self.view,
            self.asked,
        )
        while self._turn():
            time.sleep(_POLL_SECONDS)
        studies.save_seconds(self.study, self._spending.seconds)
        # of jobs that were stopped, or wait to be done again
        self._keeper.reconcile(())
        self._publish()
        parent = self.tracker.parent
        if self._fault:
            self.tracker.finish(parent, "FAILED", "failed")
            raise SweepError(self._fault)
        self.tracker.finish(parent, *((KILLED, "stopped") if self._requests.stopping else ("FINISHED", "complete")))
        return not self._requests.stopping

    @property
    def running(self) -> list[str]:
        """What runs now."""
        return self._jobs.labels

    def _turn(self) -> bool:
        """Do what is to be done now; returns whether there may be more."""
        self.lease.beat()
        if not self._requests.listen():
            return True
        if self._requests.stopping is Stopping.NOW:
            self._requests.stop_jobs()
            return False
        started = self._start_what_fits()
        for job in tuple(self._jobs.running):
            self._follow(job)
        self._show()
        self.courier.check()
        waits = not self._requests.stopping and (self._queue.waits or self._paused)
        return bool(started or self._jobs.running or waits)

    # -- what runs next ----------------------------------------------------------------------------------------------

    def _start_what_fits(self) -> bool:
        """Start jobs while a slot is free and there is something to do; returns whether any started."""
        started = False
        while self._may_start and not self._low_disk():
            upcoming = self._queue.next()
            if upcoming is None:
                break
            started = self._launch(upcoming) or started
        if over := self._spending.over(self._jobs.card_seconds):
            self.view.over(over)
        return started

    @property
    def _may_start(self) -> bool:
        return bool(not self._requests.stopping and self.slots.free and time.monotonic() >= self._not_before)

    def _low_disk(self) -> bool:
        low = self._disk.low(self._jobs.numbers, self._published.front, self._queue.more)
        if low and not self._paused:
            self.view.say(f"paused: {low}. Running jobs go on; new ones start when there is room")
        self._paused = bool(low)
        return self._paused

    def _launch(self, upcoming: Upcoming) -> bool:
        """Start a job; returns whether it could be started."""
        self.lease.beat()
        try:
            task = self._jobs.task(upcoming.number, upcoming.rung)
            configuration = self._record(task)
            self._jobs.launch(task, upcoming.avoid)
        except StoreError:
            raise
        except ValueError as error:
            self._cannot_start(upcoming.number, str(error))
            return False
        except OSError as error:
            self._host_cannot(upcoming, error)
            return False
        self._unfit = 0
        self._recovery.launched()
        self.tracker.start_trial(task.label, configuration, self.plan.tags)
        self.view.started(task.label, configuration, task.rung)
        return True

    def _record(self, task: Task) -> Mapping[str, object]:
        """Keep what a job is before it starts; returns the configuration as the user writes it."""
        if task.number is None or task.params is None:
            return {}
        self._tuner.start(task.number, task.params)
        configuration = self.plan.config.space.configuration(task.params)
        units = self.plan.units(task.settings or {}, task.rung)
        records.record_job(records.trial(self.study, task.number), configuration, task.rung, units)
        self._spending.units = records.units(self.study)
        return configuration

    def _cannot_start(self, number: int | None, reason: str) -> None:
        """Fail a trial whose configuration no recipe can take: the next ones may be sound, but not for ever."""
        if number is None:
            self._give_up(_NO_BASE + reason)
            return
        self.view.failed(trial_label(number), reason)
        records.never_started(self.study, number)
        self._keeper.failed(number, trial_label(number), reason)
        self._notice(results(self.study))
        self._spending.units = records.units(self.study)
        self._unfit += 1
        if self._unfit >= _HOPELESS:
            self._give_up(f"{_HOPELESS} configurations in a row could not be started; the last: {reason}")

    def _host_cannot(self, upcoming: Upcoming, error: OSError) -> None:
        """Start the job later where the host can start nothing now: a full disk, no more processes."""
        label, verdict = trial_label(upcoming.number), self._recovery.refused()
        if verdict.step is Step.STOP:
            self._give_up(f"{label} could not be started: {error}; {verdict.reason}", Stopping.RUNGS)
            return
        self._not_before = time.monotonic() + verdict.wait
        self._queue.again(upcoming.number, upcoming.rung, verdict.wait)
        self.view.say(f"{label} cannot be started: {error}; once more in {verdict.wait:.0f} s")

    def _give_up(self, fault: str, how: Stopping = Stopping.NOW) -> None:
        self._fault, self._requests.stopping = fault, how

    # -- what came out -----------------------------------------------------------------------------------------------

    def _follow(self, job: Running) -> None:
        # before each: this process may have stood still, and another may have the sweep now
        self.lease.beat()
        ended = job.launcher.poll()
        steps = job.launcher.new_steps()
        if steps:
            self.tracker.log_steps(job.task.label, steps)
            job.course.add(steps)
        if job.launcher.remark != job.remark:
            job.remark = job.launcher.remark
            self.tracker.tag(job.task.label, {"lorasweep.remark": job.remark})
            self.view.say(f"{job.task.label}: {job.remark}")
        # gates refer to the base: a trial that ends before it keeps its slot until the base is measured
        if ended is None or (job.task.number is not None and base_result(self.study) is None):
            return
        outcome = self._keeper.measured(job, ended) if ended.outcome is Outcome.FINISHED else why(job, ended)
        if isinstance(outcome, Failure):
            self._failed(job, ended, outcome)
        else:
            self._end(job, ended, None)
            self.ledger.close_job(job.task.label, job.task.rung, DONE)
            self._recovery.succeeded(job.attempt.placement.slot)
            self.view.finished(job.task.label, outcome, ended.seconds, job.task.rung)
        trained = self._spending.units - sum(job.task.units for job in self._jobs.running)
        # five megabytes, and a second at a thousand trials
        page = time.monotonic() > self._paged + _PAGE_SECONDS
        # first: what joins the front must not go for want of room when the next job starts
        self._publish((trained, self._spending.card_seconds), page=page)
        self._start_what_fits()
        self._tuner.learn()

    def _publish(self, spent: tuple[float, float] | None = None, *, page: bool = True) -> None:
        self._published = publish(self.plan, self.study, self.tracker, self.ledger, spent, page=page)
        if page:
            self._paged = time.monotonic()
        self._notice(self._published.results)

    def _notice(self, known: Sequence[Result]) -> None:
        if self.notices is not None:
            self.notices.look(known, self._published.front)

    def _end(self, job: Running, ended: Exit, failure: Failure | None) -> None:
        self._jobs.remove(job, ended, failure)
        self._spending.card_seconds = self.ledger.card_seconds()

    def _failed(self, job: Running, ended: Exit, failure: Failure) -> None:
        """Do what follows a failure: once more elsewhere, the trial fails, or the sweep stops."""
        task, slot = job.task, job.attempt.placement.slot
        self._keeper.files(job)
        self._end(job, ended, failure)
        failures = sum(bool(attempt.signature) for attempt in self.ledger.attempts(task.label, task.rung))
        verdict = self._recovery.failed(slot, failure, failures, base=task.number is None)
        said = f"{failure.reason} ({failure.name}; log: {failure.log}; {failure.advice})"
        if verdict.quarantine:
            self.slots.close(slot)
            # told of first: what is in the ledger already would not be told after a crash
            if self.notices is not None:
                self.notices.quarantined(job.attempt.host, slot, failure.reason)
            self.ledger.quarantine(job.attempt.host, slot, failure.reason)
            self.view.say(f"SLOT {slot} IN QUARANTINE: it gets no more jobs until the sweep is started again; {said}")
        if verdict.step is Step.RETRY:
            self.view.say(f"{task.label} is done again in {verdict.wait:.0f} s: {said}")
            self._queue.again(task.number, task.rung, verdict.wait, (slot,))
            return
        if verdict.step is Step.STOP and failure.kind is Kind.HOST and task.number is not None:
            # not the trial's fault: it is done when the host is mended and the sweep goes on
            self.view.say(f"{task.label} is done again when the sweep goes on: {said}")
            self._give_up(f"the sweep stops: {verdict.reason}", Stopping.RUNGS)
            return
        self.ledger.close_job(task.label, task.rung, FAILED)
        self.view.failed(task.label, said)
        if task.number is None:
            self._give_up(f"{_NO_BASE}{verdict.reason or failure.reason}")
            return
        self._keeper.failed(task.number, task.label, said)
        if verdict.step is Step.STOP:
            self._give_up(f"the sweep stops: {verdict.reason}", Stopping.RUNGS)

    def _show(self) -> None:
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self._saved = time.monotonic()
            studies.save_seconds(self.study, self._spending.seconds)
        left, known = self._spending.left(self._jobs.card_seconds), self._published
        jobs = [self._progress(job) for job in self._jobs.running]
        self.view.show(
            Snapshot(self.plan.config, self.trials, self._queue.started, left, jobs, known.front, known.volumes)
        )

    @staticmethod
    def _progress(job: Running) -> Progress:
        slot = job.attempt.placement.slot
        return Progress.of(job.task.label, job.task.rung, slot, job.launcher.seconds, job.course)
