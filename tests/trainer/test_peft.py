from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from trainer.lora import LoraError
from trainer.peft import adapter_config

RECIPES = Path(__file__).parents[2] / "trainer/recipes"


def recipe(pet: dict[str, Any], **config: Any) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((RECIPES / "internlm_7b_lora.yaml").read_text(encoding="utf-8"))
    values["model"]["model_config"] |= config
    values["model"]["model_config"]["pet_config"] = {"pet_type": "lora", "lora_rank": 4} | pet
    return values


def test_adapter_is_described_as_peft_does() -> None:
    pet = {"lora_alpha": 32, "lora_dropout": 0.05, "target_modules": ".*wq|.*wo"}
    assert adapter_config(recipe(pet), "internlm/internlm-7b") == {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "internlm/internlm-7b",
        "r": 4,
        "lora_alpha": 32,
        "lora_dropout": 0.05,
        "target_modules": ["q_proj", "o_proj"],
        "bias": "none",
    }


@pytest.mark.parametrize(
    ("name", "hugging_face"),
    [
        ("wq", "q_proj"),
        ("wk", "k_proj"),
        ("wv", "v_proj"),
        ("wo", "o_proj"),
        ("w1", "gate_proj"),
        ("w2", "down_proj"),
        ("w3", "up_proj"),
    ],
)
def test_module_has_its_name_in_hugging_face(name: str, hugging_face: str) -> None:
    assert adapter_config(recipe({"target_modules": f".*{name}"}), "base")["target_modules"] == [hugging_face]


def test_what_the_recipe_does_not_say_is_as_mindformers_has_it() -> None:
    described = adapter_config(recipe({"target_modules": ".*wq"}), "base")
    assert (described["lora_alpha"], described["lora_dropout"]) == (16, 0.01)


def test_description_is_json() -> None:
    described = adapter_config(recipe({"target_modules": "w.*"}), "模型")
    assert json.loads(json.dumps(described)) == described


def test_concatenated_weights_are_refused() -> None:
    with pytest.raises(LoraError, match="w_qkv: Hugging Face has no such module"):
        adapter_config(recipe({"target_modules": "w_qkv"}, qkv_concat=True), "base")


def test_adapter_on_some_layers_only_is_refused() -> None:
    with pytest.raises(LoraError, match="wq: the adapter is on 31 layers; expected all"):
        adapter_config(recipe({"target_modules": ".*wq", "exclude_layers": ["0"]}), "base")
