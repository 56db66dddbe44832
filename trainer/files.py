"""Files that a reader sees whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` by way of a temporary file beside it, so that no crash leaves a part of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


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
