"""A pack that is being written: a folder or a zip file, which appears whole or not at all, and what is in it."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from trainer import files
from trainer.files import FolderError

_PIECE = 1 << 20
_PACKED = (".ckpt", ".safetensors", ".zip")  # floats do not get smaller


class Archive(Protocol):
    """Takes files by their names in it.

    Attributes:
        digests: name -> sha256 and bytes, of all that was taken.
    """

    digests: dict[str, tuple[str, int]]

    def add(self, source: Path, name: str) -> None:
        """Take a copy of a file."""

    def take(self, source: Path, name: str) -> None:
        """Take a file, which is not there any more then."""


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root
        self.digests: dict[str, tuple[str, int]] = {}

    def add(self, source: Path, name: str) -> None:
        shutil.copyfile(source, self._place(name))
        self._keep(name)

    def take(self, source: Path, name: str) -> None:
        source.replace(self._place(name))
        self._keep(name)

    def _place(self, name: str) -> Path:
        place = self._root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _keep(self, name: str) -> None:
        place = self._root / name
        # of the copy: a log may have grown meanwhile
        self.digests[name] = (files.digest(place), place.stat().st_size)


class _Zip:
    def __init__(self, opened: zipfile.ZipFile) -> None:
        self._zip = opened
        self.digests: dict[str, tuple[str, int]] = {}

    def add(self, source: Path, name: str) -> None:
        entry = zipfile.ZipInfo.from_file(source, name, strict_timestamps=False)
        entry.compress_type = zipfile.ZIP_STORED if source.suffix in _PACKED else zipfile.ZIP_DEFLATED
        digest, size = hashlib.sha256(), 0
        with source.open("rb") as read, self._zip.open(entry, "w", force_zip64=True) as written:
            while piece := read.read(_PIECE):
                digest.update(piece)
                size += len(piece)
                written.write(piece)
        self.digests[name] = (digest.hexdigest(), size)

    def take(self, source: Path, name: str) -> None:
        self.add(source, name)
        source.unlink()


@contextmanager
def opened(out: Path) -> Iterator[tuple[Archive, Path]]:
    """Give an archive that becomes ``out`` at the end, a zip file where its name ends so, and a folder to work in.

    The folder lies beside ``out``, on the same disk; it and what is unfinished are gone afterwards.

    Args:
        out: absolute.

    Raises:
        FolderError: ``out`` is in use, or something cannot be read or written.
    """
    work = out.with_name(f".{out.name}.work")
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        with _zip_file(out) if out.suffix == ".zip" else _folder(out) as archive:
            yield archive, work
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        raise FolderError(f"{out}: cannot be made: {where}{error.strerror}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _folder(out: Path) -> Iterator[Archive]:
    with files.whole_folder(out) as root:
        yield _Folder(root)


@contextmanager
def _zip_file(out: Path) -> Iterator[Archive]:
    if out.exists():
        raise FolderError(f"{out}: is there already; name a new file with --out")
    unfinished = out.with_name(f".{out.name}.part")
    try:
        with unfinished.open("wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                yield _Zip(archive)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
