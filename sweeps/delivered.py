"""How far the delivery to MLflow has come: written by the process that delivers, read by the orchestrator."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refused (id INTEGER NOT NULL, label TEXT NOT NULL, what TEXT NOT NULL, error TEXT NOT NULL,
    PRIMARY KEY (id, what));
CREATE TABLE IF NOT EXISTS runs (
    store TEXT NOT NULL, label TEXT NOT NULL, run TEXT, doubted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (store, label));
"""


class Delivered:
    """The state of one outbox's delivery.

    Args:
        file: the database; made where it is not there.
        outbox: identity of the outbox; a position that was reached in another one counts for nothing.

    Raises:
        sqlite3.Error: it cannot be opened.
    """

    def __init__(self, file: Path, outbox: str) -> None:
        self._database = sqlite3.connect(file, timeout=30, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        # what a power cut takes is delivered once more, which changes nothing
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(_SCHEMA)
        self._position = f"position {outbox}"

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def position(self) -> int:
        """Return the id of the last record that was delivered; all before it were, too."""
        return int(self._fact(self._position) or 0)

    def move(self, position: int) -> None:
        """All records up to this one are delivered."""
        self._set(self._position, str(position))

    def refuse(self, number: int, label: str, what: str, error: str) -> None:
        """Set aside a part of a record that the server will never take."""
        self._database.execute("INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?)", (number, label, what, error))

    def refused(self) -> list[tuple[int, str, str, str]]:
        """Return what was set aside: id of the record, label of the run, what it was, the server's reason."""
        return list(self._database.execute("SELECT id, label, what, error FROM refused ORDER BY id, what"))

    def new_refusals(self, seen: int) -> list[tuple[int, str, str, str]]:
        """Return what was set aside after the first ``seen`` times: how often by then, label, what it was, reason."""
        return list(
            self._database.execute(
                "SELECT rowid, label, what, error FROM refused WHERE rowid > ? ORDER BY rowid", (seen,)
            )
        )

    def is_refused(self, number: int) -> bool:
        """Return whether a part of the record was set aside."""
        return self._database.execute("SELECT 1 FROM refused WHERE id = ?", (number,)).fetchone() is not None

    def set_trouble(self, reason: str) -> None:
        """Nothing can be delivered now, and why; empty: it can again."""
        known = self.trouble()
        if not reason:
            self._set("trouble", "")
        elif known is None:
            self._set("trouble", f"{time.time()} {reason}")
        else:
            self._set("trouble", f"{known[0]} {reason}")

    def trouble(self) -> tuple[float, str] | None:
        """Return since when (seconds since 1970) and why nothing can be delivered; None: all is well."""
        since, _, reason = (self._fact("trouble") or "").partition(" ")
        return (float(since), reason) if reason else None

    def set_process(self, pid: int) -> None:
        """Name the process that delivers on behalf of an orchestrator."""
        self._set("process", str(pid))

    def process(self) -> int | None:
        """Return the pid of the process that delivered last on behalf of an orchestrator; it may be gone."""
        known = self._fact("process")
        return None if known is None else int(known)

    # -- which run of MLflow is whose ----------------------------------------------------------------------------------

    def run(self, store: str, label: str) -> str | None:
        """Return the id of the run in that tracking store, where it is known."""
        found = self._database.execute("SELECT run FROM runs WHERE store = ? AND label = ?", (store, label)).fetchone()
        return None if found is None or found[0] is None else str(found[0])

    def begin_run(self, store: str, label: str) -> bool:
        """Note that a run is about to be made; returns whether an earlier attempt came to no known end."""
        found = self._database.execute("SELECT run FROM runs WHERE store = ? AND label = ?", (store, label)).fetchone()
        self._database.execute("INSERT OR REPLACE INTO runs (store, label) VALUES (?, ?)", (store, label))
        return found is not None

    def keep_run(self, store: str, label: str, run: str, *, doubted: bool) -> None:
        """Keep the id of a run; doubted: an earlier attempt may yet make a second one."""
        now = int(time.time()) if doubted else 0
        self._database.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?)", (store, label, run, now))

    def keep_experiment(self, store: str, experiment: str) -> None:
        """Keep the id of the sweep's experiment in that tracking store."""
        self._set(f"experiment {store}", experiment)

    def experiment(self, store: str) -> str | None:
        """Return the id of the sweep's experiment in that tracking store; None before anything was delivered there."""
        return self._fact(f"experiment {store}")

    def forget_run(self, store: str, label: str) -> None:
        """The store has no such run any more."""
        self._database.execute("DELETE FROM runs WHERE store = ? AND label = ?", (store, label))

    def doubted(self, store: str) -> list[tuple[str, str, int]]:
        """Return runs that may have a twin: label, id, and since when (seconds since 1970)."""
        return list(
            self._database.execute(
                "SELECT label, run, doubted FROM runs WHERE store = ? AND doubted > 0 AND run IS NOT NULL", (store,)
            )
        )

    def _fact(self, name: str) -> str | None:
        found = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def _set(self, name: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))
