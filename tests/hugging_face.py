"""Logits of Hugging Face's ``LlamaForCausalLM`` with PEFT's LoRA on it, in NumPy, from its weights by its names.

Written after ``transformers/models/llama/modeling_llama.py`` 4.57 and ``peft/tuners/lora/layer.py`` 0.21;
``test_peft.py`` holds it against both where they are installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]

NAMES = {
    "tok_embeddings.embedding_weight": "embed_tokens.weight",
    "attention.wq": "self_attn.q_proj",
    "attention.wk": "self_attn.k_proj",
    "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.o_proj",
    "feed_forward.w1": "mlp.gate_proj",
    "feed_forward.w2": "mlp.down_proj",
    "feed_forward.w3": "mlp.up_proj",
    "attention_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "norm_out": "norm",
}
"""``name_replace`` of MindFormers' ``models/llama/convert_reversed.py``."""


def base_name(name: str) -> str:
    """Return Hugging Face's name of a base weight of MindFormers'."""
    for ours, theirs in NAMES.items():
        name = name.replace(f".{ours}", f".{theirs}")
    return name


def logits(
    weights: Mapping[str, Floats], adapter: Mapping[str, Floats], config: Mapping[str, Any], ids: npt.NDArray[Any]
) -> Floats:
    """Return the logits (batch, tokens, vocabulary) of ``ids`` (batch, tokens).

    Args:
        adapter: by PEFT's names.
        config: ``num_attention_heads``, ``num_key_value_heads``, ``num_hidden_layers``, ``rms_norm_eps``,
            ``rope_theta``, ``lora_alpha`` and ``r``.
    """

    def linear(name: str, x: Floats) -> Floats:
        result = x @ weights[f"{name}.weight"].T
        prefix = f"base_model.model.{name}"
        if f"{prefix}.lora_A.weight" in adapter:
            scaling = config["lora_alpha"] / config["r"]
            result = result + x @ adapter[f"{prefix}.lora_A.weight"].T @ adapter[f"{prefix}.lora_B.weight"].T * scaling
        return result

    def norm(name: str, x: Floats) -> Floats:
        scale = 1 / np.sqrt((x**2).mean(-1, keepdims=True) + config["rms_norm_eps"])
        normed: Floats = weights[f"{name}.weight"] * (x * scale)
        return normed

    x = weights["model.embed_tokens.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        x = x + _attention(f"{at}.self_attn", norm(f"{at}.input_layernorm", x), linear, config)
        y = norm(f"{at}.post_attention_layernorm", x)
        gate = linear(f"{at}.mlp.gate_proj", y)
        x = x + linear(f"{at}.mlp.down_proj", gate / (1 + np.exp(-gate)) * linear(f"{at}.mlp.up_proj", y))
    given: Floats = linear("lm_head", norm("model.norm", x))
    return given


def _attention(at: str, x: Floats, linear: Any, config: Mapping[str, Any]) -> Floats:
    batch, tokens, _ = x.shape
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]

    def by_head(name: str, count: int) -> Floats:
        split: Floats = linear(f"{at}.{name}", x).reshape(batch, tokens, count, -1).transpose(0, 2, 1, 3)
        return np.repeat(split, heads // count, axis=1)

    q, k, v = by_head("q_proj", heads), by_head("k_proj", kv_heads), by_head("v_proj", kv_heads)
    q, k = _rotated(q, config["rope_theta"]), _rotated(k, config["rope_theta"])
    scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(q.shape[-1])
    scores = np.where(np.tril(np.ones((tokens, tokens), bool)), scores, -np.inf)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    merged: Floats = linear(f"{at}.o_proj", (shares @ v).transpose(0, 2, 1, 3).reshape(batch, tokens, -1))
    return merged


def _rotated(x: Floats, theta: float) -> Floats:
    """Apply ``apply_rotary_pos_emb`` and ``rotate_half``: x is (batch, heads, tokens, width)."""
    width, tokens = x.shape[-1], x.shape[-2]
    angles = np.outer(np.arange(tokens), 1 / theta ** (np.arange(0, width, 2) / width))
    angles = np.concatenate([angles, angles], -1)
    half = np.concatenate([-x[..., width // 2 :], x[..., : width // 2]], -1)
    rotated: Floats = x * np.cos(angles) + half * np.sin(angles)
    return rotated
