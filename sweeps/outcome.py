"""What came of a job, kept in this order: the study, MLflow's outbox, the ledger. A crash between two loses nothing."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import optuna
from pydantic import ValidationError

from sweeps import records
from sweeps.jobs import Running
from sweeps.plan import Plan
from sweeps.results import base_result, results
from sweeps.sampling import report
from sweeps.tracking import FAILED, FINISHED, KILLED, Tracker
from sweeps.tuner import Tuner
from trainer.ending import Exit
from trainer.failures import Failure, Kind
from trainer.measurement import Measurement


@dataclass
class Keeper:
    """Keeps what jobs measured, or why they failed.

    Args:
        tuner: told of every measurement and failure.
    """

    plan: Plan
    study: optuna.Study
    tracker: Tracker
    tuner: Tuner

    def measured(self, job: Running, ended: Exit) -> Mapping[str, float] | Failure:
        """Keep a finished job's measurement; returns its values, or what is wrong with them."""
        file, number = job.paths.measurement, job.task.number
        try:
            measurement = Measurement.read(file)
        except (ValidationError, OSError) as error:
            reason = f"{file}: cannot be read: {type(error).__name__}"
            return Failure(Kind.HOST, "measurement broken", reason, file, "look at the disk")
        loss = None if job.course.last is None else job.course.last.loss
        values = self.plan.values(measurement, job.task.settings, ended.seconds, loss)
        if number is None:
            records.record_base(self.study, values, measurement)
            self._log(job, values, measurement, "complete")
            return values
        objectives = [objective.metric for objective in self.plan.config.objectives]
        if undefined := [metric for metric in objectives if not math.isfinite(values.get(metric, math.nan))]:
            reason, advice = f"{', '.join(undefined)} is not a finite number", "look at its formula under `metrics`"
            return Failure(Kind.CONFIGURATION, "objective undefined", reason, file, advice)
        trial, order = records.trial(self.study, number), self.tuner.measured
        result = records.record(self.study, trial, self.plan.config, values, measurement, job.task.rung, order)
        report(self.tuner, self.plan, self.study, result)
        self._log(job, values, measurement, result.state)
        if job.task.before is not None:
            # the rung is measured: no one will start from there again
            job.task.before.state.unlink(missing_ok=True)
        return values

    def measured_before(self, job: Running) -> bool:
        """Whether the study has a job's measurement already; what the process before may not have told is told."""
        if job.task.number is None:
            base = base_result(self.study)
            values = None if base is None else base.values
        else:
            values = records.measured_at(self.study, job.task.number, job.task.rung)
        if values is None:
            return False
        states = {result.number: result.state for result in results(self.study)}
        self._log(job, values, Measurement.read(job.paths.measurement), states.get(job.task.number, "complete"))
        return True

    def _log(self, job: Running, values: Mapping[str, float], measurement: Measurement, state: str) -> None:
        self.files(job)
        self.tracker.log_measurement(job.task.label, values, measurement, job.task.rung)
        self.tracker.finish(job.task.label, FINISHED, state)

    def files(self, job: Running) -> None:
        """Hand a job's files to MLflow, as they are now."""
        folder = "" if job.task.rung is None else job.paths.root.name
        for file in job.paths.artifacts():
            # every msrun of a chain has a worker_0.log
            own = "" if file.parent in (job.paths.root, job.paths.logs) else file.parent.name
            self.tracker.log_files(job.task.label, [file], "/".join(filter(None, (folder, own))))

    def failed(self, number: int, label: str, reason: str) -> None:
        """Keep that a trial cannot be trained."""
        self.tuner.fail(number)
        records.fail(self.study, records.trial(self.study, number), reason)
        self._end(label, FAILED, "failed", reason)

    def cancelled(self, number: int, label: str) -> None:
        """Keep that the user wants no more of a trial, which says nothing of its configuration."""
        self.tuner.forget(number)
        records.cancel(self.study, records.trial(self.study, number))
        self._end(label, KILLED, "cancelled", "cancelled by the user")

    def _end(self, label: str, status: str, state: str, reason: str) -> None:
        if self.tracker.run_of(label) is not None:
            self.tracker.tag(label, {"lorasweep.reason": reason})
            self.tracker.finish(label, status, state)

    def reconcile(self, running: Collection[str]) -> None:
        """Have study and MLflow say the same of all trials but those that run."""
        records.tell_measured(self.study, self.plan.config)
        states = {result.label: result.state for result in results(self.study)}
        base = base_result(self.study)
        if base is not None:
            states[base.label] = base.state
        ends = {"complete": FINISHED, "stopped": FINISHED, "failed": FAILED, "cancelled": KILLED}
        for label in self.tracker.open_trials():
            if label not in running:
                state = states.get(label, "running")
                self.tracker.finish(label, ends.get(state, KILLED), state if state in ends else "interrupted")
