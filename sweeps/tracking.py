"""The sweep in MLflow: one experiment, a parent run for the sweep, a child run for each trial.

Nothing here talks to MLflow: all that is said goes to the outbox, and another process delivers it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from sweeps.outbox import PARENT, Outbox
from trainer.measurement import Measurement
from trainer.step_log import StepRecord

_LOSS = "train/loss"
_STEPS = 250  # a record: MLflow takes 1,000 metrics in one call
_PARAM_LENGTH, _TAG_LENGTH = 6000, 8000
_NOTE = "mlflow.note.content"

STATE = "lorasweep.state"
"""Tag of a run beside MLflow's status; the sweep's own is ``running``, ``complete``, ``stopped`` or ``failed``."""
FINISHED, FAILED, KILLED = "FINISHED", "FAILED", "KILLED"


class Tracker:
    """Writes down one sweep for MLflow. A run is named by its label: the trial's, or ``parent`` for the sweep's own.

    Args:
        outbox: of the sweep, written by this process only.
    """

    parent = PARENT

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._tagged: dict[str, dict[str, str]] = {}

    def start_trial(self, label: str, params: Mapping[str, object], tags: Mapping[str, str]) -> None:
        """Open the run of a trial, a new one or the one it had before it stopped at a rung."""
        self._outbox.append("open", label, {})
        if params:
            items = [[name, _param(value)] for name, value in params.items()]
            self._outbox.append("params", label, {"items": items})
        self.tag(label, {STATE: "running", **tags})

    def start_sweep(self, tags: Mapping[str, str]) -> None:
        """Mark the parent run as running; what is known of the sweep goes to its tags."""
        self._outbox.append("open", self.parent, {})
        self.tag(self.parent, {STATE: "running", **tags})

    def log_steps(self, run: str, records: Iterable[StepRecord]) -> None:
        """Log step records in batches: loss, learning rate, seconds a step, gradient norm.

        Steps that the run has already are left out: a job that is done again trains them again.
        """
        last = self._outbox.last_step(run)
        fresh = [record for record in records if record.global_step > last]
        now = _now()
        for start in range(0, len(fresh), _STEPS):
            batch = fresh[start : start + _STEPS]
            items = [
                [name, value, now, record.global_step]
                for record in batch
                for name, value in (
                    (_LOSS, record.loss),
                    ("train/learning_rate", record.learning_rate),
                    ("train/step_seconds", record.seconds),
                    ("train/global_norm", record.global_norm),
                )
                if value is not None
            ]
            self._outbox.append("metrics", run, {"items": items}, last_step=batch[-1].global_step)

    def log_measurement(
        self, run: str, values: Mapping[str, float], measurement: Measurement, rung: int | None = None
    ) -> None:
        """Log what was measured, with intervals and durations, and how long the data is that was trained on.

        It is logged once for each rung, however often it is told.

        Args:
            rung: where the sweep has rungs the step is that of the training: the UI draws a line over them; else 0, for
                bars.
        """
        step = 0 if rung is None or measurement.steps is None else measurement.steps
        logged = dict(values)
        for name, score in measurement.scores.items():
            # in front of the name: behind it, ``low`` could be a kind of item
            logged |= {f"low/{name}": score.low, f"high/{name}": score.high, f"items/{name}": score.items}
        logged |= {f"seconds/{name}": seconds for name, seconds in measurement.seconds.items()}
        if measurement.data is not None:
            cut = {
                f"data/{what}": sum(getattr(cut, what) for cut in measurement.data.cuts.values())
                for what in ("truncated", "lost")
            }
            logged |= {"data/items": measurement.data.items, **cut}
        self.log_progress(run, {name: (step, value) for name, value in logged.items()}, once=f"{run}@{rung}")
        self.tag(run, {f"version.{name}": number for name, number in measurement.versions.items()})

    def tag(self, run: str, tags: Mapping[str, str]) -> None:
        """Set those tags of a run that were not set to the same before, by this process or an earlier one."""
        self.tag_all({run: tags})

    def tag_all(self, tags: Mapping[str, Mapping[str, str]]) -> None:
        """Set tags of many runs, run -> name -> value, as ``tag``; it costs little where few of them changed."""
        fresh: dict[str, dict[str, str]] = {}
        for run, own in tags.items():
            if run not in self._tagged:
                self._tagged[run] = self._outbox.tags(run)
            cut = {name: value[:_TAG_LENGTH] for name, value in own.items()}
            changed = {name: value for name, value in cut.items() if self._tagged[run].get(name) != value}
            if changed:
                fresh[run] = changed
        if fresh:
            self._outbox.append_tags(fresh)
        for run, changed in fresh.items():
            self._tagged[run] |= changed

    def tag_experiment(self, tags: Mapping[str, str]) -> None:
        """Set tags of the experiment that all runs are in."""
        self._outbox.append("experiment", self.parent, {"items": [[name, value] for name, value in tags.items()]})

    def note(self, run: str, markdown: str) -> None:
        """Set the description that the UI shows on a run's page."""
        self.tag(run, {_NOTE: markdown})

    def log_progress(self, run: str, values: Mapping[str, tuple[float, float]], *, once: str | None = None) -> None:
        """Log points of curves: name -> step, rounded to an integer, and value.

        Args:
            once: name of what is told; it is told no second time.
        """
        now = _now()
        items = [[name, value, now, round(step)] for name, (step, value) in values.items()]
        self._outbox.append("metrics", run, {"items": items}, once=once)

    def log_files(self, run: str, files: Iterable[Path], folder: str = "") -> None:
        """Log files as artifacts, in a folder of them if one is named."""
        for file in files:
            self._outbox.append_file(run, file, file.name, folder)

    def log_text(self, run: str, text: str, name: str) -> None:
        """Log a text as an artifact, in place of the one of that name."""
        self._outbox.append_file(run, text, name, "", replace=True)

    def finish(self, run: str, status: str, state: str) -> None:
        """End a run with MLflow's status and our own state, which says more."""
        self.tag(run, {STATE: state})
        self._outbox.append("end", run, {"status": status})

    def open_trials(self) -> list[str]:
        """Return the labels of trials whose runs have not ended."""
        return [label for label in self._outbox.labels(open_only=True) if label != self.parent]

    def runs(self) -> set[str]:
        """Return the labels of all runs."""
        return {*self._outbox.labels()}

    def run_of(self, label: str) -> str | None:
        """Return the label of a trial, if it has a run."""
        return label if label in self.runs() else None


def _now() -> int:
    return int(time.time() * 1000)


def _param(value: object) -> str:
    # numbers in full: what a run says must be what it ran with
    return (" ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))[:_PARAM_LENGTH]
