from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from sweeps.database import parse
from sweeps.doctor import disk
from sweeps.doctor.subject import Subject
from sweeps.stores import Stores
from tests.sweeps.doctor.made import examined, said

MONITOR = "callbacks:\n  - {type: CheckpointMonitor, keep_checkpoint_max: 3}\n"


@pytest.fixture(autouse=True)
def fifty_gb_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=50e9))


def test_room_without_a_sweep_is_only_told(tmp_path: Path) -> None:
    assert said(disk.room(Subject(Stores(tmp_path)))) == [("ok", f"{tmp_path}: 50.0 GB free")]


@pytest.mark.parametrize(
    ("settings", "level", "text"),
    [
        ("disk: {reserve_gb: 51}", "fail", "fewer than `disk: reserve_gb` of 51: nothing would start"),
        ("disk: {reserve_gb: 49}", "ok", "enough for 2 trials of at most"),
        ("disk: {quota_gb: 49}", "ok", "enough for `disk: quota_gb` of 49"),
        ("disk: {quota_gb: 49.5}", "warn", "`disk: quota_gb` of 49.5 need 50.5 with the reserve"),
    ],
)
def test_room_is_compared_with_reserve_and_quota(tmp_path: Path, settings: str, level: str, text: str) -> None:
    subject = examined(tmp_path, {"seed: 7": f"seed: 7\n{settings}"})
    (finding,) = disk.room(subject)
    assert finding.level == level
    assert text in finding.text


def test_adapters_and_states_are_counted_for_every_trial(tmp_path: Path) -> None:
    trials = {"trials: 2": "trials: 1000000", "fixed: {runner_config.epochs: 1}": "halving: {rungs: [1, 3]}"}
    (finding,) = disk.room(examined(tmp_path, trials))
    # rank 16 on wq, wk, wv and wo: 3 layers * 4 * 16 * (128 + 128) = 49,152 float32; thrice that in a rung's state
    assert finding.text.endswith(f"1000000 trials of at most {49152 * 4 * 4 / 1e9:.2g} GB need 787.4 with the reserve")
    assert finding.level == "warn"


def test_checkpoints_that_the_recipe_writes_are_counted_whole(tmp_path: Path) -> None:
    subject = examined(tmp_path, {"trials: 2": "trials: 5000"}, {"callbacks:\n": MONITOR})
    (finding,) = disk.room(subject)
    # three times base (676,736) and largest adapter (49,152) in float32, and the adapter that lorasweep saves
    each = 3 * (676736 + 49152) * 4 + 49152 * 4
    assert f"5000 trials of at most {each / 1e9:.2g} GB" in finding.text


def test_local_folder_is_fit_and_left_as_it_was(tmp_path: Path) -> None:
    subject = Subject(Stores(tmp_path / "new/runs"))
    assert said(disk.file_system(subject)) == [
        ("ok", f"{tmp_path}: whole files, locks, SQLite with write-ahead log"),
    ]
    assert not list(tmp_path.iterdir())


def test_folder_of_a_database_elsewhere_is_tried_too(tmp_path: Path) -> None:
    stores = Stores(tmp_path, parse("sqlite:////proc/sweeps.db"))
    assert [finding.level for finding in disk.file_system(Subject(stores))] == ["ok", "fail"]


def test_folder_that_cannot_be_written_fails() -> None:
    # not by its mode: root may write anywhere but here
    (finding,) = disk.file_system(Subject(Stores(Path("/proc/runs"))))
    assert (finding.level, finding.advice) == ("fail", "choose another --runs")


def test_database_without_a_write_ahead_log_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # what SQLite answers on a file system without shared memory: the mode stays
    monkeypatch.setattr(disk, "write_ahead", lambda connection: None)
    (finding,) = disk.file_system(Subject(Stores(tmp_path)))
    assert finding.level == "fail"
    assert "no write-ahead log, its mode stays delete" in finding.text


def test_sqlite_that_fails_is_said_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(connection: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(disk, "write_ahead", refuse)
    (finding,) = disk.file_system(Subject(Stores(tmp_path)))
    assert (finding.level, finding.text) == ("fail", f"{tmp_path}: SQLite does not work: disk I/O error")


def test_what_the_sweep_holds_already_counts_for_its_quota(tmp_path: Path) -> None:
    subject = examined(tmp_path, {"seed: 7": "seed: 7\ndisk: {quota_gb: 49.01}"})
    assert [f.level for f in disk.room(subject)] == ["warn"]
    folder = tmp_path / "runs/sweeps/short"
    folder.mkdir(parents=True)
    with (folder / "weights").open("wb") as file:
        file.truncate(20_000_000)
    assert [f.level for f in disk.room(replace(subject))] == ["ok"]
