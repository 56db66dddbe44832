"""An adapter in the format of Hugging Face PEFT: ``adapter_config.json`` and ``adapter_model.safetensors``.

The weights are MindFormers' own: its Llama rotates the halves of a head against each other (``slice_half`` in
``mindformers/modules/layers.py``), as Hugging Face's ``rotate_half`` does, so no rows of q and k change places. Those
of Meta's checkpoints, which rotate neighbours, did when MindFormers' ``convert_weight.py`` made the base.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer import adapter as adapters
from trainer.files import write_whole
from trainer.lora import LoraError, account
from trainer.recipe import Recipe
from trainer.weight_output import write_safetensors
from trainer.weights import Weight, Weights

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
"""The files that PEFT reads, by its names."""

_NAMES = {
    "attention.wq": "self_attn.q_proj",
    "attention.wk": "self_attn.k_proj",
    "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.o_proj",
    "feed_forward.w1": "mlp.gate_proj",
    "feed_forward.w3": "mlp.up_proj",
    "feed_forward.w2": "mlp.down_proj",
}
"""MindFormers' names -> Hugging Face's. ``LlamaFeedForward`` computes w2(silu(w1(x)) * w3(x)): w1 is the gate."""

_MODULES = {ours.rpartition(".")[2]: theirs.rpartition(".")[2] for ours, theirs in _NAMES.items()}


def adapter_config(values: Mapping[str, Any], base_model: str | None, source: str = "recipe") -> dict[str, object]:
    """Return what PEFT's ``LoraConfig`` says of a recipe's adapter.

    Args:
        values: the recipe's content.
        base_model: name or folder of the base model in Hugging Face's format; None: not known.
        source: what messages call the recipe.

    Raises:
        LoraError: as ``account`` does; or PEFT has no words for the adapter: on concatenated weights, or in some of the
            layers only.
    """
    accounting = account(values, source)
    config = values["model"]["model_config"]
    for module in accounting.modules:
        if module.name not in _MODULES:
            raise LoraError(f"{source}: {module.name}: Hugging Face has no such module; expected qkv_concat: False")
        if module.count != config["num_layers"]:
            raise LoraError(
                f"{source}: {module.name}: the adapter is on {module.count} layers; expected all, no exclude_layers"
            )
    pet = config["pet_config"]
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "r": pet["lora_rank"],
        "lora_alpha": adapters.alpha(values, source),
        "lora_dropout": pet.get("lora_dropout", 0.01),  # MindFormers' default
        "target_modules": [_MODULES[module.name] for module in accounting.modules],
        "bias": "none",
    }


def adapter_weights(adapter: Mapping[str, Weight]) -> dict[str, Weight]:
    """Return an adapter by PEFT's names, as ``get_peft_model_state_dict`` gives them.

    Args:
        adapter: MindFormers' name -> weight, each module one that ``adapter_config`` has words for.

    Raises:
        WeightsError: as ``trainer.adapter.pairs`` does.
    """
    named = {}
    for module, pair in adapters.pairs(adapter).items():
        cell, _, layer = module.partition(".layers.")
        number, _, local = layer.partition(".")
        theirs = f"base_model.model.{cell}.layers.{number}.{_NAMES[local]}"
        named[f"{theirs}.lora_A.weight"] = adapter[pair.a]
        named[f"{theirs}.lora_B.weight"] = adapter[pair.b]
    return named


def write(folder: Path, adapter: Weights, recipe: Recipe, base_model: str | None) -> None:
    """Write an adapter to a folder that ``peft.PeftModel.from_pretrained`` loads.

    Args:
        adapter: of a checkpoint, which may hold a base as well.
        recipe: that it was trained with.
        base_model: as for ``adapter_config``.

    Raises:
        LoraError: as ``adapter_config`` does.
        WeightsError: adapter and recipe do not fit together, or the adapter cannot be read.
    """
    trained = adapters.split(adapter)[1]
    config = adapter_config(recipe.values, base_model, recipe.source)
    adapters.check(trained, recipe.values, recipe.source)
    write_safetensors(folder / WEIGHTS, adapter_weights(trained))
    write_whole(folder / CONFIG, json.dumps(config, ensure_ascii=False, indent=2) + "\n")
