"""The adapter's description for Hugging Face PEFT: the content of ``adapter_config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.lora import LoraError, account

_NAMES = {
    "wq": "q_proj",
    "wk": "k_proj",
    "wv": "v_proj",
    "wo": "o_proj",
    "w1": "gate_proj",
    "w3": "up_proj",
    "w2": "down_proj",
}
"""MindFormers' names -> Hugging Face's. ``LlamaFeedForward`` computes w2(silu(w1(x)) * w3(x)): w1 is the gate."""


def adapter_config(values: Mapping[str, Any], base_model: str) -> dict[str, object]:
    """Return what PEFT's ``LoraConfig`` says of a recipe's adapter.

    Args:
        values: the recipe's content.
        base_model: name or folder of the base model in Hugging Face's format.

    Raises:
        LoraError: as ``account`` does; or PEFT has no words for the adapter: on concatenated weights, or in some of the
            layers only.
    """
    accounting = account(values)
    config = values["model"]["model_config"]
    for module in accounting.modules:
        if module.name not in _NAMES:
            raise LoraError(f"{module.name}: Hugging Face has no such module; expected qkv_concat: False")
        if module.count != config["num_layers"]:
            raise LoraError(f"{module.name}: the adapter is on {module.count} layers; expected all, no exclude_layers")
    pet = config["pet_config"]
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "r": pet["lora_rank"],
        "lora_alpha": pet.get("lora_alpha", 16),  # MindFormers' defaults
        "lora_dropout": pet.get("lora_dropout", 0.01),
        "target_modules": [_NAMES[module.name] for module in accounting.modules],
        "bias": "none",
    }
