"""What of a recipe counts for the memory that its training needs: sizes and types of its network, read with messages.

Follows mindformers 1.9, as ``trainer.memory`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.lora import Module, account

_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_FLOAT32 = 4
_MOST = 10**9


class EstimateError(ValueError):
    """A value that the estimate depends on is missing or invalid."""


@dataclass(frozen=True)
class Values:
    """A recipe's content, read by dotted path with messages that name it; None counts as missing."""

    source: str
    values: Mapping[str, Any]

    def get(self, path: str) -> Any:
        """Return the value at a path; None where there is none."""
        found: Any = self.values
        for key in path.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    def error(self, path: str, expected: str) -> EstimateError:
        """Return the error that says what stands at a path, and what was expected."""
        return EstimateError(f"{self.source}: {path}: expected {expected}, got {self.get(path)!r}")

    def positive(self, path: str) -> int:
        """Return an integer from 1 to 10**9."""
        value = self.get(path)
        if type(value) is not int or value < 1:
            raise self.error(path, "an integer >= 1")
        if value > _MOST:
            raise self.error(path, f"an integer <= {_MOST}")
        return value

    def flag(self, path: str, default: bool) -> bool:
        """Return True or False."""
        value = self.get(path)
        if value is not None and not isinstance(value, bool):
            raise self.error(path, "True or False")
        return default if value is None else value

    def bytes(self, path: str, default: int) -> int:
        """Return the bytes of an element of the type that is named."""
        value = self.get(path)
        if value is not None and str(value).lower() not in _BYTES:
            raise self.error(path, " or ".join(_BYTES))
        return default if value is None else _BYTES[str(value).lower()]


@dataclass(frozen=True)
class Network:
    """The sizes of a network and its types, in bytes an element; ``linears`` are those of one decoder layer."""

    layers: int
    hidden: int
    kv: int
    wide: int
    heads: int
    vocabulary: int
    seq: int
    tokens: int
    linears: int
    param: int
    embedding: int
    norm: int
    compute: int
    softmax: int
    flash: bool
    fused_norm: bool
    compressed_mask: bool
    tied: bool


def network_of(read: Values) -> Network:
    """Return the network of a recipe; raises ``EstimateError`` or ``LoraError`` where a value is missing or invalid."""
    at = "model.model_config."
    linears = {module.name: module for module in _linears(read)}
    hidden, kv = linears["wo"].outputs, (linears["wk"].outputs if "wk" in linears else 0)
    param, compute = read.bytes(at + "param_init_type", 2), read.bytes(at + "compute_dtype", 2)
    seq = read.positive(at + "seq_length")
    return Network(
        layers=linears["wo"].count,
        hidden=hidden,
        kv=kv or (linears["w_qkv"].outputs - hidden) // 2,
        wide=linears["w2"].inputs,
        heads=read.positive(at + "num_heads"),
        vocabulary=read.positive(at + "vocab_size"),
        seq=seq,
        tokens=seq * read.positive("runner_config.batch_size"),
        linears=sum(module.inputs * module.outputs for module in linears.values()),
        param=param,
        embedding=read.bytes(at + "embedding_init_type", param),
        norm=read.bytes(at + "layernorm_compute_type", _FLOAT32),
        compute=compute,
        softmax=read.bytes(at + "softmax_compute_type", _FLOAT32),
        flash=read.flag(at + "use_flash_attention", False),
        fused_norm=read.flag(at + "fused_rms_norm", True),
        compressed_mask=any(read.flag(f"{at}use_{kind}mask_compression", False) for kind in ("attn_", "eod_attn_")),
        tied=read.flag(at + "tie_word_embeddings", False) and read.get(at + "type") == "LlamaConfig",
    )


def _linears(read: Values) -> tuple[Module, ...]:
    """Return all linear layers of the decoder layers: those that an adapter on everything would be on."""
    model, config = read.values["model"], read.values["model"]["model_config"]
    everything = {"pet_type": "lora", "lora_rank": 1, "target_modules": "w.*"}
    return account({"model": {**model, "model_config": {**config, "pet_config": everything}}}, read.source).modules
