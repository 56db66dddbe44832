"""What a worker needs beside its recipe: one JSON file that the scheduler writes and the worker reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

TRAIN = "train"


class Benchmark(BaseModel):
    """One data set to measure a network on.

    Attributes:
        protocol: which reader, prompt and metrics apply.
        file: SQuAD v1.1 JSON for ``squad``, contest JSONL for ``math``, alpaca JSON(L) for ``choice``.
        items: how many items from the file's start are measured; None for all.
        max_new_tokens: decoding stops there at the latest.
        batch: sequences decoded at once.
        seq_length: length of the decoding graph in tokens; None: as long as the longest prompt needs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: Literal["squad", "math", "choice"]
    file: Path
    items: int | None = None
    max_new_tokens: int
    batch: int
    seq_length: int | None = None


class Job(BaseModel):
    """One launch.

    Attributes:
        tokenizer: Hugging Face tokenizer folder.
        train: file to train on.
        prompt: name of the prompt template for training and for the task.
        base: safetensors file of the base model, MindFormers names.
        trainable: LoRA parameters that the recipe promises; None for the untouched base.
        total: all parameters that the recipe promises.
        benchmarks: what to measure, in this order.
        cores: CPU cores that the worker is bound to; empty: all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokenizer: Path
    train: Path
    prompt: str
    base: Path
    trainable: int | None
    total: int
    benchmarks: tuple[Benchmark, ...]
    cores: tuple[int, ...] = ()

    def write(self, path: Path) -> None:
        """Write the job as JSON, whole or not at all."""
        write_whole(path, self.model_dump_json(indent=2))

    @classmethod
    def read(cls, path: Path) -> Job:
        """Read a job written by ``write``; raises ``pydantic.ValidationError`` where it was changed by hand."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as readable JSON, whole or not at all."""
    write_whole(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")
