"""The checkpoints that the workers of one training saved, each in a folder ``rank_N`` of its own, as one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from trainer import weight_files
from trainer.weights import SLICES, Stored, Weights, WeightsError

_RANK = re.compile(r"rank_(\d+)")
_SUFFIXES = (".ckpt", ".safetensors")


@contextmanager
def read(path: Path, strategy: Path | None = None) -> Iterator[Weights]:
    """Give the weights of a file, of a folder of shards, or of ranks.

    Ranks are given by the folder that holds ``rank_0``, ``rank_1`` ..., with one checkpoint in each, or by the
    checkpoint in one of them, which stands for those of the same step in all. What a rank lacks, as in a pipeline,
    others have; what several have is compared when it is read.

    Args:
        strategy: file or folder of ``ckpt_strategy``, which MindSpore saved when the training was cut into slices; they
            are put together by MindSpore, which takes the memory of all ranks, in the temporary folder.

    Raises:
        WeightsError: a file cannot be read, ranks lack a checkpoint or have several, or MindSpore cannot put them
            together. Reading a weight raises it where ranks differ.
    """
    files = _of_ranks(path)
    if strategy is None:
        yield weight_files.read(path) if files is None else _together(path, files)
        return
    if files is None:
        raise WeightsError(f"{path}: expected folders rank_0, rank_1 ... with --strategy")
    with TemporaryDirectory() as temporary:
        yield weight_files.read(_put_together(files, strategy, Path(temporary)))


def _of_ranks(path: Path) -> dict[int, Path] | None:
    """Return rank -> its checkpoint; None where ``path`` is none of several ranks."""
    ranks = _rank_folders(path if path.is_dir() else path.parent.parent)
    if path.is_dir():
        return {rank: _only(folder) for rank, folder in ranks.items()} or None
    own = _RANK.fullmatch(path.parent.name)
    if own is None:
        return None
    files = {rank: folder / path.name.replace(own[0], folder.name) for rank, folder in ranks.items()}
    for file in files.values():
        if not file.is_file():
            raise WeightsError(f"{file}: is not there; expected the checkpoint of {path.name}'s step of each rank")
    return files


def _rank_folders(parent: Path) -> dict[int, Path]:
    if not parent.is_dir():
        return {}
    found = {int(match[1]): folder for folder in parent.iterdir() if (match := _RANK.fullmatch(folder.name))}
    return dict(sorted(found.items()))


def _only(folder: Path) -> Path:
    files = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES)
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise WeightsError(f"{folder}: expected one checkpoint, got {names}; name one, such as {folder.name}/NAME.ckpt")
    return files[0]


def _together(path: Path, files: Mapping[int, Path]) -> Weights:
    found: dict[str, list[Stored]] = defaultdict(list)
    for file in files.values():
        for name, stored in weight_files.read(file).stored.items():
            found[name].append(stored)
    for name, (first, *others) in found.items():
        for other in others:
            if (other.dtype, other.shape) != (first.dtype, first.shape):
                raise WeightsError(
                    f"{other.file}: {name} has shape {other.shape}, {first.shape} in {first.file}; {SLICES}"
                )
    return Weights(path, {name: replace(first, copies=tuple(others)) for name, (first, *others) in found.items()})


def _put_together(files: Mapping[int, Path], strategy: Path, temporary: Path) -> Path:
    """Have MindSpore make one checkpoint of slices, in a process of its own: it must not be imported beside MLflow."""
    if not strategy.exists():
        raise WeightsError(f"{strategy}: is not there; name the strategy file, or their folder, that MindSpore saved")
    for rank, file in files.items():
        (temporary / f"slices/rank_{rank}").mkdir(parents=True)
        (temporary / f"slices/rank_{rank}" / file.name).symlink_to(file.absolute())
    out, form = temporary / "whole", files[min(files)].suffix[1:]
    paths = map(str, (temporary / "slices", strategy.absolute(), out))
    # -P: the modules beside the script are not to be taken for others'
    command = [sys.executable, "-P", str(Path(__file__).with_name("slices.py")), *paths, form]
    done = subprocess.run(command, capture_output=True, text=True, cwd=temporary)
    made = sorted(file for file in out.rglob("*") if file.suffix == f".{form}")
    if done.returncode or len(made) != 1:
        said = (done.stdout + done.stderr).strip().splitlines()[-3:]
        raise WeightsError(
            f"{strategy}: MindSpore cannot put the slices of {len(files)} ranks together: " + "\n".join(said)
        )
    return made[0]
