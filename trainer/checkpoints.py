"""The adapter at evenly spaced steps of a training, so that checkpoints can be handed in without training twice.

Only LoRA weights are written: merged into the base, when they are wanted, each is as large as the base.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

EVENLY = 5
"""So many checkpoints of a training are kept, evenly spaced: what contests ask for."""

_NAME = re.compile(r"adapter-(\d+)\.safetensors")


def evenly_spaced(count: int) -> list[int]:
    """Return the indices of ``EVENLY`` evenly spaced of ``count`` items, the last one always among them."""
    if count <= EVENLY:
        return list(range(count))
    return [round((i + 1) * count / EVENLY) - 1 for i in range(EVENLY)]


def due(steps: int, before: int, now: int) -> bool:
    """Return whether a checkpoint is to be written once step ``now`` is done.

    Args:
        steps: of the whole training, over all rungs.
        before: step that was done last; more than one may be done at a time.
    """
    return any(before < i + 1 <= now for i in evenly_spaced(steps))


def checkpoint(folder: Path, step: int) -> Path:
    """Return the file of the adapter as it was after ``step`` steps of the whole training."""
    return folder / f"adapter-{step}.safetensors"


def checkpoints(folders: Iterable[Path]) -> dict[int, Path]:
    """Return the checkpoints in some folders, step -> file, by their steps."""
    files = (file for folder in folders if folder.is_dir() for file in folder.iterdir())
    return dict(sorted((int(match[1]), file) for file in files if (match := _NAME.fullmatch(file.name))))
