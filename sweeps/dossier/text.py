"""Text of files that others wrote; what is wrong with one is said without its name, which the caller has."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path


def whole(path: Path) -> str:
    """Return a text file; raises ``ValueError`` with the reason where it cannot be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8; save it as UTF-8") from error


def numbered(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a log, ``.gz`` or not, with their numbers from 1; what is no UTF-8 in it is replaced.

    Raises:
        OSError, EOFError, zlib.error: it cannot be read.
    """
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        # lines as editors and grep count them: a progress bar's carriage returns end none
        for number, line in enumerate(io.TextIOWrapper(file, "utf-8", "replace", newline="\n"), 1):
            yield number, line.rstrip("\r\n")
