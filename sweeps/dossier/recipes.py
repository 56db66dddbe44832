"""MindFormers YAML of others -> facts. Keys that stand twice are read as MindFormers does: the last one counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sweeps.dossier.facts import PATHS, Fact, Source
from sweeps.dossier.text import whole
from trainer import yaml_text
from trainer.lora import Accounting, LoraError, account
from trainer.yaml_text import Parsed, YamlError

_TRAINS = ("train", "finetune")
_SIZES = ("data_parallel", "model_parallel", "context_parallel", "pipeline_stage")


@dataclass(frozen=True)
class RecipeFile:
    """One YAML.

    Attributes:
        trains: whether it is for training; else for evaluation or inference.
        facts: name of ``PATHS`` -> what the file says of it; what it does not have is not there.
    """

    path: Path
    text: str
    values: Mapping[str, Any]
    trains: bool
    facts: Mapping[str, Fact]

    @property
    def model(self) -> str:
        """MindFormers' name of the model, such as ``llama3_8b``; empty where none is given."""
        return str(section(self.values, "trainer").get("model_name") or "")

    @property
    def has_adapter(self) -> bool:
        """Whether it has a LoRA adapter."""
        return "lora_rank" in self.facts

    @cached_property
    def accounting(self) -> Accounting | str:
        """The exact parameter counts; or why they cannot be counted."""
        return count(self.values)

    @cached_property
    def batches(self) -> frozenset[float]:
        """What may be called its batch size: of a card, and of all that share the data, accumulation included."""
        card = self.facts["batch_size"].number if "batch_size" in self.facts else math.nan
        parallel = section(self.values, "parallel_config")
        data = _size(parallel, "data_parallel") if self.values.get("use_parallel") else 1
        runner = section(self.values, "runner_config")
        more = _size(parallel, "micro_batch_num") if _size(parallel, "pipeline_stage") > 1 else 1
        more *= _size(self.values, "micro_batch_interleave_num") * _size(runner, "gradient_accumulation_steps")
        return frozenset((card, card * data, card * data * more))

    def changed(self, settings: Mapping[str, object]) -> Accounting | str:
        """Return the counts as they would be with other adapter settings: name of ``PATHS`` -> value."""
        config = section(section(self.values, "model"), "model_config")
        pet = {**section(config, "pet_config"), **settings}
        return count({"model": {**self.values["model"], "model_config": {**config, "pet_config": pet}}})


def count(values: Mapping[str, Any]) -> Accounting | str:
    """Return the parameter counts of a recipe's content, or why there are none."""
    try:
        return account(values)
    except LoraError as error:
        return str(error).removeprefix("recipe: ")


def read_recipe(path: Path) -> RecipeFile | None:
    """Read one YAML; None where it is YAML of another kind.

    Raises:
        ValueError: it cannot be read, with the reason.
    """
    text = whole(path)
    try:
        parsed = yaml_text.parse(text)
    except YamlError as error:
        raise ValueError(f"line {error.line}: {error}" if error.line else str(error)) from error
    mode = parsed.values.get("run_mode")
    if not section(section(parsed.values, "model"), "model_config") or not isinstance(mode, str):
        return None
    return RecipeFile(path, text, parsed.values, mode in _TRAINS, _facts(path, parsed))


def _facts(path: Path, parsed: Parsed) -> dict[str, Fact]:
    found = {}
    for name, dotted in PATHS.items():
        if dotted in parsed.nodes:
            value = yaml_text.follow(parsed.values, dotted.split("."))
            if value is None:
                continue
            kept = value if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
            source = Source(path, parsed.nodes[dotted].start_mark.line + 1)
            found[name] = Fact(name, kept, source, str(value))
    if (cards := _cards(parsed)) is not None:
        path_of = "parallel_config" if parsed.values.get("use_parallel") else "use_parallel"
        line = parsed.nodes[path_of].start_mark.line + 1
        found["cards"] = Fact("cards", cards, Source(path, line), str(cards))
    return found


def _cards(parsed: Parsed) -> int | None:
    """Return how many cards it is for; None where it does not say."""
    parallel = parsed.values.get("use_parallel")
    if parallel is False:
        return 1
    sizes = section(parsed.values, "parallel_config")
    if not parallel or "data_parallel" not in sizes:
        return None
    return math.prod(_size(sizes, key) for key in _SIZES)


def _size(values: Mapping[str, Any], key: str) -> int:
    size = values.get(key, 1)
    return size if type(size) is int else 1


def section(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a mapping in a recipe; empty where it has none of that name."""
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}
