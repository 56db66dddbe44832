"""Where weights lie in safetensors files and in MindSpore's ``.ckpt`` files, without reading them.

A ``.ckpt`` file is one protobuf message (MindSpore's ``checkpoint.proto``). Reading it by MindSpore or protobuf takes
all of it into memory, twice; here only what stands between the weights is read.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, NonNegativeInt, TypeAdapter

from trainer.weights import SIZES, Stored, Weights, WeightsError

CKPT_TYPES = {"F64": "Float64", "F32": "Float32", "F16": "Float16", "BF16": "BFloat16"}
CKPT_TYPES |= {f"{kind[0]}{bits}": f"{kind}{bits}" for kind in ("Int", "UInt") for bits in (8, 16, 32, 64)}
CKPT_TYPES |= {"BOOL": "Bool"}
"""Type by safetensors' name -> MindSpore's."""

_BY_CKPT_TYPE = {name: ours for ours, name in CKPT_TYPES.items()}
_VARINT, _BYTES = 0, 2  # wire types of protobuf that the message has
_CRC = b"crc_num"  # a file that was saved with crc_check ends with this and ten bytes
INDEX = "model.safetensors.index.json"
"""What says in which shard a weight lies, by Hugging Face's name."""


class _Described(BaseModel):
    """One weight in the header of a safetensors file."""

    dtype: str
    shape: tuple[NonNegativeInt, ...]
    data_offsets: tuple[NonNegativeInt, NonNegativeInt]


_HEADER = TypeAdapter(dict[str, _Described])


def read(path: Path) -> Weights:
    """Return the weights of a ``.safetensors`` or ``.ckpt`` file, or of a folder of shards with Hugging Face's index.

    Raises:
        WeightsError: there is no such file, it is of another format, or it is damaged.
    """
    try:
        if (path / INDEX).is_file():
            return Weights(path, _shards(path))
        if path.is_dir():
            raise WeightsError(f"expected a file, or a folder with rank_0 or {INDEX} in it; it has: {_content(path)}")
        if path.suffix == ".safetensors":
            return Weights(path, _safetensors(path))
        if path.suffix == ".ckpt":
            return Weights(path, _ckpt(path))
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}; name a .safetensors or .ckpt file") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise WeightsError(f"{path}: {error}" if isinstance(error, WeightsError) else f"{path}: is damaged") from error
    found = "expected a name that ends with .safetensors or .ckpt" if path.exists() else "is not there"
    raise WeightsError(f"{path}: {found}")


def _content(folder: Path) -> str:
    names = sorted(file.name for file in folder.iterdir())
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "") or "nothing"


def _shards(folder: Path) -> dict[str, Stored]:
    placed = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"]
    if unsafe := [name for name in placed.values() if Path(name).name != name]:
        raise WeightsError(f"{INDEX}: expected names of files beside it, got {unsafe[0]!r}")
    found = {name: _safetensors(folder / name) for name in dict.fromkeys(placed.values())}
    return {name: found[shard][name] for name, shard in placed.items()}


def _safetensors(file: Path) -> dict[str, Stored]:
    """Read the header: its length in eight bytes, then JSON (github.com/huggingface/safetensors, "Format")."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        end = file.stat().st_size
        if length > end:
            raise WeightsError("is no safetensors file, or cut off")
        header = json.loads(opened.read(length))
    header.pop("__metadata__", None)
    stored = {}
    for name, described in _HEADER.validate_python(header).items():
        first, last = described.data_offsets
        stored[name] = Stored(file, described.dtype, described.shape, ((8 + length + first, last - first),))
    _check(stored, end)
    return stored


def _check(found: dict[str, Stored], end: int) -> None:
    """Raise ``WeightsError`` unless each weight is of a known type, and its bytes are those of its shape and there."""
    for name, stored in found.items():
        if stored.dtype not in SIZES:
            raise WeightsError(f"{name}: is of type {stored.dtype}, expected one of {', '.join(SIZES)}")
        expected = math.prod(stored.shape) * SIZES[stored.dtype]
        if sum(length for _, length in stored.spans) != expected:
            raise WeightsError(
                f"is damaged: {name}, {stored.dtype} of shape {stored.shape}, is not {expected} bytes long"
            )
        if any(offset + length > end for offset, length in stored.spans):
            raise WeightsError(f"is cut off: {name} would end beyond the file")


def _ckpt(file: Path) -> dict[str, Stored]:
    if not file.stat().st_size:
        raise WeightsError("is empty")
    stored: dict[str, Stored] = {}
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
        end = len(buffer) - 17 if buffer[-17:-10] == _CRC else len(buffer)
        for number, start, stop in _fields(buffer, 0, end):
            if number != 1:
                raise WeightsError("is no MindSpore checkpoint, or an encrypted one")
            name, piece = _value(file, buffer, start, stop)
            if piece is None:
                continue
            # a weight of more than 512 MB stands there in pieces, one after the other
            spans = stored[name].spans if name in stored else ()
            stored[name] = Stored(file, piece.dtype, piece.shape, spans + piece.spans)
    _check(stored, end)
    return stored


def _value(file: Path, buffer: mmap.mmap, start: int, stop: int) -> tuple[str, Stored | None]:
    """Read ``Value {string tag = 1; TensorProto tensor = 2}``; None for a text and what is no tensor."""
    name, tensor = "", None
    for number, first, last in _fields(buffer, start, stop):
        if number == 1:
            name = buffer[first:last].decode()
        elif number == 2:
            tensor = _tensor(file, buffer, first, last)
    return name, tensor


def _tensor(file: Path, buffer: mmap.mmap, start: int, stop: int) -> Stored | None:
    """Read ``TensorProto {repeated int64 dims = 1; string tensor_type = 2; bytes tensor_content = 3}``."""
    shape: list[int] = []
    kind, span = "", (0, 0)
    for number, first, last in _fields(buffer, start, stop):
        if number == 1:
            shape.append(_varint(buffer, first)[0])
        elif number == 2:
            kind = buffer[first:last].decode()
        elif number == 3:
            span = (first, last - first)
    if kind not in _BY_CKPT_TYPE:
        return None
    # MindSpore writes a scalar's shape as [0]
    return Stored(file, _BY_CKPT_TYPE[kind], () if shape == [0] else tuple(shape), (span,))


def _fields(buffer: mmap.mmap, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Yield (number, start, end) of a message's fields: of the content, for an integer of its bytes."""
    while start < stop:
        key, start = _varint(buffer, start)
        if key & 7 == _VARINT:
            end = _varint(buffer, start)[1]
        elif key & 7 == _BYTES:
            length, start = _varint(buffer, start)
            end = start + length
        else:
            raise WeightsError("is no MindSpore checkpoint, or an encrypted one")
        if end > stop:
            raise WeightsError("is cut off, or no MindSpore checkpoint")
        yield key >> 3, start, end
        start = end


def _varint(buffer: mmap.mmap, position: int) -> tuple[int, int]:
    """Return an integer of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = buffer[position]
        value |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return value, position
        if shift > 63:
            raise WeightsError("is no MindSpore checkpoint, or damaged")
