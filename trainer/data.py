"""Training file -> tokens -> MindRecord, made once for each content and shared by all trials that want the same."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from evaluation.items import Item, read
from trainer import files
from trainer.prompts import TEMPLATES

if TYPE_CHECKING:
    from trainer.tokenizer import TextCodec

IGNORED = -100
"""Label of a token that no loss is taken of; ``ignore_token_id`` in a recipe."""

Row = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]

_FORMAT = "1"  # part of every digest: raise it when what a file holds changes


def record_path(cache: Path, data: Path, protocol: str, tokenizer: Path, seq_length: int, pad: int) -> Path:
    """Return where a tokenized data set lies: a digest of all that its content depends on.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for part in (_FORMAT, protocol, TEMPLATES[protocol], str(seq_length), str(pad)):
        digest.update(part.encode() + b"\0")
    digest.update(f"{files.digest(data)} {files.folder_digest(tokenizer)}".encode())
    return cache / digest.hexdigest()[:16] / "train.mindrecord"


def rows(items: Iterable[Item], protocol: str, codec: TextCodec, seq_length: int, pad: int) -> Iterator[Row]:
    """Yield ``(input_ids, labels)`` of each item, both int32 of ``(seq_length + 1,)``.

    The network drops the last token of its input and the first label, so ``seq_length`` tokens are trained on. Labels
    are set on the answer only. What is longer is cut off at the end; an item whose whole answer is cut off gives no
    row, since it would give no loss.
    """
    for item in items:
        prompt = codec.prompt(TEMPLATES[protocol], item.fields)
        answer = codec.answer(item.answers[0])
        if len(prompt) > seq_length:
            continue
        fill = max(0, seq_length + 1 - len(prompt) - len(answer))
        ids = prompt + answer + [pad] * fill
        labels = [IGNORED] * len(prompt) + answer + [IGNORED] * fill
        yield np.array(ids[: seq_length + 1], np.int32), np.array(labels[: seq_length + 1], np.int32)


def make_record(record: Path, data: Path, protocol: str, codec: TextCodec, seq_length: int, pad: int) -> None:
    """Write the MindRecord file ``record`` unless it is there; safe when several processes want it at once.

    The file lies in a folder of its own, which appears whole: its index holds the file's name, so it cannot be renamed.

    Raises:
        DataError: the data file is broken.
        ValueError: no item fits ``seq_length``.
    """
    folder = record.parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if folder.exists():
            return
        made = [
            {"input_ids": ids, "labels": labels}
            for ids, labels in rows(read(protocol, data), protocol, codec, seq_length, pad)
        ]
        if not made:
            raise ValueError(
                f"{data}: no item fits seq_length {seq_length}; raise it, or drop it from the search space"
            )
        # here: seconds to import, and impossible in a process that has mlflow, since both bring a protobuf of their own
        from mindspore.mindrecord import FileWriter

        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        writer = FileWriter(str(unfinished / record.name), shard_num=1)
        column = {"type": "int32", "shape": [-1]}
        writer.add_schema({"input_ids": column, "labels": column})
        writer.write_raw_data(made)
        writer.commit()
        unfinished.rename(folder)
