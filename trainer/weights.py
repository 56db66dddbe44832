"""Weights as they lie in files: any of the types that MindSpore and safetensors share, bfloat16 included.

NumPy has no bfloat16, so a weight is kept as its bytes, and becomes float32 only where it is computed with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1}
SIZES |= {"U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1}
"""Type by safetensors' name -> bytes an element."""

SLICES = (
    "expected copies, as data parallel training saves them; slices, as a parallel optimizer or model parallel training "
    "saves them, are put together by --strategy with the strategy file of that training"
)
"""What to do where ranks differ."""

_FLOATS = ("F32", "F16", "BF16")


class WeightsError(ValueError):
    """Weights cannot be read, or do not fit together."""


@dataclass(frozen=True)
class Weight:
    """One weight.

    Attributes:
        dtype: its type by safetensors' name, a key of ``SIZES``.
        shape: as (outputs, inputs) for a linear layer.
        data: the elements in C order, little-endian.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    def __post_init__(self) -> None:
        expected = math.prod(self.shape) * SIZES[self.dtype]
        if len(self.data) != expected:
            raise WeightsError(f"{self.dtype} of shape {self.shape}: has {len(self.data)} bytes, expected {expected}")

    def floats(self) -> Floats:
        """Return it as float32, which holds float16 and bfloat16 exactly; raises ``WeightsError`` for other types."""
        if self.dtype == "BF16":
            bits = np.frombuffer(self.data, "<u2").astype(np.uint32) << np.uint32(16)
            return bits.view(np.float32).reshape(self.shape)
        if self.dtype not in _FLOATS:
            raise WeightsError(f"is of type {self.dtype}, expected one of {', '.join(_FLOATS)}")
        return np.frombuffer(self.data, "<f4" if self.dtype == "F32" else "<f2").astype(np.float32).reshape(self.shape)

    @classmethod
    def of(cls, values: Floats, dtype: str = "F32") -> Weight:
        """Round float32 values to the nearest of a floating type, ties to even; what is too large becomes infinite."""
        if dtype == "BF16":
            bits = values.view(np.uint32)
            # in place: (bits + 0x7FFF + the last bit that stays) >> 16
            rounded = bits >> np.uint32(16)
            rounded &= np.uint32(1)
            rounded += np.uint32(0x7FFF)
            rounded += bits
            rounded >>= np.uint32(16)
            stored: npt.NDArray[Any] = rounded.astype("<u2")
            # a NaN's own bits could round to infinity
            stored[np.isnan(values)] = 0x7FC0
        else:
            with np.errstate(over="ignore"):
                stored = values.astype({"F32": "<f4", "F16": "<f2"}[dtype])
        return cls(dtype, values.shape, stored.tobytes())


@dataclass(frozen=True)
class Stored:
    """Where a weight lies in a file, and what it is.

    Attributes:
        spans: (offset, length) of its pieces in bytes, in order.
        copies: the same weight in the files of other ranks.
    """

    file: Path
    dtype: str
    shape: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    copies: tuple[Stored, ...] = ()

    def read(self) -> Weight:
        """Read it; raises ``WeightsError`` where the file is shorter than it says, or copies differ."""
        weight = self._read()
        for copy in self.copies:
            if copy._read() != weight:
                raise WeightsError(f"is another one in {copy.file} than in {self.file}; {SLICES}")
        return weight

    def _read(self) -> Weight:
        with self.file.open("rb") as opened:
            pieces = []
            for offset, length in self.spans:
                opened.seek(offset)
                pieces.append(opened.read(length))
        # one piece is the rule, and is not copied
        return Weight(self.dtype, self.shape, pieces[0] if len(pieces) == 1 else b"".join(pieces))


class Weights(Mapping[str, Weight]):
    """Weights by name, each read from its file when it is asked for, and not kept.

    Args:
        source: the file or folder they are of, for messages.
    """

    def __init__(self, source: Path, stored: Mapping[str, Stored]) -> None:
        self.source, self.stored = source, stored

    def __getitem__(self, name: str) -> Weight:
        try:
            return self.stored[name].read()
        except (OSError, WeightsError) as error:
            raise WeightsError(f"{self.source}: {name}: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)
