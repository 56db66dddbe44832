"""The disk of the runs folder: room, and whether what lorasweep writes there is safe."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sweeps.doctor.finding import Check, Finding, fail, ok, warn
from sweeps.doctor.subject import Subject
from sweeps.dry_run import card_memory
from sweeps.plan import Plan
from sweeps.retention import scan
from sweeps.stores import write_ahead
from trainer.files import write_whole

_GB = 1e9
_FLOAT32 = 4
_OF_A_STATE = 3
"""Values a trained parameter in a rung's state: itself and AdamW's two moments."""

_KEPT = 5
"""Checkpoints that MindFormers' CheckpointMonitor keeps where its ``keep_checkpoint_max`` does not say otherwise."""


def checks(subject: Subject) -> list[Check]:
    """Return the checks of this group."""
    return [Check("disk", "room", lambda: room(subject)), Check("disk", "file system", lambda: file_system(subject))]


def room(subject: Subject) -> Iterator[Finding]:
    """Compare what is free with what the sweep asks for and is going to write."""
    folder = _existing(subject.stores.root)
    free = shutil.disk_usage(folder).free / _GB
    said = f"{folder}: {free:.1f} GB free"
    if subject.config is None:
        yield ok(said)
        return
    reserve, quota = subject.config.disk.reserve_gb, subject.config.disk.quota_gb
    if free < reserve:
        yield fail(f"{said}, fewer than `disk: reserve_gb` of {reserve:g}: nothing would start", "make room")
        return
    used = scan(subject.stores.sweep(subject.config.name))[0] / _GB
    # what the sweep holds already counts for its quota
    wanted, why = (None, "") if quota is None else (quota - used, f"`disk: quota_gb` of {quota:g}")
    if wanted is None and subject.plan is not None and subject.config.trials is not None:
        each = _trial_bytes(subject.plan, subject.sampled) / _GB
        wanted, why = each * subject.config.trials - used, f"{subject.config.trials} trials of at most {each:.2g} GB"
    if wanted is not None and free - reserve < wanted:
        advice = "make room, or set a `disk: quota_gb` that fits: what is missed least is deleted then"
        yield warn(f"{said}; {why} need {wanted + reserve:.1f} with the reserve", advice)
    else:
        yield ok(said + (f"; enough for {why}" if why else ""))


def _trial_bytes(plan: Plan, sampled: list[dict[str, object]]) -> int:
    """Return what the weights of one trial take at most: adapter, a rung's state, MindFormers' own checkpoints."""
    trainable = max(plan.account(settings).trainable for settings in sampled)
    total = trainable * _FLOAT32 * (1 if plan.config.halving is None else 1 + _OF_A_STATE)
    for monitor in _checkpoint_monitors(plan.recipe.values):
        whole = max(card_memory(plan, settings).weights for settings in sampled)
        total += whole * int(monitor.get("keep_checkpoint_max") or _KEPT)
    return total


def _checkpoint_monitors(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    callbacks = values.get("callbacks")
    # the misspelt one is MindFormers' up to 1.3
    names = ("CheckpointMonitor", "CheckpointMointor")
    return [c for c in callbacks or () if isinstance(c, dict) and c.get("type") in names]


def file_system(subject: Subject) -> Iterator[Finding]:
    """Try what lorasweep relies on: whole files, locks between processes, SQLite that is read while it is written."""
    file = subject.stores.study_file
    for folder in dict.fromkeys(map(_existing, [subject.stores.root, *([] if file is None else [file.parent])])):
        yield from _tried(folder)


def _tried(folder: Path) -> Iterator[Finding]:
    try:
        with tempfile.TemporaryDirectory(prefix=".lorasweep-doctor-", dir=folder) as name:
            problems = list(_problems(Path(name)))
    except OSError as error:
        yield fail(f"{folder}: cannot be written: {error.strerror}", "choose another --runs")
        return
    for problem in problems:
        yield fail(f"{folder}: {problem}", "choose a --runs on a local disk: network file systems often lack this")
    if not problems:
        yield ok(f"{folder}: whole files, locks, SQLite with write-ahead log")


def _problems(folder: Path) -> Iterator[str]:
    write_whole(folder / "file", "text")
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
    try:
        with FileLock(folder / "lock"), FileLock(folder / "lock", timeout=0, is_singleton=False):
            yield "a lock does not lock: two launches would write one data set at the same time"
    except Timeout:
        pass
    try:
        with (
            closing(sqlite3.connect(folder / "test.db")) as writer,
            closing(sqlite3.connect(folder / "test.db")) as reader,
        ):
            write_ahead(writer)
            writer.execute("CREATE TABLE t (x)")
            writer.execute("INSERT INTO t VALUES (1)")
            reader.execute("SELECT count(*) FROM t").fetchone()
            mode = reader.execute("PRAGMA journal_mode").fetchone()[0]
    except sqlite3.Error as error:
        yield f"SQLite does not work: {error}"
        return
    if mode != "wal":
        yield f"SQLite has no write-ahead log, its mode stays {mode}: status and the UI would block the sweep"


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one around it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
