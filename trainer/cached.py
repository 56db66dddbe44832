"""The folder of tokenized data sets, which all sweeps share: who reads one keeps it, what nobody reads may go.

A data set is a folder (``trainer.data``); beside it lies ``NAME.used``, locked by every process that reads it, changed
when one begins to. The system lets go of the lock where a process is killed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO

UNFINISHED = ".part"
"""Suffix of a data set that is being made, or was when its maker was killed."""
_USED = ".used"


@dataclass(frozen=True)
class DataSet:
    """A tokenized data set.

    Attributes:
        bytes: of its files.
        used: when a process last began to read it, UTC epoch seconds.
    """

    path: Path
    bytes: int
    used: float


def use(path: Path) -> IO[bytes]:
    """Keep a data set, there or still to be made, from being removed until the file that is returned is closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_suffix(_USED).open("ab")
    fcntl.flock(file, fcntl.LOCK_SH)
    os.utime(file.fileno())
    return file


def data_sets(cache: Path) -> list[DataSet]:
    """Return what is in the folder, what was not used for longest first."""
    found = []
    for path in cache.glob("*/") if cache.exists() else ():
        used = path.with_suffix(_USED)
        try:
            size = sum(file.stat().st_size for file in path.iterdir())
            found.append(DataSet(path, size, (used if used.exists() else path).stat().st_mtime))
        except FileNotFoundError:
            # another sweep removed it
            continue
    return sorted(found, key=lambda found: (found.used, found.path))


def remove(path: Path) -> bool:
    """Remove a data set; returns False where a process uses it."""
    with path.with_suffix(_USED).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        # whole in one step: what is left of it after a kill is no data set
        gone = path.with_suffix(UNFINISHED)
        shutil.rmtree(gone, ignore_errors=True)
        if path.exists():
            path.rename(gone)
            shutil.rmtree(gone)
        return True
