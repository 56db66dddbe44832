"""A LoRA adapter merged into its base: W + alpha / rank * B A (Hu et al., "LoRA", 2021, section 4.1).

What MindFormers' ``tools/transform_ckpt_lora.py`` does, with the scaling of the recipe, which it takes to be 1, and
weight by weight, where it holds all of them twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from trainer import adapter as adapters
from trainer.files import whole_folder
from trainer.recipe import Recipe
from trainer.weight_output import Format, write
from trainer.weights import Floats, Weight, Weights, WeightsError


def merge(base: Mapping[str, Weight], adapter: Mapping[str, Weight], scaling: float) -> Iterator[tuple[str, Weight]]:
    """Yield the base's weights in its order, those with an adapter merged, each of the type that it has in the base.

    Computed in float32 and rounded once. Holds one weight at a time, and what is computed with it: some 16 bytes an
    element of the largest that has an adapter.

    Args:
        base: MindFormers' name -> weight, as (outputs, inputs).
        adapter: ``MODULE.mindpet_delta_lora_a`` (rank, inputs) and ``_b`` (outputs, rank).
        scaling: alpha / rank.

    Raises:
        WeightsError: a matrix fits no weight of the base or lacks its other one, shapes do not fit, or a merged weight
            is too large for its type.
    """
    on = {f"{module}.weight": pair for module, pair in adapters.pairs(adapter).items()}
    if lost := sorted(on.keys() - base.keys()):
        raise WeightsError(
            f"{lost[0]}: the adapter is on it, but the base has no such weight; name the adapter's own base"
        )
    for name in base:
        pair, weight = on.get(name), base[name]
        if pair is not None:
            weight = _merged(name, weight, adapter[pair.a], adapter[pair.b], scaling)
        yield name, weight


def _merged(name: str, weight: Weight, a: Weight, b: Weight, scaling: float) -> Weight:
    if a.shape[:1] != b.shape[1:] or weight.shape != (*b.shape[:1], *a.shape[1:]):
        raise WeightsError(f"{name}: shapes do not fit: weight {weight.shape}, lora_a {a.shape}, lora_b {b.shape}")
    try:
        total: Floats = b.floats() @ a.floats()
        total *= np.float32(scaling)
        total += weight.floats()
    except WeightsError as error:
        raise WeightsError(f"{name}: {error}") from error
    largest = np.array([max(total.max(), -total.min())])
    if np.isfinite(largest) and np.isinf(Weight.of(largest, weight.dtype).floats()):
        raise WeightsError(f"{name}: a merged value is too large for {weight.dtype}: {largest[0]:g}")
    return Weight.of(total, weight.dtype)


def write_merged(base: Weights | None, adapter: Weights, recipe: Recipe, out: Path, form: Format | None = None) -> None:
    """Merge an adapter into its base, and write that to the folder ``out``, which appears whole or not at all.

    It holds ``model.ckpt``, or ``model.safetensors``, beyond 5 GB shards of it with an index.

    Args:
        base: None: it is in the adapter's own checkpoint, as MindFormers 1.x saves it.
        adapter: as ``trainer.ranks.read`` gives it.
        recipe: that the adapter was trained with.
        form: None: the one that MindFormers loads with that recipe, its ``load_ckpt_format``.

    Raises:
        WeightsError: as ``merge`` does; or base, adapter and recipe do not fit together.
        LoraError: the recipe has no adapter.
        FolderError: ``out`` is in use.
    """
    beside, trained = adapters.split(adapter)
    frozen = beside if base is None else adapters.split(base)[0]
    adapters.check(trained, recipe.values, recipe.source)
    adapters.check_base(frozen, recipe.values, recipe.source)
    if form is None:
        form = "safetensors" if recipe.values.get("load_ckpt_format") == "safetensors" else "ckpt"
    with whole_folder(out) as folder:
        write(folder, frozen.stored, merge(frozen, trained, adapters.scaling(recipe.values, recipe.source)), form)
