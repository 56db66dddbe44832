from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from evaluation.score import Score
from sweeps.delivery import deliver
from sweeps.outbox import Outbox
from sweeps.tracking import FINISHED, KILLED, Tracker
from trainer.measurement import Measurement
from trainer.step_log import StepRecord

LABEL = "trial-0000"
SWEEP = "a'; echo 训练"


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


@pytest.fixture
def tracker(outbox: Outbox) -> Tracker:
    return Tracker(outbox)


@pytest.fixture
def store(tmp_path: Path, outbox: Outbox, mlflow_database: Path) -> Store:
    shutil.copy(mlflow_database, tmp_path / "mlflow.db")
    return Store(tmp_path, outbox)


class Store:
    """MLflow's own database, where all that was tracked is delivered before it is looked at."""

    def __init__(self, folder: Path, outbox: Outbox) -> None:
        self._folder, self._outbox = folder, outbox
        self._uri = f"sqlite:///{folder}/mlflow.db"
        self.client = MlflowClient(self._uri)

    def runs(self) -> dict[str, Run]:
        assert deliver(self._outbox, SWEEP, self._uri, self._folder / "artifacts", patience=0) == ""
        experiment = self.client.get_experiment_by_name(SWEEP)
        assert experiment is not None
        return {run.info.run_name: run for run in self.client.search_runs([experiment.experiment_id])}

    def history(self, name: str, metric: str) -> list[tuple[int, float]]:
        run = self.runs()[name].info.run_id
        return [(m.step, m.value) for m in self.client.get_metric_history(run, metric)]


def record(step: int, loss: float) -> StepRecord:
    return StepRecord(1, 1, step, 2000, loss, 0.5, 1e-3, False, 1.0, None)


def test_trial_is_a_child_run_with_its_params_in_full(tracker: Tracker, store: Store) -> None:
    tracker.start_trial(LABEL, {"learning_rate": 0.00012345678, "target_modules": ["wq", "wo"]}, {})
    runs = store.runs()
    assert runs[LABEL].data.params == {"learning_rate": "0.00012345678", "target_modules": "wq wo"}
    assert runs[LABEL].data.tags["mlflow.parentRunId"] == runs[SWEEP].info.run_id
    assert runs[LABEL].info.status == "RUNNING"


def test_every_step_of_a_long_training_is_logged(tracker: Tracker, store: Store) -> None:
    tracker.start_trial(LABEL, {}, {})
    tracker.log_steps(LABEL, [record(step, 1 / step) for step in range(1, 1501)])
    assert store.history(LABEL, "train/loss") == [(step, 1 / step) for step in range(1, 1501)]


def test_steps_that_are_trained_again_are_logged_once(tmp_path: Path, tracker: Tracker, store: Store) -> None:
    tracker.start_trial(LABEL, {}, {})
    tracker.log_steps(LABEL, [record(step, 1 / step) for step in (1, 2, 3)])
    again = Tracker(Outbox(tmp_path / "outbox"))
    again.start_trial(LABEL, {}, {})
    again.log_steps(LABEL, [record(step, 1 / step) for step in (1, 2)])
    again.log_steps(LABEL, [record(step, 1 / step) for step in (3, 4)])
    assert store.history(LABEL, "train/loss") == [(step, 1 / step) for step in (1, 2, 3, 4)]


def test_loss_of_a_diverged_run_is_logged_as_not_a_number(tracker: Tracker, store: Store) -> None:
    tracker.start_trial(LABEL, {}, {})
    tracker.log_steps(LABEL, [record(1, math.nan)])
    assert math.isnan(store.runs()[LABEL].data.metrics["train/loss"])


def test_measured_value_stands_beside_its_interval_and_its_number_of_items(tracker: Tracker, store: Store) -> None:
    tracker.start_trial(LABEL, {}, {})
    measurement = Measurement(
        scores={"f1": Score(61.5, 200, 55.0, 68.0)}, seconds={"train": 3.5}, versions={"python": "3"}
    )
    tracker.log_measurement(LABEL, {"f1": 61.5, "ratio": 0.01}, measurement)
    assert store.runs()[LABEL].data.metrics == {
        "f1": 61.5,
        "low/f1": 55.0,
        "high/f1": 68.0,
        "items/f1": 200,
        "ratio": 0.01,
        "seconds/train": 3.5,
    }


def test_sweep_that_goes_on_finds_its_runs_again(tmp_path: Path, tracker: Tracker, store: Store) -> None:
    tracker.start_trial(LABEL, {"rank": 8}, {})
    tracker.finish(LABEL, KILLED, "interrupted")
    before = {name: run.info.run_id for name, run in store.runs().items()}
    Tracker(Outbox(tmp_path / "outbox")).start_trial(LABEL, {"rank": 8}, {})
    assert {name: run.info.run_id for name, run in store.runs().items()} == before


def test_finished_run_says_so_to_mlflow(tracker: Tracker, store: Store) -> None:
    tracker.start_trial(LABEL, {}, {})
    tracker.finish(LABEL, FINISHED, "complete")
    run = store.runs()[LABEL]
    assert run.info.status == "FINISHED"
    assert run.data.tags["lorasweep.state"] == "complete"


def test_run_that_was_left_open_is_found_and_ended(tmp_path: Path, tracker: Tracker, store: Store) -> None:
    tracker.start_sweep({})
    tracker.start_trial(LABEL, {}, {})
    again = Tracker(Outbox(tmp_path / "outbox"))
    assert again.open_trials() == [LABEL]
    again.finish(LABEL, KILLED, "interrupted")
    assert again.open_trials() == []
    assert store.runs()[LABEL].info.status == "KILLED"


def test_artifact_is_the_file_as_it_was_when_it_was_logged(tmp_path: Path, tracker: Tracker, store: Store) -> None:
    file = tmp_path / "train.yaml"
    file.write_text("before")
    tracker.log_files(LABEL, [file], "rung-1")
    file.unlink()
    file.write_text("after")
    store.runs()
    (found,) = (tmp_path / "artifacts").rglob("rung-1/train.yaml")
    assert found.read_text() == "before"


def test_only_the_newest_of_a_text_that_waits_is_kept(tmp_path: Path, tracker: Tracker, store: Store) -> None:
    for text in ("old", "older", "<p>front</p>"):
        tracker.log_text(tracker.parent, text, "pareto.html")
    assert [file.read_text() for file in (tmp_path / "outbox/files").rglob("pareto.html")] == ["<p>front</p>"]
    store.runs()
    assert [file.read_text() for file in (tmp_path / "artifacts").rglob("pareto.html")] == ["<p>front</p>"]
    assert list((tmp_path / "outbox/files").iterdir()) == []


def test_experiment_that_was_deleted_is_said_and_nothing_is_lost(
    tmp_path: Path, tracker: Tracker, outbox: Outbox, store: Store
) -> None:
    tracker.start_trial(LABEL, {}, {})
    experiment = store.runs()[LABEL].info.experiment_id
    store.client.delete_experiment(experiment)
    tracker.tag(LABEL, {"state": "late"})
    said = deliver(outbox, SWEEP, f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts", patience=0)
    assert "was deleted; restore it" in said
    store.client.restore_experiment(experiment)
    assert store.runs()[LABEL].data.tags["state"] == "late"


def test_store_that_cannot_be_opened_is_said_and_nothing_is_lost(
    tmp_path: Path, tracker: Tracker, outbox: Outbox
) -> None:
    tracker.start_trial(LABEL, {}, {})
    waiting = outbox.count_waiting()
    file = tmp_path / "other.db"
    file.write_text("this is no database, only text that is long enough to be read as a header")
    assert "not a database" in deliver(outbox, SWEEP, f"sqlite:///{file}", tmp_path / "artifacts", patience=0)
    assert outbox.count_waiting() == waiting


def test_what_is_refused_for_good_is_set_aside_and_holds_up_nothing(
    tracker: Tracker, outbox: Outbox, store: Store
) -> None:
    tracker.start_trial(LABEL, {"rank": 8}, {})
    tracker.log_progress(LABEL, {"f1": (0, 1.0), "what=": (0, 2.0), "f2": (0, 3.0)})
    tracker.start_trial(LABEL, {"rank": 16, "alpha": 32}, {})
    tracker.finish(LABEL, FINISHED, "complete")
    run = store.runs()[LABEL]
    assert run.data.metrics == {"f1": 1.0, "f2": 3.0}
    assert run.data.params == {"rank": "8", "alpha": "32"}
    assert run.info.status == "FINISHED"
    refused = outbox.delivered.refused()
    assert [(label, what) for _, label, what, _ in refused] == [(LABEL, "metric what="), (LABEL, "param rank")]
    assert outbox.count_waiting() == 0
