"""Training file -> tokens -> MindRecord, made once for each content and shared by all trials that want the same."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from evaluation.items import Item, stream
from trainer.cached import UNFINISHED
from trainer.data_statistics import Statistics, Tally
from trainer.transforms import Transforms, kind_of

if TYPE_CHECKING:
    from trainer.tokenizer import TextCodec

IGNORED = -100
"""Label of a token that no loss is taken of; ``ignore_token_id`` in a recipe."""

Row = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]

_FORMAT = "3"  # part of every digest: raise it when what a file holds changes, as with other step-by-step answers
_STATISTICS = "statistics.json"
_CHUNK = 2000  # items at a time: enough for all cores to tokenize, few enough to be small beside the imports
_CHUNKS = 50  # a file: MindRecord makes the index of a file in memory, 1.4 kB an item


@dataclass(frozen=True)
class Source:
    """What is trained on, before it is tokenized.

    Attributes:
        file: data file.
        protocol: how it is read.
        template: what its fields are put into.
        transforms: how its items are changed and chosen.
        seed: of the choice.
    """

    file: Path
    protocol: str
    template: str
    transforms: Transforms
    seed: int

    def items(self) -> Iterator[Item]:
        """Yield the items as they are to be learned, one held at a time.

        Raises:
            DataError: the file is broken.
            TransformError: it has not enough items of a kind.
        """
        items = stream(self.protocol, self.file)
        if self.transforms.choose:
            # all have to be seen before it is known which to take; to hold them would take more memory than time is won
            kinds = [kind_of(item, self.protocol) for item in stream(self.protocol, self.file)]
            items = compress(items, self.transforms.chosen(kinds, self.seed))
        return map(self.transforms.changed, items)

    def digested(self) -> str:
        """Return all of it, but for the file's content, as a text that is another where it is another."""
        seed = self.seed if self.transforms.choose else None
        return f"{self.protocol}\0{self.template}\0{self.transforms.model_dump_json()}\0{seed}"


class Encoded(NamedTuple):
    """An item's tokens: the begin token and the prompt; the answer and the end token."""

    prompt: list[int]
    answer: list[int]
    kind: str


def record_path(cache: Path, source: Source, content: str, tokenizer: str, seq_length: int, pad: int) -> Path:
    """Return the folder where a tokenized data set lies: its name is a digest of all that its content depends on.

    Args:
        content: digest of the source's file.
        tokenizer: digest of the tokenizer's folder.
    """
    parts = (_FORMAT, source.digested(), str(seq_length), str(pad), content, tokenizer)
    return cache / hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def encoded(items: Iterable[Item], protocol: str, template: str, codec: TextCodec) -> Iterator[Encoded]:
    """Yield the tokens of each item; items are tokenized many at a time, while what was yielded before is used."""
    items = iter(items)

    def chunks() -> Iterator[list[Encoded]]:
        while chunk := list(islice(items, _CHUNK)):
            prompts = codec.prompts(template, [item.fields for item in chunk])
            answers = codec.answers([item.answers[0] for item in chunk])
            kinds = [kind_of(item, protocol) for item in chunk]
            yield list(map(Encoded, prompts, answers, kinds))

    for chunk in _ahead(chunks()):
        yield from chunk


T = TypeVar("T")


def _ahead(values: Iterator[T]) -> Iterator[T]:
    """Yield the values; each is made by another thread while the one before it is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, values, None)
        while (value := coming.result()) is not None:
            coming = pool.submit(next, values, None)
            yield value


def row(item: Encoded, seq_length: int, pad: int) -> Row | None:
    """Return ``(input_ids, labels)`` of an item, both int32 of ``(seq_length + 1,)``.

    The network drops the last token of its input and the first label, so ``seq_length`` tokens are trained on. Labels
    are set on the answer only. What is longer is cut off at the end; an item whose whole answer is cut off gives no
    row, since it would give no loss.
    """
    start = len(item.prompt)
    if start > seq_length:
        return None
    ids = np.full(seq_length + 1, pad, np.int32)
    labels = np.full(seq_length + 1, IGNORED, np.int32)
    ids[:start] = item.prompt
    answer = item.answer[: seq_length + 1 - start]
    ids[start : start + len(answer)] = labels[start : start + len(answer)] = answer
    return ids, labels


def make_record(record: Path, source: Source, codec: TextCodec, seq_length: int, pad: int) -> Statistics:
    """Write the MindRecord files of the folder ``record`` unless it is there; returns what they hold.

    Safe when several processes want it at once: the folder appears whole.

    Raises:
        DataError: the data file is broken.
        TransformError: it has not enough items of a kind.
        ValueError: no item fits ``seq_length``.
    """
    record.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(record.with_suffix(".lock")):
        if not record.exists():
            unfinished = record.with_suffix(UNFINISHED)
            # of a process that was killed
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            try:
                _write(unfinished, source, codec, seq_length, pad).write(unfinished / _STATISTICS)
                unfinished.rename(record)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return Statistics.read(record / _STATISTICS)


def _write(folder: Path, source: Source, codec: TextCodec, seq_length: int, pad: int) -> Statistics:
    tally, writer = Tally(), None
    items = encoded(source.items(), source.protocol, source.template, codec)
    for number, chunk in enumerate(iter(lambda: list(islice(items, _CHUNK)), [])):
        for item in chunk:
            tally.add(len(item.prompt), len(item.answer), item.kind)
        if rows := [made for item in chunk if (made := row(item, seq_length, pad)) is not None]:
            writer = writer or _writer(folder / f"{number:05}.mindrecord")
            writer.write_raw_data([{"input_ids": ids, "labels": labels} for ids, labels in rows])
        if writer is not None and number % _CHUNKS == _CHUNKS - 1:
            writer.commit()
            writer = None
    if writer is not None:
        writer.commit()
    statistics = tally.statistics([seq_length])
    if statistics.cuts[seq_length].lost == statistics.items:
        raise ValueError(
            f"{source.file}: no item fits seq_length {seq_length}; raise it, or drop it from the search space"
        )
    return statistics


def _writer(file: Path) -> Any:
    # here: seconds to import, and impossible in a process that has mlflow, since both bring a protobuf of their own
    from mindspore.mindrecord import FileWriter

    writer = FileWriter(str(file), shard_num=1)
    column = {"type": "int32", "shape": [-1]}
    writer.add_schema({"input_ids": column, "labels": column})
    return writer
