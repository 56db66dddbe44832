"""Which files of a sweep may go when its disk quota is used up, and in which order. Reads sizes, deletes nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from search_spaces.section import Section
from trainer.checkpoints import evenly_spaced

_TRIAL = re.compile(r"trial-(\d+)")
_CHECKPOINT = re.compile(r"-(\d+)_(\d+)\.(?:ckpt|safetensors)$")


class DiskSettings(Section):
    """How much room a sweep may take; GB are 10^9 bytes.

    Attributes:
        quota_gb: of the sweep's own folder and the tokenized data that sweeps share; above it what no job reads of
            these goes, then the weights that are missed least; None: no limit.
        reserve_gb: nothing starts while the disk has less left.
    """

    quota_gb: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    reserve_gb: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0


@dataclass(frozen=True)
class Weights:
    """A file of weights of one trial.

    Attributes:
        surplus: a checkpoint of the recipe's own (``CheckpointMonitor``) that is none of the evenly spaced ones.
        links: names of the file; with a second one it waits for MLflow, and to delete the first makes no room.
    """

    path: Path
    bytes: int
    trial: int
    surplus: bool = False
    links: int = 1


@dataclass(frozen=True)
class Uses:
    """Trials by what their files are good for.

    Attributes:
        running: they are being written.
        kept: on the front, so that they can be exported, or promotable, so that they may go on from their states.
        failed: no one will go on from them.
        stopped: at a rung.
    """

    running: Collection[int]
    kept: Collection[int]
    failed: Collection[int]
    stopped: Collection[int]

    def group(self, file: Weights) -> int | None:
        """Return how much a file is missed, 0: least; None: it stays."""
        if file.trial in self.running:
            return None
        if file.surplus:
            return 0
        if file.trial in self.kept:
            return None
        return 1 if file.trial in self.failed else 2 if file.trial in self.stopped else 3


def scan(sweep: Path) -> tuple[int, list[Weights]]:
    """Return how many bytes lie in a sweep's folder, and its trials' weights; what vanishes meanwhile is left out."""
    total, found, seen = 0, [], set()
    for file, status in _files(sweep):
        # what waits for MLflow is a second name of the same file
        total += 0 if status.st_ino in seen else status.st_size
        seen.add(status.st_ino)
        trial = _TRIAL.fullmatch(file.relative_to(sweep).parts[0])
        if trial is not None and file.suffix in (".ckpt", ".safetensors"):
            found.append(Weights(file, status.st_size, int(trial[1]), links=status.st_nlink))
    return total, list(_with_surplus(found))


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for parent, _, names in os.walk(folder):
        for name in names:
            file = Path(parent, name)
            try:
                yield file, file.lstat()
            except FileNotFoundError:
                continue


def _with_surplus(weights: Iterable[Weights]) -> Iterator[Weights]:
    series: dict[Path, list[Weights]] = {}
    for file in weights:
        if _CHECKPOINT.search(file.path.name):
            series.setdefault(file.path.parent, []).append(file)
        else:
            yield file
    for files in series.values():
        files.sort(key=lambda file: _step(file.path))
        kept = {files[i].path for i in evenly_spaced(len(files))}
        yield from (replace(file, surplus=file.path not in kept) for file in files)


def _step(path: Path) -> tuple[int, int]:
    match = _CHECKPOINT.search(path.name)
    return (int(match[2]), int(match[1])) if match else (0, 0)


def removable(weights: Iterable[Weights], uses: Uses) -> list[Weights]:
    """Return what may be deleted, what is missed least first.

    Checkpoints beyond the evenly spaced ones, then what failed, then what stopped and will not go on, at last what was
    trained to its end without being on the front; the largest of each first. What is running, on the front, may still
    be promoted or waits for MLflow stays.
    """
    ranked = [
        (group, -file.bytes, file) for file in weights if file.links == 1 and (group := uses.group(file)) is not None
    ]
    return [file for *_, file in sorted(ranked, key=lambda ranked: (*ranked[:2], ranked[2].path))]


def enough(files: Sequence[Weights], excess: int) -> Sequence[Weights]:
    """Return as many of ``files``, from the first, as free ``excess`` bytes; all where that does not suffice."""
    freed = 0
    for count, file in enumerate(files):
        if freed >= excess:
            return files[:count]
        freed += file.bytes
    return files
