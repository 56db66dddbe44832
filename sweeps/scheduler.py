"""The loop: asks the tuner what runs next, launches msrun, follows its log into MLflow, keeps what was measured."""

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
from sweeps.results import Front, Result, base_result, results, trial_label
from sweeps.sampling import make_tuner, report
from sweeps.spending import Spending
from sweeps.stores import trial_paths
from sweeps.tracking import FAILED, FINISHED, KILLED, Tracker
from sweeps.tuner import Tuner
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
    """One launch that runs now.

    Attributes:
        trial: None for the untouched base.
        rung: fidelity that it runs to; None where the sweep has no rungs.
        units: that it trains.
    """

    trial: optuna.Trial | None
    rung: int | None
    label: str
    run: str
    paths: TrialPaths
    settings: Mapping[str, object] | None
    units: int
    launcher: Launcher
    last_step: StepRecord | None = None


@dataclass
class Scheduler:
    """Runs one sweep to its end in this process.

    Attributes:
        plan: what was checked before the start.
        trials: so many are started, earlier ones of the study counted; None: as many as the budget allows.
    """

    plan: Plan
    study: optuna.Study
    tracker: Tracker
    slots: Slots
    view: View
    trials: int | None
    running: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tuner: Tuner = make_tuner(self.plan, self.study)
        self._spending = Spending.load(self.plan.config.budget, studies.load_spent(self.study))
        self._undone = studies.unmeasured(self.study)
        self._started = studies.started(self.study)
        self._front = Front((), None)

    def run(self) -> None:
        """Run until nothing more is to be done.

        Raises:
            SweepError: the base cannot be measured, so no gate could be judged.
            KeyboardInterrupt: the user stopped it; running jobs were killed and will be done again.
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
            self._spending.card_seconds += self._running_card_seconds()
            studies.save_spent(self.study, self._spending.as_dict())
            reconcile(self.plan, self.study, self.tracker)
            stopped = isinstance(error, KeyboardInterrupt)
            self.tracker.finish(self.tracker.parent, KILLED if stopped else FAILED, "stopped" if stopped else "failed")
            raise
        studies.save_spent(self.study, self._spending.as_dict())
        self.tracker.finish(self.tracker.parent, FINISHED, "complete")

    # -- what runs next ----------------------------------------------------------------------------------------------

    def _start_what_fits(self) -> bool:
        """Start jobs while a slot is free and there is something to do; returns whether any started."""
        started = False
        while self.slots.free and self._start_one():
            started = True
        return started

    def _start_one(self) -> bool:
        if base_result(self.study) is None and not any(job.trial is None for job in self.running):
            self._launch(None, None)
            return True
        if over := self._spending.over(self._running_card_seconds()):
            self.view.over(over)
            return False
        if self._undone:
            trial = self._undone.pop(0)
            rung = studies.target(trial)
            self._launch(trial, self._fidelity(0) if rung is None else rung)
            return True
        may_start = self.trials is None or self._started < self.trials
        choice = self._tuner.next(self._spending.units_left(), may_start=may_start, idle=not self.running)
        if choice is None:
            return False
        if choice.trial is None:
            self._start_new()
        else:
            self._promote(choice.trial, choice.rung)
        return True

    def _promote(self, number: int, rung: int) -> None:
        self._tuner.promote(number, rung)
        self._spending.units += self._tuner.rungs[rung] - self._tuner.rungs[rung - 1]
        trial = self.study.get_trials(deepcopy=False)[number]
        self._launch(optuna.Trial(self.study, trial._trial_id), self._fidelity(rung))

    def _start_new(self) -> None:
        trial = self.study.ask()
        self._started += 1
        settings = self._launch(trial, self._fidelity(0))
        if settings is not None:
            self._spending.units += self.plan.units(settings, self._fidelity(0))

    def _fidelity(self, rung: int) -> int | None:
        return None if self.plan.config.halving is None else self._tuner.rungs[rung]

    def _launch(self, trial: optuna.Trial | None, rung: int | None) -> Mapping[str, object] | None:
        """Start a job; returns what it sets in the recipe, None where it could not be started."""
        space = self.plan.config.space
        label = trial_label(None if trial is None else trial.number)
        configuration: Mapping[str, object] = {}
        settings: Mapping[str, object] | None = None
        paths = trial_paths(self.plan.folder, label, rung)
        placement = self.slots.lease()
        try:
            if trial is not None:
                params = space.suggest(trial)
                self._tuner.start(trial.number, params)
                configuration, settings = space.configuration(params), space.settings(params)
                studies.record_job(trial, configuration, rung)
                studies.save_spent(self.study, self._spending.as_dict())
            before = self._resumed(label, rung)
            state = None if before is None else before.state
            launch = self.plan.prepare(paths, placement, settings, label, rung, state)
        except ValueError as error:
            self.slots.release(placement)
            self._cannot_start(trial, label, str(error))
            return None
        run = self.tracker.start_trial(label, configuration, self.plan.tags)
        launcher = Launcher(launch, placement, paths, self.plan.config.timeout)
        units = 0 if settings is None else self.plan.units(settings, rung) - self._trained_before(rung)
        self.running.append(Running(trial, rung, label, run, paths, settings, units, launcher))
        self.view.started(label, configuration, rung)
        return settings

    def _trained_before(self, rung: int | None) -> int:
        index = 0 if rung is None else self._tuner.rungs.index(rung)
        return self._tuner.rungs[index - 1] if index else 0

    def _resumed(self, label: str, rung: int | None) -> TrialPaths | None:
        """Return the folder of the rung before; None at the first."""
        if rung is None or rung == self._tuner.rungs[0]:
            return None
        before = self._tuner.rungs[self._tuner.rungs.index(rung) - 1]
        return trial_paths(self.plan.folder, label, before)

    def _cannot_start(self, trial: optuna.Trial | None, label: str, reason: str) -> None:
        """Fail a trial whose configuration no recipe can take: the next ones may be sound."""
        if trial is None:
            raise SweepError(_NO_BASE + reason)
        self.view.failed(label, reason)
        self._tuner.fail(trial.number)
        studies.fail(self.study, trial, reason)

    # -- what came out -----------------------------------------------------------------------------------------------

    def _follow(self, job: Running) -> None:
        ended = job.launcher.poll()
        steps = job.launcher.new_steps()
        if steps:
            self.tracker.log_steps(job.run, steps)
            job.last_step = steps[-1]
        # gates refer to the base: a trial that ends before it keeps its slot until the base is measured
        if ended is not None and (job.trial is None or base_result(self.study) is not None):
            self.running.remove(job)
            self.slots.release(job.launcher.placement)
            self._spending.card_seconds += ended.seconds * job.launcher.placement.workers
            studies.save_spent(self.study, self._spending.as_dict())
            self._finish(job, ended)
            self._start_what_fits()
            trained = self._spending.units - sum(job.units for job in self.running)
            spent = (trained, self._spending.card_seconds)
            self._front = publish(self.plan, self.study, self.tracker, spent)
            self._tuner.learn()

    def _finish(self, job: Running, ended: Exit) -> None:
        self.tracker.log_files(job.run, job.paths.artifacts(), "" if job.rung is None else job.paths.root.name)
        if ended.outcome is not Outcome.FINISHED:
            self._fail(job, f"{ended.reason} (log: {ended.log})")
            return
        measurement = Measurement.read(job.paths.measurement)
        loss = None if job.last_step is None else job.last_step.loss
        values = self.plan.values(measurement, job.settings, ended.seconds, loss)
        step = 0 if job.rung is None or measurement.steps is None else measurement.steps
        self.tracker.log_measurement(job.run, values, measurement, step)
        state = "complete"
        if job.trial is None:
            studies.record_base(self.study, values, measurement)
        else:
            objectives = [objective.metric for objective in self.plan.config.objectives]
            undefined = [metric for metric in objectives if not math.isfinite(values.get(metric, math.nan))]
            if undefined:
                self._fail(job, f"{', '.join(undefined)} is not a finite number")
                return
            state = self._keep(job, job.trial, values, measurement).state
        self.tracker.finish(job.run, FINISHED, state)
        self.view.finished(job.label, values, ended.seconds, job.rung)

    def _keep(self, job: Running, trial: optuna.Trial, values: Mapping[str, float], measurement: Measurement) -> Result:
        order = self._tuner.measured
        result = studies.record(self.study, trial, self.plan.config, values, measurement, job.rung, order)
        report(self._tuner, self.plan, self.study, result)
        before = self._resumed(job.label, job.rung)
        if before is not None:
            # the rung is measured: no one will start from there again
            before.state.unlink(missing_ok=True)
        return result

    def _fail(self, job: Running, reason: str) -> None:
        self.tracker.tag(job.run, {"lorasweep.reason": reason})
        self.tracker.finish(job.run, FAILED, "failed")
        self.view.failed(job.label, reason)
        if job.trial is None:
            raise SweepError(_NO_BASE + reason)
        self._tuner.fail(job.trial.number)
        studies.fail(self.study, job.trial, reason)

    def _running_card_seconds(self) -> float:
        return sum(job.launcher.seconds * job.launcher.placement.workers for job in self.running)

    def _show(self) -> None:
        jobs = [Progress(job.label, job.rung, job.last_step, job.launcher.seconds) for job in self.running]
        self.view.show(jobs, self._started, self._front, self._spending.left())


def reconcile(plan: Plan, study: optuna.Study, tracker: Tracker) -> None:
    """Have study and MLflow say the same of what an orchestrator left open; its jobs are to be done again.

    Only for the one process that holds the sweep's lock, and while none of its launches runs.
    """
    studies.tell_measured(study, plan.config)
    states = {result.label: result for result in results(study)}
    base = base_result(study)
    if base is not None:
        states[base.label] = base
    for label in tracker.open_trials():
        state = states[label].state if label in states else "running"
        if state in ("complete", "stopped"):
            tracker.end_trial(label, FINISHED, state)
        elif state == "failed":
            tracker.end_trial(label, FAILED, state)
        else:
            tracker.end_trial(label, KILLED, "interrupted")
