from __future__ import annotations

import math
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from evaluation.score import Score
from sweeps.stores import StoreError
from sweeps.tracking import FINISHED, KILLED, Tracker
from trainer.measurement import Measurement
from trainer.step_log import StepRecord

LABEL = "trial-0000"


@pytest.fixture
def tracker(tmp_path: Path) -> Tracker:
    return Tracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts", "a'; echo 训练")


@pytest.fixture
def client(tmp_path: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")


def record(step: int, loss: float) -> StepRecord:
    return StepRecord(1, 1, step, 2000, loss, 0.5, 1e-3, False, 1.0, None)


def test_trial_is_a_child_run_with_its_params_in_full(tracker: Tracker, client: MlflowClient) -> None:
    run = client.get_run(
        tracker.start_trial(LABEL, {"learning_rate": 0.00012345678, "target_modules": ["wq", "wo"]}, {})
    )
    assert run.data.params == {"learning_rate": "0.00012345678", "target_modules": "wq wo"}
    assert run.data.tags["mlflow.parentRunId"] == tracker.parent
    assert run.info.status == "RUNNING"


def test_every_step_of_a_long_training_is_logged(tracker: Tracker, client: MlflowClient) -> None:
    run = tracker.start_trial(LABEL, {}, {})
    tracker.log_steps(run, [record(step, 1 / step) for step in range(1, 1501)])
    history = client.get_metric_history(run, "train/loss")
    assert [(metric.step, metric.value) for metric in history] == [(step, 1 / step) for step in range(1, 1501)]


def test_loss_of_a_diverged_run_is_logged_as_not_a_number(tracker: Tracker, client: MlflowClient) -> None:
    run = tracker.start_trial(LABEL, {}, {})
    tracker.log_steps(run, [record(1, math.nan)])
    assert math.isnan(client.get_run(run).data.metrics["train/loss"])


def test_measured_value_stands_beside_its_interval_and_its_number_of_items(
    tracker: Tracker, client: MlflowClient
) -> None:
    run = tracker.start_trial(LABEL, {}, {})
    measurement = Measurement(
        scores={"f1": Score(61.5, 200, 55.0, 68.0)}, seconds={"train": 3.5}, versions={"python": "3"}
    )
    tracker.log_measurement(run, {"f1": 61.5, "ratio": 0.01}, measurement)
    metrics = client.get_run(run).data.metrics
    assert metrics == {
        "f1": 61.5,
        "low/f1": 55.0,
        "high/f1": 68.0,
        "items/f1": 200,
        "ratio": 0.01,
        "seconds/train": 3.5,
    }


def test_sweep_that_goes_on_finds_its_runs_again(tmp_path: Path, tracker: Tracker) -> None:
    run = tracker.start_trial(LABEL, {"rank": 8}, {})
    tracker.finish(run, KILLED, "interrupted")
    again = Tracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts", "a'; echo 训练")
    assert again.parent == tracker.parent
    assert again.start_trial(LABEL, {"rank": 8}, {}) == run


def test_finished_run_says_so_to_mlflow(tracker: Tracker, client: MlflowClient) -> None:
    run = tracker.start_trial(LABEL, {}, {})
    tracker.finish(run, FINISHED, "complete")
    assert client.get_run(run).info.status == "FINISHED"
    assert client.get_run(run).data.tags["lorasweep.state"] == "complete"


def test_artifact_lies_under_the_folder_that_was_named(tmp_path: Path, tracker: Tracker) -> None:
    tracker.log_text(tracker.parent, "<p>front</p>", "pareto.html")
    assert [file.read_text() for file in (tmp_path / "artifacts").rglob("pareto.html")] == ["<p>front</p>"]


def test_store_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database, only text that is long enough to be read as a header")
    with pytest.raises(StoreError, match="tracking store"):
        Tracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts", "sweep")


def test_run_that_was_left_open_is_found_and_ended(tmp_path: Path, tracker: Tracker, client: MlflowClient) -> None:
    run = tracker.start_trial(LABEL, {}, {})
    again = Tracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts", "a'; echo 训练")
    assert again.open_trials() == [LABEL]
    again.end_trial(LABEL, KILLED, "interrupted")
    assert again.open_trials() == []
    assert client.get_run(run).info.status == "KILLED"


def test_experiment_that_was_deleted_is_said(tmp_path: Path, tracker: Tracker, client: MlflowClient) -> None:
    client.delete_experiment(tracker.experiment)
    with pytest.raises(StoreError, match="was deleted; restore it"):
        Tracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts", "a'; echo 训练")
