"""Where a user's sweeps live: databases, artifacts, folders."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from trainer.paths import TrialPaths


class StoreError(ValueError):
    """A store cannot be opened or written."""


@dataclass(frozen=True)
class Stores:
    """The files under one runs folder.

    Args:
        root: absolute folder, ``mlruns`` by default.
    """

    root: Path

    @property
    def tracking_uri(self) -> str:
        """MLflow's database."""
        return _url(self.root / "mlflow.db")

    @property
    def study_url(self) -> str:
        """The studies' database."""
        return _url(self.root / "sweeps.db")

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
        if not (self.root / "sweeps.db").exists():
            raise StoreError(f"{self.root}: no sweep was started here; name its folder with --runs")

    def create(self) -> None:
        """Make the folders and databases; raises ``StoreError`` where they cannot be written."""
        try:
            for folder in (self.artifacts, self.cache, self.sweeps):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{error.filename}: cannot make the folder: {error.strerror}; choose another --runs"
            ) from error
        for name in ("sweeps.db", "mlflow.db"):
            self._open_database(self.root / name)

    def _open_database(self, file: Path) -> None:
        try:
            with sqlite3.connect(file, timeout=30) as database:
                # readers (status, the UI) never wait for the writer; the mode stays with the file
                database.execute("PRAGMA journal_mode=WAL")
                database.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise StoreError(f"{file}: cannot be written: {error}; choose another --runs or mend the file") from error


def trial_paths(sweep: Path, label: str, rung: int | None) -> TrialPaths:
    """Return where a job's files lie: in the trial's folder below the sweep's, one folder a rung in it.

    Args:
        rung: fidelity; None where the sweep has no rungs, and for the untouched base.
    """
    return TrialPaths(sweep / label if rung is None else sweep / label / f"rung-{rung}")


def _url(file: Path) -> str:
    # not by hand: what follows a ? or # in a folder's name would be no part of the file's
    return URL.create("sqlite", database=str(file)).render_as_string()
