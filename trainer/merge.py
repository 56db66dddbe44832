"""A LoRA adapter merged into its base: W + alpha / rank * B A (Hu et al., "LoRA", 2021, section 4.1).

What MindFormers' ``tools/transform_ckpt_lora.py`` does, with the scaling of the recipe, which it takes to be 1, and weight
by weight, where it holds all of them twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from trainer.recipe import Recipe
from trainer.weights import Weight

Format = Literal["safetensors", "ckpt"]


def merge(
    base: Mapping[str, Weight], adapter: Mapping[str, Weight], scaling: float
) -> Iterator[tuple[str, Weight]]:
    """Yield the base's weights in its order, those with an adapter merged, each of the type that it has in the base."""
    raise NotImplementedError


def write_merged(base: Path, adapter: Path, recipe: Recipe, out: Path, form: Format = "safetensors") -> None:
    """Merge the adapter of a file, or of a folder of ranks, into a base, and write it to the folder ``out``.

    ``out`` appears whole or not at all; it holds ``model.safetensors``, shards of it with an index where it is larger
    than 2 GB, or ``model.ckpt``.
    """
    raise NotImplementedError
