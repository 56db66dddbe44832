"""What waits to be told to MLflow: a queue on disk, so that a server that is down or slow never holds up the training.

The orchestrator only appends here, and is the only one who writes; what was delivered stands in a database of its own
(``sweeps.delivered``), so that a delivery that hangs or is stopped amid a transaction locks nobody out.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sweeps.delivered import Delivered
from sweeps.stores import StoreError

Kind = Literal["open", "params", "metrics", "tags", "file", "end", "experiment"]
PARENT = "lorasweep.sweep"
"""Label of the sweep's own run, below which those of the trials lie."""
TRIAL, OUTBOX = "lorasweep.trial", "lorasweep.outbox"
"""Tags that say which run is which: the label, and the identity of the outbox that it came from."""
FOLDER = "outbox"
"""Where an outbox lies, below the sweep's folder."""

_PURGE_EVERY = 500
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, label TEXT NOT NULL, payload TEXT NOT NULL,
    made INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS labels (
    label TEXT PRIMARY KEY, last_step INTEGER NOT NULL DEFAULT 0, is_open INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS tags (
    label TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (label, name));
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Record:
    """One thing to tell MLflow about one run.

    Attributes:
        id: rises in the order of appending, and is never used twice.
        kind: ``open`` and ``end`` set the run's status; ``file`` is an artifact, ``experiment`` tags of the experiment;
            the others are lists of values.
        payload: what it says; every time in it is that of the appending, so that telling it twice changes nothing.
        made: milliseconds since 1970.
    """

    id: int
    kind: Kind
    label: str
    payload: Mapping[str, Any]
    made: int


class Outbox:
    """The queue of one sweep.

    Args:
        folder: holds the databases and the files that wait; made where it is not there.

    Raises:
        StoreError: the database cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        file = folder / "outbox.db"
        try:
            self.files.mkdir(parents=True, exist_ok=True)
            # explicit transactions; FULL: what append returned from survives a power cut
            self._database = sqlite3.connect(file, timeout=30, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.executescript(_SCHEMA)
            if self.fact("id") is None:
                self.remember("id", uuid.uuid4().hex)
            self.id = str(self.fact("id"))
            self.delivered = Delivered(folder / "delivered.db", self.id)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{file}: cannot be opened: {error}; mend the file or remove its folder") from error

    @property
    def files(self) -> Path:
        """Artifacts that wait, one folder a record."""
        return self.folder / "files"

    def close(self) -> None:
        """Close the databases."""
        self.delivered.close()
        self._database.close()

    # -- by the orchestrator, which holds the sweep's lock -------------------------------------------------------------

    def append(
        self,
        kind: Kind,
        label: str,
        payload: Mapping[str, Any],
        *,
        last_step: int | None = None,
        once: str | None = None,
    ) -> None:
        """Add a record; it is on disk when this returns.

        Args:
            last_step: of the training, which the record reaches; see ``last_step``.
            once: name of what is told; a record of a name that was told before is left out.
        """
        with self._writing():
            if once is not None and self.fact(once) is not None:
                return
            self._insert(kind, label, payload)
            if last_step is not None:
                self._database.execute("UPDATE labels SET last_step = ? WHERE label = ?", (last_step, label))
            if once is not None:
                self.remember(once, "told")

    def append_tags(self, tags: Mapping[str, Mapping[str, str]]) -> None:
        """Add a record for each run's tags, label -> name -> value, all in one transaction: there may be many."""
        with self._writing():
            for label, own in tags.items():
                self._insert("tags", label, {"items": [[name, value] for name, value in own.items()]})
                rows = [(label, name, value) for name, value in own.items()]
                self._database.executemany("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", rows)

    def append_file(self, label: str, source: Path | str, name: str, folder: str, *, replace: bool = False) -> None:
        """Add an artifact as it is now: later changes of the trial's own folder do not reach it.

        Args:
            source: a file, which must not be changed in place from here on, or a text.
            name: of the artifact.
            folder: of the run's artifacts that it goes to.
            replace: earlier ones of that name which still wait are dropped.
        """
        stale: Sequence[int] = ()
        with self._writing():
            if replace:
                stale = self._drop_waiting(label, name, folder)
            number = self._insert("file", label, {"name": name, "folder": folder})
            target = self.files / str(number) / name
            # of a crash before this one
            shutil.rmtree(target.parent, ignore_errors=True)
            target.parent.mkdir()
            _keep(source, target)
        for old in stale:
            self.remove_file(old)

    def _drop_waiting(self, label: str, name: str, folder: str) -> Sequence[int]:
        waiting = self._database.execute(
            "SELECT id, payload FROM records WHERE kind = 'file' AND label = ? AND id > ?",
            (label, self.delivered.position()),
        ).fetchall()
        same = [number for number, text in waiting if json.loads(text) == {"name": name, "folder": folder}]
        self._database.executemany("DELETE FROM records WHERE id = ?", [(number,) for number in same])
        return same

    def _insert(self, kind: Kind, label: str, payload: Mapping[str, Any]) -> int:
        made = time.time_ns() // 1_000_000
        is_open = {"open": 1, "end": 0}.get(kind)
        self._database.execute("INSERT OR IGNORE INTO labels (label) VALUES (?)", (label,))
        if is_open is not None:
            self._database.execute("UPDATE labels SET is_open = ? WHERE label = ?", (is_open, label))
        cursor = self._database.execute(
            "INSERT INTO records (kind, label, payload, made) VALUES (?, ?, ?, ?)",
            (kind, label, json.dumps(payload), made),
        )
        number = int(cursor.lastrowid or 0)
        if number % _PURGE_EVERY == 0:
            self._purge()
        return number

    def _purge(self) -> None:
        """Drop what was delivered, except what was refused."""
        refused = json.dumps([record for record, *_ in self.delivered.refused()])
        self._database.execute(
            "DELETE FROM records WHERE id <= ? AND id NOT IN (SELECT value FROM json_each(?))",
            (self.delivered.position(), refused),
        )

    def clean(self) -> None:
        """Remove files whose record never came to be or was delivered; only while nobody else appends."""
        waiting = self._database.execute("SELECT id FROM records WHERE id > ?", (self.delivered.position(),))
        kept = {str(number) for (number,) in waiting} | {str(record) for record, *_ in self.delivered.refused()}
        for folder in self.files.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def last_step(self, label: str) -> int:
        """Return the training step up to which the run's steps were appended; 0 at first."""
        found = self._database.execute("SELECT last_step FROM labels WHERE label = ?", (label,)).fetchone()
        return 0 if found is None else int(found[0])

    def tags(self, label: str) -> dict[str, str]:
        """Return the tags of a run as they were appended last."""
        return dict(self._database.execute("SELECT name, value FROM tags WHERE label = ?", (label,)).fetchall())

    def forget_tags(self) -> None:
        """Have all tags appended again: what is delivered to from now on has none of them."""
        self._database.execute("DELETE FROM tags")

    def labels(self, *, open_only: bool = False) -> list[str]:
        """Return the labels of all runs, or of those that were opened and did not end."""
        rows = self._database.execute("SELECT label FROM labels WHERE is_open >= ? ORDER BY label", (int(open_only),))
        return [label for (label,) in rows]

    def fact(self, name: str) -> str | None:
        """Return what was remembered by that name."""
        found = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def remember(self, name: str, value: str) -> None:
        """Keep a text by a name, in place of the one before."""
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # -- by whoever delivers -------------------------------------------------------------------------------------------

    def waiting(self, limit: int) -> list[Record]:
        """Return the first records that were not delivered yet, in order."""
        rows = self._database.execute(
            "SELECT id, kind, label, payload, made FROM records WHERE id > ? ORDER BY id LIMIT ?",
            (self.delivered.position(), limit),
        ).fetchall()
        return [Record(number, kind, label, json.loads(payload), made) for number, kind, label, payload, made in rows]

    def count_waiting(self) -> int:
        """Return how many records were not delivered yet."""
        position = self.delivered.position()
        (count,) = self._database.execute("SELECT COUNT(*) FROM records WHERE id > ?", (position,)).fetchone()
        return int(count)

    def holds(self, record: Record) -> bool:
        """Return whether a record is there still: one of a file is dropped for a newer one."""
        return self._database.execute("SELECT 1 FROM records WHERE id = ?", (record.id,)).fetchone() is not None

    def file(self, record: Record) -> Path:
        """Return the file of a ``file`` record."""
        return self.files / str(record.id) / str(record.payload["name"])

    def remove_file(self, number: int) -> None:
        """Remove the file of a record, if it has one."""
        shutil.rmtree(self.files / str(number), ignore_errors=True)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{self.folder}: cannot be written: {error}") from error


def _keep(source: Path | str, target: Path) -> None:
    if isinstance(source, Path):
        try:
            # costs nothing, and a file that is unlinked or replaced later stays as it is here
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
        return
    with target.open("w", encoding="utf-8") as file:
        file.write(source)
        file.flush()
        os.fsync(file.fileno())
