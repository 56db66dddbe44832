"""Delivery to real stores and a real server, which are killed, stopped and started again."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from rich.console import Console

from sweeps import delivered
from sweeps.courier import Courier
from sweeps.delivery import deliver
from sweeps.outbox import Outbox
from sweeps.server import Server
from sweeps.stores import Stores
from sweeps.tracking import FINISHED, Tracker
from sweeps.tracking_uri import TrackingUri
from trainer.msrun import MARK
from trainer.processes import processes_of
from trainer.slots import free_port
from trainer.step_log import StepRecord

SWEEP = "a'; echo 训练"
LABELS = [f"trial-{number:04d}" for number in range(4)]


def steps(first: int, last: int) -> list[StepRecord]:
    return [StepRecord(1, 1, step, 9999, 1 / step, 0.5, None, False, 1.0, None) for step in range(first, last + 1)]


def write(tracker: Tracker, folder: Path, rounds: range) -> None:
    """Append what four trials say that run at the same time: their rounds of a step each, interleaved."""
    file = folder / "train.yaml"
    file.write_text("rank: 8")
    for number in rounds:
        for label in LABELS:
            if number == 1:
                tracker.start_trial(label, {"rank": 8}, {})
                tracker.log_files(label, [file], "rung-1")
            tracker.log_steps(label, steps(number, number))
            if number % 10 == 0:
                tracker.tag(label, {"last": str(number)})
                tracker.log_text(label, f"page {number}", "page.html")


def contents(uri: str, times: bool = True) -> dict[str, Any]:
    """All that MLflow has of the sweep but for ids, by run: status, times, params, tags, metric rows, artifacts."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(SWEEP)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    assert len({run.info.run_name for run in found}) == len(found), "a run is there twice"
    shown = {}
    for run in found:
        number = run.info.run_id
        rows = {
            metric: [(m.timestamp if times else 0, m.step, m.value) for m in client.get_metric_history(number, metric)]
            for metric in run.data.metrics
        }
        files = {f.path for folder in ("", "rung-1") for f in client.list_artifacts(number, folder) if not f.is_dir}
        tags = {name: value for name, value in run.data.tags.items() if not name.startswith("mlflow.")}
        times_of = (run.info.start_time, run.info.end_time) if times else ()
        shown[run.info.run_name] = (run.info.status, times_of, run.data.params, tags, rows, files)
    return shown


@pytest.fixture
def stores(tmp_path: Path, mlflow_database: Path) -> Stores:
    stores = Stores(tmp_path / "runs")
    stores.create()
    shutil.copy(mlflow_database, stores.root / "mlflow.db")
    return stores


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


def told(outbox: Outbox, stores: Stores) -> dict[str, Any]:
    """Deliver to the folder's own store; what it has then."""
    assert deliver(outbox, SWEEP, stores.tracking_uri, stores.artifacts, patience=60) == ""
    return contents(stores.tracking_uri)


def copied(outbox: Outbox, folder: Path) -> Outbox:
    """The same outbox elsewhere, of which nothing is known to be delivered."""
    shutil.copytree(outbox.folder, folder)
    for file in folder.glob("delivered.db*"):
        file.unlink()
    return Outbox(folder)


def test_delivering_everything_twice_changes_nothing(tmp_path: Path, outbox: Outbox, stores: Stores) -> None:
    tracker = Tracker(outbox)
    write(tracker, tmp_path, range(1, 31))
    tracker.finish(LABELS[0], FINISHED, "complete")
    again = copied(outbox, tmp_path / "again")
    once = told(outbox, stores)
    assert [row[1] for row in once[LABELS[0]][4]["train/loss"]] == list(range(1, 31))
    assert told(again, stores) == once


def test_delivery_that_is_killed_at_random_ends_with_the_store_of_a_quiet_one(
    tmp_path: Path, outbox: Outbox, stores: Stores, mlflow_database: Path
) -> None:
    write(Tracker(outbox), tmp_path, range(1, 501))
    quiet = Stores(tmp_path / "quiet")
    quiet.create()
    shutil.copy(mlflow_database, quiet.root / "mlflow.db")
    expected = told(copied(outbox, tmp_path / "copy"), quiet)
    rng = random.Random(7)
    count = outbox.count_waiting()
    assert count > 2000
    for target in sorted(rng.sample(range(count), 8)):
        process = multiprocessing.get_context("fork").Process(target=deliver_all, args=(outbox.folder, stores))
        process.start()
        while outbox.delivered.position() < target and process.is_alive():
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.join()
    assert told(outbox, stores) == expected


def deliver_all(folder: Path, stores: Stores) -> None:
    deliver(Outbox(folder), SWEEP, stores.tracking_uri, stores.artifacts, 60)


def test_crash_after_a_run_was_made_makes_no_second_one(
    tmp_path: Path, outbox: Outbox, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    Tracker(outbox).start_trial(LABELS[0], {}, {})
    with monkeypatch.context() as patched:
        patched.setattr(delivered.Delivered, "keep_run", crash)
        with pytest.raises(KeyboardInterrupt):
            told(outbox, stores)
    assert told(outbox, stores).keys() == {SWEEP, LABELS[0]}


def crash(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_twin_that_a_server_makes_late_of_a_request_given_up_is_removed(
    outbox: Outbox, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, requests = MlflowClient.create_run, []

    def hang(client: MlflowClient, *arguments: Any) -> Any:
        requests.append(arguments)
        if len(requests) == 1:
            raise MlflowException("API request failed with timeout exception")
        return create(client, *arguments)

    monkeypatch.setattr(MlflowClient, "create_run", hang)
    Tracker(outbox).start_sweep({})
    told(outbox, stores)
    # only now the server comes to it
    create(MlflowClient(stores.tracking_uri), *requests[0])
    assert told(outbox, stores).keys() == {SWEEP}


def test_process_that_delivers_is_started_again_and_ends_with_its_sweep(
    tmp_path: Path, outbox: Outbox, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MARK, str(tmp_path))
    tracker = Tracker(outbox)
    with Courier(outbox, stores, SWEEP, own(stores), Console(file=io.StringIO())) as courier:
        first = courier.pid
        assert first is not None
        assert processes_of(tmp_path) == []
        os.kill(first, signal.SIGKILL)
        write(tracker, tmp_path, range(1, 11))
        until(lambda: checked(courier).pid != first)
        second = courier.pid
    assert outbox.count_waiting() == 0
    assert not psutil.pid_exists(first)
    assert second is None or not psutil.pid_exists(second)


def test_process_that_an_orchestrator_left_stopped_does_not_hold_up_the_next(outbox: Outbox, stores: Stores) -> None:
    console = Console(file=io.StringIO())
    abandoned = Courier(outbox, stores, SWEEP, own(stores), console).__enter__()
    until(lambda: outbox.delivered.process() == abandoned.pid)
    assert abandoned.pid is not None
    os.kill(abandoned.pid, signal.SIGSTOP)
    Tracker(outbox).start_sweep({})
    with Courier(outbox, stores, SWEEP, own(stores), console):
        until(lambda: outbox.count_waiting() == 0)
    abandoned.__exit__(None)


def test_process_that_delivers_to_nobody_ends_soon_after_its_orchestrator(outbox: Outbox, stores: Stores) -> None:
    Tracker(outbox).start_sweep({})
    uri = TrackingUri.parse(f"http://127.0.0.1:{free_port()}")
    courier = Courier(outbox, stores, SWEEP, uri, Console(file=io.StringIO())).__enter__()
    process = courier._process
    assert process is not None
    assert process.stdin is not None
    # what the kernel does where the orchestrator is killed
    process.stdin.close()
    assert process.wait() in (0, 3)
    assert outbox.count_waiting() > 0


def test_end_that_waits_in_vain_says_how_the_rest_is_delivered(tmp_path: Path, outbox: Outbox, stores: Stores) -> None:
    uri = TrackingUri.parse(f"http://someone:s3cr%2Ft@127.0.0.1:{free_port()}")
    output = Console(file=io.StringIO(), width=1000)
    with Courier(outbox, stores, SWEEP, uri, output, patience=1) as courier:
        Tracker(outbox).start_sweep({"a": "b"})
        until(lambda: outbox.delivered.trouble() is not None)
    text = output.file.getvalue()  # type: ignore[attr-defined]
    assert courier.pid is None
    assert "not delivered to MLflow: 2 records: " in text
    assert f"`lorasweep deliver {SWEEP} --runs {stores.root}`" in text
    kept = "".join(str(row) for row in outbox.delivered._database.iterdump())
    kept += (outbox.folder / "delivery.log").read_text()
    assert all(secret not in text + kept for secret in ("s3cr/t", "s3cr%2Ft"))
    assert outbox.count_waiting() == 2


def test_refusal_is_said_once_a_run_and_reason(outbox: Outbox, stores: Stores) -> None:
    output = Console(file=io.StringIO(), width=1000)
    tracker = Tracker(outbox)
    with Courier(outbox, stores, SWEEP, own(stores), output):
        for _ in range(3):
            tracker.log_progress(LABELS[0], {"what=": (0, 1.0)})
            until(lambda: outbox.count_waiting() == 0)
    assert output.file.getvalue().count("MLflow refused metric what= of trial-0000 for good: ") == 1  # type: ignore[attr-defined]


class Mlflow:
    """A real server that can be killed and started again."""

    def __init__(self, stores: Stores) -> None:
        self.server = Server.plan(stores, "127.0.0.1", free_port(), (), {})
        self.uri = f"http://127.0.0.1:{self.server.port}"
        self.start()

    def start(self) -> None:
        self.process = psutil.Popen(
            self.server.argv(), env=self.server.environment(), start_new_session=True, stdout=subprocess.DEVNULL
        )

    def answers(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.uri}/health"):
            return True
        return False

    def signal(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)


@pytest.fixture
def mlflow(stores: Stores) -> Iterator[Mlflow]:
    mlflow = Mlflow(stores)
    until(mlflow.answers)
    yield mlflow
    mlflow.signal(signal.SIGKILL)
    mlflow.process.wait()


def test_server_that_is_stopped_and_killed_amid_the_records_gets_each_once_and_in_order(
    tmp_path: Path, outbox: Outbox, stores: Stores, mlflow: Mlflow
) -> None:
    output = Console(file=io.StringIO(), width=1000)
    tracker = Tracker(outbox)
    with Courier(outbox, stores, SWEEP, TrackingUri.parse(mlflow.uri), output, patience=300) as courier:
        write(tracker, tmp_path, range(1, 101))
        until(lambda: checked(courier) and outbox.delivered.position() > 0)
        mlflow.signal(signal.SIGSTOP)
        # with a server that takes connections and does not answer
        write(tracker, tmp_path, range(101, 201))
        time.sleep(10)
        mlflow.signal(signal.SIGCONT)
        position = outbox.delivered.position()
        until(lambda: checked(courier) and outbox.delivered.position() > position)
        mlflow.signal(signal.SIGKILL)
        mlflow.process.wait()
        # with none
        write(tracker, tmp_path, range(201, 301))
        for label in LABELS:
            tracker.finish(label, FINISHED, "complete")
        until(lambda: checked(courier) and outbox.delivered.trouble() is not None)
        assert outbox.count_waiting() > 0
        mlflow.start()
    found = contents(mlflow.uri, times=False)
    assert found.keys() == {SWEEP, *LABELS}
    for label in LABELS:
        status, _, params, tags, rows, _ = found[label]
        assert (status, params, tags["last"]) == ("FINISHED", {"rank": "8"}, "300")
        assert rows["train/loss"] == [(0, step, 1 / step) for step in range(1, 301)]
    assert sorted(file.read_text() for file in stores.artifacts.rglob("page.html")) == ["page 300"] * len(LABELS)
    assert list(outbox.files.iterdir()) == []


def own(stores: Stores) -> TrackingUri:
    return TrackingUri(stores.tracking_uri, {"MLFLOW_TRACKING_URI": stores.tracking_uri}, is_own=True)


def checked(courier: Courier) -> Courier:
    courier.check()
    return courier


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; only a hang makes the test fail."""
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.05)
