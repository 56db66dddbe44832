"""Writing weights one by one, so that a model need not fit into memory: as safetensors, or as MindSpore's ``.ckpt``."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Literal

from trainer.files import write_whole
from trainer.weight_files import CKPT_TYPES, INDEX
from trainer.weights import SIZES, Stored, Weight

Format = Literal["safetensors", "ckpt"]

SHARD = 5 * 10**9
"""Bytes of weights in a shard at most, unless one weight is larger: Hugging Face's own, for long."""

_PIECE = 512 * 2**20  # MindSpore's own: protobuf's fields end at 2 GB

Shapes = Mapping[str, Weight | Stored]
"""What is to be written, by name and in order: its types and shapes are known before its weights are."""


def write(
    folder: Path, shapes: Shapes, weights: Iterable[tuple[str, Weight]], form: Format, shard: int = SHARD
) -> None:
    """Write weights to ``folder``, one at a time, as ``model.ckpt`` or ``model.safetensors``.

    Beyond ``shard`` bytes safetensors become ``model-00001-of-0000N.safetensors`` with an index, as Hugging Face has
    them.

    Args:
        shapes: of ``weights``, in their order.
    """
    if form == "ckpt":
        _write_ckpt(folder / "model.ckpt", weights)
        return
    coming, shards = iter(weights), _shards(shapes, shard)
    if len(shards) == 1:
        _write_shard(folder / "model.safetensors", shapes, coming)
        return
    placed = {}
    for number, names in enumerate(shards, start=1):
        file = folder / f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        _write_shard(file, {name: shapes[name] for name in names}, islice(coming, len(names)))
        placed.update(dict.fromkeys(names, file.name))
    index = {"metadata": {"total_size": sum(map(_size, shapes.values()))}, "weight_map": placed}
    write_whole(folder / INDEX, json.dumps(index, indent=2) + "\n")


def write_safetensors(file: Path, weights: Mapping[str, Weight]) -> None:
    """Write weights that are in memory as one safetensors file."""
    _write_shard(file, weights, weights.items())


def _shards(shapes: Shapes, limit: int) -> list[list[str]]:
    shards: list[list[str]] = [[]]
    size = 0
    for name, shape in shapes.items():
        if shards[-1] and size + _size(shape) > limit:
            shards.append([])
            size = 0
        shards[-1].append(name)
        size += _size(shape)
    return shards


def _size(shape: Weight | Stored) -> int:
    return math.prod(shape.shape) * SIZES[shape.dtype]


def _write_shard(file: Path, shapes: Shapes, weights: Iterable[tuple[str, Weight]]) -> None:
    """Write the header's length in eight bytes, the header in JSON, the weights in turn.

    Not by the safetensors library: it wants all weights at once, and bfloat16 from torch only, or by raw pointers.
    """
    # MindSpore asks for some format, PEFT and transformers for this one; the bytes are the same in each
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + _size(shape)
        header[name] = {"dtype": shape.dtype, "shape": list(shape.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as opened:
        opened.write(len(text).to_bytes(8, "little") + text)
        for _, weight in weights:
            opened.write(weight.data)
        opened.flush()
        os.fsync(opened.fileno())


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
