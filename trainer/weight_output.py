"""Writing weights one by one, so that a model need not fit into memory: as safetensors, or as MindSpore's ``.ckpt``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from trainer.files import write_whole
from trainer.weight_files import CKPT_TYPES, INDEX
from trainer.weights import Weight

Format = Literal["safetensors", "ckpt"]

SHARD = 2 * 10**9
"""Bytes of weights in a shard at most, unless one weight is larger; so many are in memory at once."""

_PIECE = 512 * 2**20  # MindSpore's own: protobuf's fields end at 2 GB


def write(folder: Path, weights: Iterable[tuple[str, Weight]], form: Format, shard: int = SHARD) -> None:
    """Write weights to ``folder`` as ``model.ckpt`` or ``model.safetensors``.

    Beyond ``shard`` bytes safetensors become ``model-00001-of-0000N.safetensors`` with an index, as Hugging Face has
    them.
    """
    if form == "ckpt":
        _write_ckpt(folder / "model.ckpt", weights)
    else:
        _write_shards(folder, weights, shard)


def write_safetensors(file: Path, weights: Mapping[str, Weight]) -> None:
    """Write one safetensors file: the header's length in eight bytes, the header in JSON, the weights in turn.

    Not by the safetensors library: it takes bfloat16 from torch only, or by raw pointers.
    """
    # MindSpore asks for some format, PEFT and transformers for this one; the bytes are the same in each
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, weight in weights.items():
        start, end = end, end + len(weight.data)
        header[name] = {"dtype": weight.dtype, "shape": list(weight.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as opened:
        opened.write(len(text).to_bytes(8, "little") + text)
        for weight in weights.values():
            opened.write(weight.data)
        opened.flush()
        os.fsync(opened.fileno())


def _write_shards(folder: Path, weights: Iterable[tuple[str, Weight]], limit: int) -> None:
    shards: list[list[str]] = []
    held: dict[str, Weight] = {}
    total = size = 0

    def flush() -> None:
        write_safetensors(folder / f"{len(shards)}.part", held)
        shards.append(list(held))
        held.clear()

    for name, weight in weights:
        if held and size + len(weight.data) > limit:
            flush()
            size = 0
        held[name] = weight
        size, total = size + len(weight.data), total + len(weight.data)
    flush()
    _name_shards(folder, shards, total)


def _name_shards(folder: Path, shards: list[list[str]], total: int) -> None:
    """Give shards their names, which say how many there are."""
    if len(shards) == 1:
        (folder / "0.part").replace(folder / "model.safetensors")
        return
    placed = {}
    for number, names in enumerate(shards):
        shard = f"model-{number + 1:05d}-of-{len(shards):05d}.safetensors"
        (folder / f"{number}.part").replace(folder / shard)
        placed.update(dict.fromkeys(names, shard))
    write_whole(folder / INDEX, json.dumps({"metadata": {"total_size": total}, "weight_map": placed}, indent=2) + "\n")


def _write_ckpt(file: Path, weights: Iterable[tuple[str, Weight]]) -> None:
    """Write the message that ``trainer.weight_files`` describes; a larger weight in pieces, as MindSpore does."""
    with file.open("wb") as opened:
        for name, weight in weights:
            data = memoryview(weight.data)
            for start in range(0, max(len(data), 1), _PIECE):
                piece = data[start : start + _PIECE]
                dims = b"".join(b"\x08" + _varint(size) for size in weight.shape or (0,))
                head = dims + _bytes(2, CKPT_TYPES[weight.dtype].encode()) + b"\x1a" + _varint(len(piece))
                value = _bytes(1, name.encode()) + b"\x12" + _varint(len(head) + len(piece)) + head
                opened.write(b"\x0a" + _varint(len(value) + len(piece)) + value)
                opened.write(piece)
        opened.flush()
        os.fsync(opened.fileno())


def _bytes(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Return an integer in seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
