"""``trainer.lora`` against networks that MindFormers really builds, some 180 tiny ones, in one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import trainer
from trainer.lora import LoraError, account

TARGETS = ("wq", "wk", "wv", "wo", "w1", "w2", "w3")
SUBSETS = [subset for size in range(1, 8) for subset in combinations(TARGETS, size)]
# at other ranks than one a part of the subsets: the count is linear in the rank
SUBSETS_OF_RANK = {8: SUBSETS, 1: SUBSETS[::9], 16: SUBSETS[4::9]}
TINY = Path(trainer.__file__).parent / "recipes/tiny_llama_lora.yaml"

# builds each case with the worker's own code, which is MindFormers' build_network
BUILD = """
import json, sys
from mindformers.tools.register import MindFormerConfig
from trainer.network import build, count_parameters, load_config
recipe, cases, counts = sys.argv[1:]
config, counted = load_config(recipe), {}
for name, model in json.load(open(cases)).items():
    config.model = MindFormerConfig(**model)
    counted[name] = count_parameters(build(config, 16, 1, adapter=True))
json.dump(counted, open(counts, "w"))
"""


def model(targets: str, rank: int = 8, pet: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    """A tiny network on CPU: grouped queries, and a feed-forward width that has to be rounded up."""
    on_cpu = {"use_flash_attention": False, "use_rope_slice": True, "fused_rms_norm": False, "use_past": False}
    kinds = ("compute_dtype", "layernorm_compute_type", "softmax_compute_type", "rotary_dtype", "param_init_type")
    shape = {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "n_kv_heads": 2, "vocab_size": 64, "multiple_of": 32}
    lora = {"pet_type": "lora", "lora_rank": rank, "lora_alpha": 16, "target_modules": targets}
    return {
        "arch": {"type": "LlamaForCausalLM"},
        "model_config": {
            "type": "LlamaConfig",
            **on_cpu,
            **dict.fromkeys(kinds, "float32"),
            **shape,
            **config,
            "pet_config": lora | (pet or {}),
        },
    }


COUNTED = {
    "as many heads for keys as for queries": model(".*wk|.*wv", n_kv_heads=None),
    "one head for keys": model(".*wk|.*wo", n_kv_heads=1),
    "biases on queries, keys and values": model(".*wq", qkv_has_bias=True),
    "bias on the output": model(".*wo", attn_proj_has_bias=True),
    "tied embeddings": model(".*wq", tie_word_embeddings=True),
    "concatenated weights": model("w_qkv|w_gate_hidden", qkv_concat=True),
    "concatenated weights with biases": model("w.*", qkv_concat=True, qkv_has_bias=True),
    "width named": model("w1|w2", intermediate_size=50),
    "width by factor": model("w1|w2", ffn_dim_multiplier=1.3),
    "width rounded to another multiple": model("w3", multiple_of=7),
    "key without a meaning in 1.9": model(".*wq", has_bias=True),
    "layer excluded": model(".*wq|.*wv", pet={"exclude_layers": ["1"]}),
    "module excluded": model("w.*", pet={"exclude_layers": ["wk", "w2"]}),
    "layers 1 and 10 excluded by one pattern": model(".*wq", num_layers=11, pet={"exclude_layers": ["1"]}),
    "pattern matches the start only": model("w"),
    "brackets": model("w(q|v)"),
}
REFUSED = {
    "spaces": ".*wq | .*wv",
    "dotted path": "attention.wq",
    "everything, so also what is around the layers": ".*",
    "cell around the layers": ".*attention",
    "head": "lm_head",
}


def subset_name(subset: tuple[str, ...], rank: int) -> str:
    return f"rank {rank} on {' '.join(subset)}"


@pytest.fixture(scope="module")
def cases() -> dict[str, dict[str, Any]]:
    every = {
        subset_name(subset, rank): model("|".join(f".*{name}" for name in subset), rank)
        for rank, subsets in SUBSETS_OF_RANK.items()
        for subset in subsets
    }
    return every | COUNTED | {name: model(pattern) for name, pattern in REFUSED.items()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, cases: dict[str, dict[str, Any]]) -> dict[str, list[int]]:
    """Name of a case -> [trainable, all] parameters of the network that MindFormers built."""
    folder = tmp_path_factory.mktemp("networks")  # importing mindformers makes an `output` in its working directory
    (folder / "cases.json").write_text(json.dumps(cases))
    command = [sys.executable, "-c", BUILD, str(TINY), "cases.json", "counts.json"]
    paths = os.pathsep.join([str(Path(trainer.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": paths, "GLOG_v": "3"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    counts: dict[str, list[int]] = json.loads((folder / "counts.json").read_text())
    return counts


@pytest.mark.parametrize("rank", SUBSETS_OF_RANK)
def test_every_subset_of_targets_is_counted_as_it_is_built(
    rank: int, cases: dict[str, dict[str, Any]], built: dict[str, list[int]]
) -> None:
    assert len(SUBSETS_OF_RANK[8]) == 127
    for subset in SUBSETS_OF_RANK[rank]:
        name = subset_name(subset, rank)
        accounting = account({"model": cases[name]})
        assert [accounting.trainable, accounting.built_total] == built[name], name


@pytest.mark.parametrize("name", COUNTED)
def test_variant_is_counted_as_it_is_built(
    name: str, cases: dict[str, dict[str, Any]], built: dict[str, list[int]]
) -> None:
    accounting = account({"model": cases[name]})
    assert [accounting.trainable, accounting.built_total] == built[name]


@pytest.mark.parametrize("name", REFUSED)
def test_pattern_that_is_refused_would_have_trained_nothing(
    name: str, cases: dict[str, dict[str, Any]], built: dict[str, list[int]]
) -> None:
    assert built[name][0] == 0
    with pytest.raises(LoraError, match="target_modules"):
        account({"model": cases[name]})
