"""The state in which one rung of a trial leaves its training, and from which the next one goes on: one small file.

Holds what training changes (LoRA weights, the optimizer's moments and counters), never the frozen base. The order of
the data needs no place in it: it follows from the data set's seed and the number of steps.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

_COUNTS = ("steps", "steps_per_epoch", "epochs")


class StateError(ValueError):
    """A state file cannot be read, or is of another training than the one that is to go on."""


@dataclass(frozen=True)
class TrainingState:
    """Where a training stands.

    Attributes:
        source: the file it was read from, for messages; empty where it was made here.
        steps: done since the start of the training, those that an overflow skipped included.
        steps_per_epoch: of one worker.
        epochs: of the whole training, over which its learning-rate schedule reaches.
        arrays: parameter's name -> value, floats as float32.
    """

    source: str
    steps: int
    steps_per_epoch: int
    epochs: int
    arrays: Mapping[str, npt.NDArray[Any]]

    def write(self, path: Path) -> None:
        """Write it as safetensors, whole or not at all."""
        save_whole(path, self.arrays, {name: str(getattr(self, name)) for name in _COUNTS})

    @classmethod
    def read(cls, path: Path) -> TrainingState:
        """Read what ``write`` wrote.

        Raises:
            StateError: the file is not there, or is none that ``write`` wrote.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not iterable)
            steps, steps_per_epoch, epochs = (int(metadata[name]) for name in _COUNTS)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise StateError(
                f"{path}: expected the state that a launch to a rung below the last wrote, "
                f"got {type(error).__name__}: {error}"
            ) from error
        return cls(str(path), steps, steps_per_epoch, epochs, arrays)

    def check_fits(self, steps_per_epoch: int, epochs: int, until: int, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Raise ``StateError`` unless a training can go on from here.

        Args:
            until: step, counted from the start of the training, to train to.
            shapes: parameter's name -> shape, of the network and optimizer that are to go on.
        """
        if (self.steps_per_epoch, self.epochs) != (steps_per_epoch, epochs):
            raise StateError(
                f"{self.source}: is of a training of {self.epochs} epochs of {self.steps_per_epoch} steps, "
                f"expected {epochs} of {steps_per_epoch}"
            )
        if self.steps >= until:
            raise StateError(f"{self.source}: has done {self.steps} steps, expected fewer than the rung's {until}")
        if differing := sorted(self.arrays.keys() ^ shapes.keys()):
            raise StateError(
                f"{self.source}: does not fit the recipe: {len(differing)} parameters are in one of the two only, "
                f"the first: {differing[0]}"
            )
        for name, array in self.arrays.items():
            if array.shape != shapes[name]:
                raise StateError(f"{self.source}: {name} has shape {array.shape}, expected {shapes[name]}")


def save_whole(path: Path, arrays: Mapping[str, npt.NDArray[Any]], metadata: dict[str, str] | None = None) -> None:
    """Write arrays as safetensors by way of a temporary file beside it, so that no crash leaves a part of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    save_file(dict(arrays), temporary, metadata)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
