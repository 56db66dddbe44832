"""Where a user's sweeps live: databases, artifacts, folders."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL

from trainer.paths import TrialPaths

BUSY_SECONDS = 30
"""So long a statement waits for another process's lock on a SQLite file."""


class StoreError(ValueError):
    """A store cannot be opened or written."""


@dataclass(frozen=True)
class Stores:
    """The files under one runs folder, and the studies' database.

    Args:
        root: absolute folder, ``mlruns`` by default.
        database: of the studies and ledgers, by ``database.parse``; None: an SQLite file under ``root``.
    """

    root: Path
    database: URL | None = field(default=None, repr=False)

    @property
    def tracking_uri(self) -> str:
        """MLflow's database."""
        return _url(self.root / "mlflow.db")

    @property
    def study_url(self) -> str:
        """The studies' database, with its password: for opening it only."""
        if self.database is None:
            return _url(self.root / "sweeps.db")
        return self.database.render_as_string(hide_password=False)

    @property
    def study_file(self) -> Path | None:
        """The studies' database where it is a file; None where it is on a server."""
        if self.database is None:
            return self.root / "sweeps.db"
        return Path(str(self.database.database)) if self.database.drivername == "sqlite" else None

    @property
    def artifacts(self) -> Path:
        """MLflow's artifacts."""
        return self.root / "artifacts"

    @property
    def cache(self) -> Path:
        """Tokenized data sets, named by content."""
        return self.root / "cache"

    @property
    def sweeps(self) -> Path:
        """One folder a sweep."""
        return self.root / "sweeps"

    def sweep(self, name: str) -> Path:
        """The folder of one sweep."""
        return self.sweeps / name

    def check(self) -> None:
        """Raise ``StoreError`` where no sweep was ever started here."""
        if self.study_file is not None and not self.study_file.exists():
            raise StoreError(
                f"{self.study_file.parent}: no sweep was started here; name its folder with --runs, or its database "
                f"with --database"
            )

    def check_tracking(self) -> None:
        """Raise ``StoreError`` where MLflow has no database here."""
        if not (self.root / "mlflow.db").exists():
            raise StoreError(f"{self.root}: no sweep was started here; name its folder with --runs")

    def create(self) -> None:
        """Make the folders and files; raises ``StoreError`` where they cannot be written."""
        try:
            for folder in (self.artifacts, self.cache, self.sweeps):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{error.filename}: cannot make the folder: {error.strerror}; choose another --runs"
            ) from error
        for file in (self.study_file, self.root / "mlflow.db"):
            if file is not None:
                self._open_database(file)

    def _open_database(self, file: Path) -> None:
        try:
            with sqlite3.connect(file, timeout=BUSY_SECONDS) as database:
                write_ahead(database)
                database.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise StoreError(f"{file}: cannot be written: {error}; choose another --runs or mend the file") from error


def write_ahead(connection: sqlite3.Connection) -> None:
    """Have readers (status, the UI) never wait for the writer of a database; the mode stays with the file."""
    # where two processes open a new file at once, SQLite refuses one of them at once instead of letting it wait
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.05)


def trial_paths(sweep: Path, label: str, rung: int | None) -> TrialPaths:
    """Return where a job's files lie: in the trial's folder below the sweep's, one folder a rung in it.

    Args:
        rung: fidelity; None where the sweep has no rungs, and for the untouched base.
    """
    return TrialPaths(sweep / label if rung is None else sweep / label / f"rung-{rung}")


def _url(file: Path) -> str:
    # not by hand: what follows a ? or # in a folder's name would be no part of the file's
    return URL.create("sqlite", database=str(file)).render_as_string()
