"""What a worker needs beside its recipe: one JSON file that the scheduler writes and the worker reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from trainer.data import Source
from trainer.files import write_whole
from trainer.prompts import TEMPLATES
from trainer.transforms import Transforms


class Benchmark(BaseModel):
    """One data set to measure a network on.

    Attributes:
        protocol: reader, prompt and metrics (see ``evaluation.protocols``).
        file: what to read.
        items: how many items from the file's start are measured; None for all.
        max_new_tokens: decoding stops there at the latest.
        batch: sequences decoded at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: str
    file: Path
    items: int | None = None
    max_new_tokens: int
    batch: int


class Until(BaseModel):
    """A rung: where a training is to stop, counted from its start, not from where a launch resumes it.

    Attributes:
        unit: what is counted; a step is one of a worker, on all workers' batches together.
        count: how many.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Literal["epochs", "steps"]
    count: int = Field(ge=1)

    def steps(self, steps_per_epoch: int) -> int:
        """Return the rung in steps."""
        return self.count * (steps_per_epoch if self.unit == "epochs" else 1)


class Job(BaseModel):
    """One launch.

    Attributes:
        tokenizer: Hugging Face tokenizer folder.
        train: file to train on.
        protocol: how ``train`` is read and prompted.
        transforms: how the items of ``train`` are changed and chosen.
        data_seed: of the choice.
        templates: protocol -> prompt, in training and in measuring alike.
        record: folder where the tokenized training set lies or is to be made.
        base: weights of the base model.
        trainable: LoRA parameters that the recipe promises; None for the untouched base.
        total: parameters of the base model that the recipe promises; None for the untouched base.
        workers: msrun workers of the launch.
        benchmarks: what to measure, in this order.
        cores: CPU cores that the worker is bound to; empty: all.
        until: rung to train to; None: to the recipe's end.
        resume: state that the last rung's launch wrote (``TrialPaths.state`` of its folder); None: from the base.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokenizer: Path
    train: Path
    protocol: str
    record: Path
    base: Path
    trainable: int | None
    total: int | None
    workers: int
    benchmarks: tuple[Benchmark, ...]
    transforms: Transforms = Transforms()
    data_seed: int = 0
    templates: Mapping[str, str] = TEMPLATES
    cores: tuple[int, ...] = ()
    until: Until | None = None
    resume: Path | None = None

    @property
    def source(self) -> Source:
        """What is trained on, before it is tokenized."""
        return Source(self.train, self.protocol, self.templates[self.protocol], self.transforms, self.data_seed)

    def write(self, path: Path) -> None:
        """Write the job as JSON, whole or not at all."""
        write_whole(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Job:
        """Read a job written by ``write``; raises ``pydantic.ValidationError`` where it was changed by hand."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))
