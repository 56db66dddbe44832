from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import trainer
from tests.full_checkpoint import write_full
from trainer import adapter, weight_files, weight_output
from trainer.merge import merge, write_merged
from trainer.recipe import Recipe
from trainer.weights import Weight, WeightsError

TINY = Path(trainer.__file__).parent
WQ = "model.layers.0.attention.wq"


def of(values: Any, dtype: str = "F32") -> Weight:
    return Weight.of(np.array(values, np.float32), dtype)


BASE = {f"{WQ}.weight": of([[1, 2, 3], [4, 5, 6]]), "lm_head.weight": of([[7]])}
ADAPTER = {f"{WQ}.mindpet_delta_lora_a": of([[1, 0, -1]]), f"{WQ}.mindpet_delta_lora_b": of([[2], [3]])}


def test_merged_weight_is_w_plus_scaling_times_b_a() -> None:
    merged = dict(merge(BASE, ADAPTER, 0.5))
    assert merged[f"{WQ}.weight"] == of([[2, 2, 2], [5.5, 5, 4.5]])
    assert merged["lm_head.weight"] is BASE["lm_head.weight"]


def test_names_of_the_matrices_may_have_capital_letters() -> None:
    capital = {name[:-1] + name[-1].upper(): weight for name, weight in ADAPTER.items()}
    assert dict(merge(BASE, capital, 0.5)) == dict(merge(BASE, ADAPTER, 0.5))


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_merged_weight_has_the_bases_type_and_is_rounded_once(dtype: str) -> None:
    draw = np.random.default_rng(0)
    base = {f"{WQ}.weight": of(draw.normal(size=(8, 6)), dtype)}
    lora = {f"{WQ}.mindpet_delta_lora_a": of(draw.normal(size=(2, 6)), dtype)}
    lora[f"{WQ}.mindpet_delta_lora_b"] = of(draw.normal(size=(8, 2)), dtype)
    w, a, b = (weight.floats() for weight in (*base.values(), *lora.values()))
    assert dict(merge(base, lora, 2))[f"{WQ}.weight"] == Weight.of(w + b @ a * np.float32(2), dtype)


def without(name: str) -> dict[str, Weight]:
    return {key: weight for key, weight in ADAPTER.items() if not key.endswith(name)}


@pytest.mark.parametrize(
    ("base", "lora", "message"),
    [
        ({"lm_head.weight": of([[7]])}, ADAPTER, "wq.weight: the adapter is on it, but the base has no such weight"),
        (BASE, without("_a"), "wq: has no mindpet_delta_lora_a"),
        (BASE, without("_b"), "wq: has no mindpet_delta_lora_b"),
        (BASE, BASE, "wq.weight: is no weight of an adapter"),
        (BASE, ADAPTER | {f"{WQ}.mindpet_delta_lora_a": of([[1, 0]])}, r"weight \(2, 3\), lora_a \(1, 2\)"),
        (BASE, ADAPTER | {f"{WQ}.mindpet_delta_lora_b": of([[1, 1], [2, 2]])}, r"lora_b \(2, 2\)"),
        ({f"{WQ}.weight": of([[65504] * 3] * 2, "F16")}, ADAPTER, "too large for F16: 262016"),
        ({f"{WQ}.weight": Weight("I8", (2, 3), bytes(6))}, ADAPTER, "wq.weight: is of type I8"),
    ],
)
def test_what_does_not_fit_is_refused(base: dict[str, Weight], lora: dict[str, Weight], message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        dict(merge(base, lora, 65504 if "F16" in message else 1))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_full(tmp_path / "checkpoint/rank_0")


def recipe(tmp_path: Path, **pet: Any) -> Recipe:
    values = yaml.safe_load((TINY / "recipes/tiny_llama_lora.yaml").read_text(encoding="utf-8"))
    values["model"]["model_config"]["pet_config"] |= pet
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
    return Recipe.read(tmp_path / "recipe.yaml")


def test_checkpoint_of_base_and_adapter_is_split(checkpoint: Path) -> None:
    base, lora = adapter.split(weight_files.read(checkpoint))
    assert dict(base) == dict(weight_files.read(TINY / "tiny/base/base.safetensors"))
    assert len(lora) == 24


def test_names_that_an_optimizer_has_renamed_are_known(tmp_path: Path) -> None:
    renamed = {f"opt.{name}": weight for name, weight in (BASE | ADAPTER).items()}
    weight_output.write_safetensors(tmp_path / "a.safetensors", renamed | {"opt.adam_m.lm_head.weight": of([[7]])})
    base, lora = adapter.split(weight_files.read(tmp_path / "a.safetensors"))
    assert (dict(base), dict(lora)) == (BASE, ADAPTER)


def test_checkpoint_is_merged_into_its_own_base_or_another_file_with_it(checkpoint: Path, tmp_path: Path) -> None:
    weights, loaded = weight_files.read(checkpoint), recipe(tmp_path)
    write_merged(None, weights, loaded, tmp_path / "own")
    write_merged(weight_files.read(TINY / "tiny/base/base.safetensors"), weights, loaded, tmp_path / "other", "ckpt")
    own, other = (weight_files.read(tmp_path / name) for name in ("own/model.safetensors", "other/model.ckpt"))
    assert dict(own) == dict(other)
    assert own["model.layers.2.attention.wo.weight"] != adapter.split(weights)[0]["model.layers.2.attention.wo.weight"]


@pytest.mark.parametrize(
    ("pet", "message"),
    [
        ({"lora_rank": 4}, r"lora_a has shape \(8, 128\), expected \(4, 128\) by .*recipe.yaml \(lora_rank 4\)"),
        ({"target_modules": ".*wq"}, r"wk: .*recipe.yaml has an adapter on wq only"),
        ({"target_modules": "w.*"}, r"w1: has an adapter in 0 layers, .*recipe.yaml in 3"),
        ({"lora_alpha": "16"}, "lora_alpha: expected a number above 0, got '16'"),
    ],
)
def test_adapter_of_another_recipe_is_refused(
    checkpoint: Path, tmp_path: Path, pet: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_merged(None, weight_files.read(checkpoint), recipe(tmp_path, **pet), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_adapter_without_its_base_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    weight_output.write_safetensors(tmp_path / "a.safetensors", adapter.split(weight_files.read(checkpoint))[1])
    with pytest.raises(WeightsError, match=r"has 0 parameters of a base, the network of .* 676,736"):
        write_merged(None, weight_files.read(tmp_path / "a.safetensors"), recipe(tmp_path), tmp_path / "out")
