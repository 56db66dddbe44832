from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from tests import hugging_face
from trainer import weight_files, weight_output
from trainer.files import whole_folder
from trainer.lora import LoraError, account
from trainer.peft import adapter_config, write
from trainer.recipe import Recipe
from trainer.weights import Weight, WeightsError

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


def written(tmp_path: Path, **pet: Any) -> tuple[Path, dict[str, Weight]]:
    """Write a random adapter on a tiny network with grouped queries; return the folder and MindFormers' weights."""
    draw = np.random.default_rng(0)
    shape = {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "n_kv_heads": 2, "vocab_size": 64}
    shape |= {"intermediate_size": 48}
    (tmp_path / "train.yaml").write_text(
        yaml.safe_dump(recipe({"target_modules": "w.*", "lora_alpha": 12} | pet, **shape))
    )
    loaded = Recipe.read(tmp_path / "train.yaml")
    weights: dict[str, Weight] = {}
    for layer in range(2):
        for module in account(loaded.values).modules:
            parent = "attention" if module.name in ("wq", "wk", "wv", "wo") else "feed_forward"
            name = f"model.layers.{layer}.{parent}.{module.name}.mindpet_delta_lora_"
            for matrix, size in (("a", (4, module.inputs)), ("b", (module.outputs, 4))):
                weights[name + matrix] = Weight.of(draw.normal(0, 0.3, size).astype(np.float32))
    weight_output.write_safetensors(tmp_path / "adapter.safetensors", weights)
    with whole_folder(tmp_path / "peft") as folder:
        write(folder, weight_files.read(tmp_path / "adapter.safetensors"), loaded, "a base")
    return tmp_path / "peft", weights


def test_weights_have_pefts_names_and_are_as_they_were(tmp_path: Path) -> None:
    folder, weights = written(tmp_path)
    exported = load_file(folder / "adapter_model.safetensors")
    for matrix in "ab":
        name = f"base_model.model.model.layers.1.self_attn.q_proj.lora_{matrix.upper()}.weight"
        ours = weights[f"model.layers.1.attention.wq.mindpet_delta_lora_{matrix}"].floats()
        np.testing.assert_array_equal(exported[name], ours)
    assert len(exported) == len(weights) == 28


def test_adapter_of_another_rank_than_the_recipes_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    text = (tmp_path / "train.yaml").read_text().replace("lora_rank: 4", "lora_rank: 8")
    (tmp_path / "other.yaml").write_text(text)
    weights = weight_files.read(tmp_path / "adapter.safetensors")
    with pytest.raises(
        WeightsError, match=r"lora_a has shape \(4, 32\), expected \(8, 32\) by .*other.yaml \(lora_rank 8\)"
    ):
        write(tmp_path, weights, Recipe.read(tmp_path / "other.yaml"), "a base")


def test_peft_loads_it_and_gives_the_logits_of_our_reference(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PEFT needs PyTorch, which lorasweep does not")
    peft = pytest.importorskip("peft")
    from transformers import LlamaConfig, LlamaForCausalLM

    folder, _ = written(tmp_path)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    sizes = {"vocab_size": 64, "intermediate_size": 48, "rms_norm_eps": 1e-6, "rope_theta": 500.0}
    torch.manual_seed(0)
    base = LlamaForCausalLM(LlamaConfig(**shape, **sizes, initializer_range=0.3))
    weights = {name: value.numpy().copy() for name, value in base.state_dict().items()}
    ids = np.random.default_rng(0).integers(0, 64, (2, 16))
    model = peft.PeftModel.from_pretrained(base, folder).eval()
    with torch.no_grad():
        given = model(torch.tensor(ids)).logits.numpy()
    described = shape | sizes | {"r": 4, "lora_alpha": 12}
    ours = hugging_face.logits(weights, load_file(folder / "adapter_model.safetensors"), described, ids)
    np.testing.assert_allclose(given, ours, rtol=0, atol=1e-4)
