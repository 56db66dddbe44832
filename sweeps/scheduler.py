"""The loop: asks the study, launches msrun, follows its log into MLflow, tells the study what was measured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import optuna

from sweeps import study as studies
from sweeps.plan import Plan
from sweeps.results import Interval, base_result, find_front, results, trial_label
from sweeps.tracking import FAILED, FINISHED, KILLED, Tracker
from sweeps.view import View
from trainer.launcher import Exit, Launcher, Outcome
from trainer.measurement import Measurement
from trainer.paths import TrialPaths
from trainer.slots import Slots
from trainer.step_log import StepRecord

_POLL_SECONDS = 0.5


class SweepError(RuntimeError):
    """The sweep cannot go on."""


@dataclass
class Running:
    """One launch that runs now; ``trial`` is None for the untouched base."""

    trial: optuna.Trial | None
    label: str
    run: str
    paths: TrialPaths
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
            SweepError: the base cannot be measured, so nothing that follows could be judged.
            KeyboardInterrupt: the user stopped it; running jobs were killed and their trials queued again.
        """
        try:
            while self._start_what_fits() or self.running:
                for job in tuple(self.running):
                    self._follow(job)
                self.view.show(self.running, results(self.study), self.trials)
                time.sleep(_POLL_SECONDS)
        except BaseException:
            self._stop_all()
            raise

    def _start_what_fits(self) -> bool:
        """Start jobs while a slot is free and trials are left; returns whether any started."""
        started = False
        while self.slots.free:
            if base_result(self.study) is None and not any(job.trial is None for job in self.running):
                self._launch(None)
            elif studies.finished(self.study) + self._trials_running() < self.trials:
                self._launch(self.study.ask())
            else:
                break
            started = True
        return started

    def _trials_running(self) -> int:
        return sum(job.trial is not None for job in self.running)

    def _launch(self, trial: optuna.Trial | None) -> None:
        label = trial_label(None if trial is None else trial.number)
        placement = self.slots.lease()
        paths = TrialPaths(self.plan.folder / label)
        configuration: Mapping[str, object] = {}
        if trial is None:
            launch = self.plan.write_base(paths, placement)
        else:
            params = self.plan.config.space.suggest(trial)
            configuration = self.plan.config.space.configuration(params)
            studies.record_configuration(trial, configuration)
            launch = self.plan.write_trial(paths, placement, params, label)
        run = self.tracker.start_trial(label, configuration, self.plan.tags)
        launcher = Launcher(launch, placement, paths, self.plan.timeout)
        self.running.append(Running(trial, label, run, paths, launcher))
        self.view.started(label, configuration)

    def _follow(self, job: Running) -> None:
        steps = job.launcher.new_steps()
        ended = job.launcher.poll()
        if ended is not None:
            steps += job.launcher.new_steps()
        if steps:
            self.tracker.log_steps(job.run, steps)
            job.last_step = steps[-1]
        if ended is not None:
            self.running.remove(job)
            self.slots.release(job.launcher.placement)
            self._finish(job, ended)

    def _finish(self, job: Running, ended: Exit) -> None:
        self.tracker.log_files(job.run, self.plan.artifacts(job.paths))
        if ended.outcome is not Outcome.FINISHED:
            self._fail(job, f"{ended.reason} (see {ended.log})")
            return
        measurement = Measurement.read(job.paths.measurement)
        values = self.plan.values(measurement, job.trial is None)
        self.tracker.log_values(job.run, values | {"seconds": ended.seconds} | measurement.details())
        if job.trial is None:
            studies.record_base(self.study, values, measurement.intervals)
        else:
            base = base_result(self.study)
            if base is None:
                raise SweepError("")
            studies.complete(self.study, job.trial, self.plan.config, values, measurement.intervals, base.values)
        self.tracker.finish(job.run, FINISHED, "complete")
        self.view.finished(job.label, values, ended.seconds)
        self._publish()
