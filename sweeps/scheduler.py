"""The loop: asks the study, launches msrun, follows its log into MLflow, tells the study what was measured."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import optuna

from sweeps import study as studies
from sweeps.plan import Plan
from sweeps.publish import publish
from sweeps.results import base_result, find_front, results, trial_label
from sweeps.tracking import FAILED, FINISHED, KILLED, Tracker
from sweeps.view import Progress, View
from trainer.launcher import Exit, Launcher, Outcome, kill_all
from trainer.measurement import Measurement
from trainer.paths import TrialPaths
from trainer.slots import Slots
from trainer.step_log import StepRecord

_POLL_SECONDS = 0.5
_NO_BASE = "the base model cannot be measured, so no gate could be judged: "


class SweepError(RuntimeError):
    """The sweep cannot go on; what it measured so far is kept."""


@dataclass
class Running:
    """One launch that runs now; ``trial`` is None for the untouched base."""

    trial: optuna.Trial | None
    label: str
    run: str
    paths: TrialPaths
    settings: Mapping[str, object] | None
    launcher: Launcher
    last_step: StepRecord | None = None


@dataclass
class Scheduler:
    """Runs one sweep to its end in this process.

    Attributes:
        plan: what was checked before the start.
        trials: the sweep ends when so many trials came to an end, earlier ones of the study counted.
    """

    plan: Plan
    study: optuna.Study
    tracker: Tracker
    slots: Slots
    view: View
    trials: int
    running: list[Running] = field(default_factory=list)

    def run(self) -> None:
        """Run until all trials have ended.

        Raises:
            SweepError: the base cannot be measured, so no gate could be judged.
            KeyboardInterrupt: the user stopped it; running jobs were killed and their trials queued again.
        """
        try:
            while self._start_what_fits() or self.running:
                for job in tuple(self.running):
                    self._follow(job)
                self._show()
                time.sleep(_POLL_SECONDS)
        except BaseException as error:
            # no second signal may come between the first and the end of the workers
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            # by the folder, not by what this process knows of: it may have been stopped amid a launch
            kill_all(self.plan.folder)
            reconcile(self.study, self.tracker)
            stopped = isinstance(error, KeyboardInterrupt)
            self.tracker.finish(self.tracker.parent, KILLED if stopped else FAILED, "stopped" if stopped else "failed")
            raise
        self.tracker.finish(self.tracker.parent, FINISHED, "complete")

    def _start_what_fits(self) -> bool:
        """Start jobs while a slot is free and trials are left; returns whether any started."""
        started = False
        while self.slots.free:
            if base_result(self.study) is None and not any(job.trial is None for job in self.running):
                self._launch(None)
            elif studies.finished(self.study) + sum(job.trial is not None for job in self.running) < self.trials:
                self._launch(self.study.ask())
            else:
                break
            started = True
        return started

    def _launch(self, trial: optuna.Trial | None) -> None:
        space = self.plan.config.space
        label = trial_label(None if trial is None else trial.number)
        configuration: Mapping[str, object] = {}
        settings: Mapping[str, object] | None = None
        placement = self.slots.lease()
        try:
            if trial is not None:
                params = space.suggest(trial)
                configuration = space.configuration(params)
                studies.record_configuration(trial, configuration)
                settings = space.settings(params)
            paths = TrialPaths(self.plan.folder / label)
            launch = self.plan.prepare(paths, placement, settings, label)
        except ValueError as error:
            self.slots.release(placement)
            self._cannot_start(trial, label, str(error))
            return
        run = self.tracker.start_trial(label, configuration, self.plan.tags)
        launcher = Launcher(launch, placement, paths, self.plan.config.timeout)
        self.running.append(Running(trial, label, run, paths, settings, launcher))
        self.view.started(label, configuration)

    def _cannot_start(self, trial: optuna.Trial | None, label: str, reason: str) -> None:
        """Fail a trial whose configuration no recipe can take: the next ones may be sound."""
        if trial is None:
            raise SweepError(_NO_BASE + reason)
        self.view.failed(label, reason)
        studies.fail(self.study, trial, reason)

    def _follow(self, job: Running) -> None:
        ended = job.launcher.poll()
        steps = job.launcher.new_steps()
        if steps:
            self.tracker.log_steps(job.run, steps)
            job.last_step = steps[-1]
        # gates refer to the base: a trial that ends before it keeps its slot until the base is measured
        if ended is not None and (job.trial is None or base_result(self.study) is not None):
            self._finish(job, ended)
            self.running.remove(job)
            self.slots.release(job.launcher.placement)

    def _finish(self, job: Running, ended: Exit) -> None:
        self.tracker.log_files(job.run, job.paths.artifacts())
        if ended.outcome is not Outcome.FINISHED:
            self._fail(job, f"{ended.reason} (log: {ended.log})")
            return
        measurement = Measurement.read(job.paths.measurement)
        loss = None if job.last_step is None else job.last_step.loss
        values = self.plan.values(measurement, job.settings, ended.seconds, loss)
        self.tracker.log_measurement(job.run, values, measurement)
        if job.trial is None:
            studies.record_base(self.study, values, measurement)
        else:
            objectives = [objective.metric for objective in self.plan.config.objectives]
            undefined = [metric for metric in objectives if math.isnan(values.get(metric, math.nan))]
            if undefined:
                self._fail(job, f"{', '.join(undefined)} is not a number")
                return
            studies.complete(self.study, job.trial, self.plan.config, values, measurement)
        self.tracker.finish(job.run, FINISHED, "complete")
        self.view.finished(job.label, values, ended.seconds)
        publish(self.plan, self.study, self.tracker)

    def _fail(self, job: Running, reason: str) -> None:
        self.tracker.tag(job.run, {"lorasweep.reason": reason})
        self.tracker.finish(job.run, FAILED, "failed")
        self.view.failed(job.label, reason)
        if job.trial is None:
            raise SweepError(_NO_BASE + reason)
        studies.fail(self.study, job.trial, reason)
        publish(self.plan, self.study, self.tracker)

    def _show(self) -> None:
        jobs = [Progress(job.label, job.last_step, job.launcher.seconds) for job in self.running]
        front = find_front(results(self.study), self.plan.config.objectives)
        self.view.show(jobs, studies.finished(self.study), front)


def reconcile(study: optuna.Study, tracker: Tracker) -> None:
    """Bring what an orchestrator left open to an end: its trials are queued again, MLflow says what the study says.

    Only for the one process that holds the sweep's lock, and while none of its launches runs.
    """
    studies.requeue_interrupted(study)
    states = {result.label: result for result in results(study)}
    base = base_result(study)
    if base is not None:
        states[base.label] = base
    for label in tracker.open_trials():
        result = states.get(label)
        if result is not None and result.state == "complete":
            tracker.end_trial(label, FINISHED, "complete")
        elif result is not None and result.reason and not result.reason.startswith(studies.INTERRUPTED):
            tracker.end_trial(label, FAILED, "failed")
        else:
            tracker.end_trial(label, KILLED, "interrupted")
