"""Files and folders that a reader sees whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FolderError(ValueError):
    """A folder that is to be written is in use, or cannot be made."""


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` by way of a temporary file beside it, so that no crash leaves a part of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


@contextmanager
def whole_folder(out: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give an empty folder to write to, which becomes ``out`` at the end, unless there is an exception.

    Raises:
        FolderError: ``out`` is there and not empty, unless ``replace``; or it cannot be written, as on a full disk.
    """
    if out.exists() and not replace and (not out.is_dir() or any(out.iterdir())):
        raise FolderError(f"{out}: is there already; name a new or an empty folder with --out")
    unfinished = out.with_name(f".{out.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        if out.exists():
            shutil.rmtree(out)
        unfinished.replace(out)
    except OSError as error:
        raise FolderError(f"{out}: cannot be written: {error}; make room, or name another folder with --out") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def folder_digest(folder: Path) -> str:
    """Return the SHA-256 of the names and contents of all files in a folder, in hexadecimal."""
    total = hashlib.sha256()
    for file in sorted(file for file in folder.iterdir() if file.is_file()):
        total.update(f"{file.name} {digest(file)}\n".encode())
    return total.hexdigest()


def digest(file: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
