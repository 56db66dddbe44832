"""The sweep in MLflow: one experiment, a parent run for the sweep, a child run for each trial.

The only importer of mlflow. Explicit run ids, no fluent calls, metrics in batches.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from sweeps.stores import StoreError
from trainer.measurement import Measurement
from trainer.step_log import StepRecord

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

_PARENT, _TRIAL = "lorasweep.sweep", "lorasweep.trial"
_LOSS = "train/loss"
_BATCH = 1000  # metrics that the server takes in one call
_PARAM_LENGTH, _TAG_LENGTH = 6000, 8000

FINISHED, FAILED, KILLED = "FINISHED", "FAILED", "KILLED"


class Tracker:
    """Writes one sweep to one tracking store.

    Args:
        uri: MLflow tracking URI, a database or a server.
        artifacts: folder for artifacts, used where the store is opened for the first time.
        sweep: name of the sweep, of its experiment and of its parent run.

    Raises:
        StoreError: the store cannot be opened.
    """

    def __init__(self, uri: str, artifacts: Path, sweep: str) -> None:
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        self._tagged: dict[str, dict[str, str]] = {}
        self._logged: dict[str, int] = {}
        try:
            self._client = MlflowClient(tracking_uri=uri)
            self.experiment = self._open_experiment(uri, artifacts, sweep)
            found = self._client.search_runs([self.experiment], run_view_type=ViewType.ACTIVE_ONLY, max_results=50000)
            known = {run.data.tags[_TRIAL]: run.info for run in found if _TRIAL in run.data.tags}
            self._runs: dict[str, str] = {label: info.run_id for label, info in known.items()}
            self._open = {info.run_id for info in known.values() if info.status == "RUNNING"}
            self.parent = self._runs.get(_PARENT) or self._create(_PARENT, sweep, {})
        except (MlflowException, SQLAlchemyError, OSError) as error:
            raise StoreError(f"mlflow: cannot open the tracking store: {error}") from error

    def _open_experiment(self, uri: str, artifacts: Path, sweep: str) -> str:
        experiment = self._client.get_experiment_by_name(sweep)
        if experiment is None:
            location = (artifacts / sweep).absolute().as_uri() if uri.startswith("sqlite") else None
            created: str = self._client.create_experiment(sweep, artifact_location=location)
            return created
        if experiment.lifecycle_stage != "active":
            raise StoreError(f"mlflow: experiment {sweep} was deleted; restore it, or give the sweep another `name`")
        known: str = experiment.experiment_id
        return known

    def start_trial(self, label: str, params: Mapping[str, object], tags: Mapping[str, str]) -> str:
        """Open the run of a trial, a new one or the one it had before it stopped at a rung; returns its id."""
        if label not in self._runs:
            self._create(label, label, {MLFLOW_PARENT_RUN_ID: self.parent})
        run: str = self._runs[label]
        history = self._client.get_metric_history(run, _LOSS)
        self._logged[run] = max((metric.step for metric in history), default=0)
        self._client.update_run(run, status="RUNNING")
        self._open.add(run)
        self._client.log_batch(
            run,
            params=[Param(name, _param(value)) for name, value in params.items()],
        )
        self.tag(run, {"lorasweep.state": "running", **tags})
        return run

    def start_sweep(self, tags: Mapping[str, str]) -> None:
        """Mark the parent run as running; what is known of the sweep goes to its tags."""
        self._client.update_run(self.parent, status="RUNNING")
        self.tag(self.parent, {"lorasweep.state": "running", **tags})

    def log_steps(self, run: str, records: Iterable[StepRecord]) -> None:
        """Log step records in batches: loss, learning rate, seconds a step, gradient norm.

        Steps that the run has already are left out: a job that is done again trains them again.
        """
        now = int(time.time() * 1000)
        metrics = [
            Metric(name, value, now, record.global_step)
            for record in records
            if record.global_step > self._logged.get(run, 0)
            for name, value in (
                (_LOSS, record.loss),
                ("train/learning_rate", record.learning_rate),
                ("train/step_seconds", record.seconds),
                ("train/global_norm", record.global_norm),
            )
            if value is not None
        ]
        for start in range(0, len(metrics), _BATCH):
            self._client.log_batch(run, metrics=metrics[start : start + _BATCH])

    def log_measurement(self, run: str, values: Mapping[str, float], measurement: Measurement, step: int = 0) -> None:
        """Log what was measured, with intervals and durations.

        Args:
            step: of the training, where the sweep has rungs: the UI draws a line over them; else 0, for bars.
        """
        logged = dict(values)
        for name, score in measurement.scores.items():
            # in front of the name: behind it, ``low`` could be a kind of item
            logged |= {f"low/{name}": score.low, f"high/{name}": score.high, f"items/{name}": score.items}
        logged |= {f"seconds/{name}": seconds for name, seconds in measurement.seconds.items()}
        now = int(time.time() * 1000)
        self._client.log_batch(run, metrics=[Metric(name, value, now, step) for name, value in logged.items()])
        self.tag(run, {f"version.{name}": number for name, number in measurement.versions.items()})

    def tag(self, run: str, tags: Mapping[str, str]) -> None:
        """Set those tags of a run that this process has not set to the same before."""
        known = self._tagged.setdefault(run, {})
        fresh = {name: value for name, value in tags.items() if known.get(name) != value}
        if fresh:
            self._client.log_batch(run, tags=_tags(fresh))
            known |= fresh

    def note(self, run: str, markdown: str) -> None:
        """Set the description that the UI shows on a run's page."""
        self.tag(run, {MLFLOW_RUN_NOTE: markdown})

    def log_progress(self, run: str, values: Mapping[str, tuple[float, float]]) -> None:
        """Log points of curves: name -> step, rounded to an integer, and value."""
        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, round(step)) for name, (step, value) in values.items()]
        self._client.log_batch(run, metrics=metrics)

    def log_files(self, run: str, files: Iterable[Path], folder: str = "") -> None:
        """Log files as artifacts, in a folder of them if one is named."""
        for file in files:
            self._client.log_artifact(run, str(file), folder or None)

    def log_text(self, run: str, text: str, name: str) -> None:
        """Log a text as an artifact, in place of the one of that name."""
        self._client.log_text(run, text, name)

    def finish(self, run: str, status: str, state: str) -> None:
        """End a run with MLflow's status and our own state, which says more."""
        self.tag(run, {"lorasweep.state": state})
        self._client.set_terminated(run, status)
        self._open.discard(run)

    def open_trials(self) -> list[str]:
        """Return the labels of trials whose runs have not ended."""
        return sorted(label for label, run in self._runs.items() if run in self._open and label != _PARENT)

    def end_trial(self, label: str, status: str, state: str) -> None:
        """End the run of a trial by its label."""
        self.finish(self._runs[label], status, state)

    def run_of(self, label: str) -> str | None:
        """Return the run id of a trial, if it has a run."""
        return self._runs.get(label)

    def _create(self, label: str, name: str, tags: dict[str, str]) -> str:
        run = self._client.create_run(self.experiment, tags={**tags, _TRIAL: label}, run_name=name)
        run_id: str = run.info.run_id
        self._runs[label] = run_id
        return run_id


def _param(value: object) -> str:
    # numbers in full: what a run says must be what it ran with
    return (" ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))[:_PARAM_LENGTH]


def _tags(tags: Mapping[str, str]) -> list[RunTag]:
    return [RunTag(name, value[:_TAG_LENGTH]) for name, value in tags.items()]
