from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from trainer.lora import Accounting, LoraError, Module, account

CONTEST = Path(__file__).parents[3] / "shared/data/contest/configs"
CONFIGS = sorted(CONTEST.glob("*.yaml"))
RECIPES = Path(__file__).parents[2] / "trainer/recipes"
LLAMA3, INTERNLM = RECIPES / "llama3_8b_lora.yaml", RECIPES / "internlm_7b_lora.yaml"
ALL = ".*wq|.*wk|.*wv|.*wo|.*w1|.*w2|.*w3"


def recipe(file: Path, **pet: Any) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    values["model"]["model_config"]["pet_config"] |= pet
    return values


def config(values: dict[str, Any], **changed: Any) -> dict[str, Any]:
    values = copy.deepcopy(values)
    values["model"]["model_config"] |= changed
    return values


def counted(values: dict[str, Any]) -> Accounting:
    return account(values, "recipe.yaml")


# published figures


@pytest.mark.parametrize(
    ("file", "rank", "targets", "trainable"),
    [
        (LLAMA3, 8, ".*wq|.*wv", 3_407_872),
        (LLAMA3, 16, ".*wq|.*wk|.*wv|.*wo", 13_631_488),
        (LLAMA3, 64, ".*wq|.*wk|.*wv|.*wo", 54_525_952),
        (LLAMA3, 12, ".*wq|.*wv", 5_111_808),
        (LLAMA3, 8, ".*wq|.*wv|.*wo", 5_505_024),
        (INTERNLM, 8, ".*wq|.*wk|.*wv|.*wo", 8_388_608),
        (INTERNLM, 16, ".*wq|.*wk|.*wv|.*wo", 16_777_216),
        (INTERNLM, 8, ".*wk|.*wo", 4_194_304),
        (INTERNLM, 8, ALL, 19_988_480),
    ],
)
def test_trainable_parameters_are_those_that_the_contest_published(
    file: Path, rank: int, targets: str, trainable: int
) -> None:
    assert counted(recipe(file, lora_rank=rank, target_modules=targets)).trainable == trainable


def test_base_of_llama3_8b_has_the_number_that_the_contest_log_prints() -> None:
    assert counted(recipe(LLAMA3)).total == 8_030_261_248


def test_base_of_internlm_7b_without_its_attention_biases() -> None:
    values = config(recipe(INTERNLM), qkv_has_bias=False, attn_proj_has_bias=False)
    assert counted(values).total == 7_321_423_872


def test_biases_add_to_the_base_and_not_to_what_is_trained() -> None:
    values = recipe(INTERNLM)
    without = counted(config(values, qkv_has_bias=False, attn_proj_has_bias=False))
    assert counted(values).total - without.total == 32 * 4 * 4096
    assert counted(values).trainable == without.trainable


def test_shipped_recipes_are_the_baselines_of_the_contest() -> None:
    assert (counted(recipe(LLAMA3)).trainable, counted(recipe(INTERNLM)).trainable) == (3_407_872, 8_388_608)


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_recipe_of_the_contest_is_counted(file: Path) -> None:
    expected = (3_407_872, 8_030_261_248) if "llama3" in file.name else (4_194_304, 7_321_948_160)
    accounting = counted(recipe(file))
    assert (accounting.trainable, accounting.total) == expected


@pytest.mark.skipif(not CONTEST.exists(), reason=f"the contest's recipes are not there: {CONTEST}")
def test_all_six_recipes_of_the_contest_are_there() -> None:
    assert len(CONFIGS) == 6


# what an accounting says


def test_modules_are_told_with_number_and_shape_in_the_networks_order() -> None:
    assert counted(recipe(LLAMA3, target_modules=".*w2|.*wv|.*wq")).modules == (
        Module("wq", 32, 4096, 4096, 8),
        Module("wv", 32, 4096, 1024, 8),
        Module("w2", 32, 14336, 4096, 8),
    )


def test_trainable_is_the_sum_over_the_modules() -> None:
    accounting = counted(recipe(LLAMA3, target_modules=ALL))
    assert accounting.trainable == sum(module.trainable for module in accounting.modules)


def test_built_network_has_the_base_and_the_adapter() -> None:
    assert counted(recipe(LLAMA3)).built_total == 8_030_261_248 + 3_407_872


def test_ratio_is_by_the_base_unless_another_denominator_is_given() -> None:
    accounting = counted(recipe(INTERNLM, target_modules=".*wk|.*wo"))
    assert accounting.ratio(7_321_000_000) == pytest.approx(0.000572914082775577, rel=1e-14)  # the mission's report
    assert accounting.ratio() == 4_194_304 / 7_321_948_160


# networks (test_lora_network.py compares with those that MindFormers builds)


@pytest.mark.parametrize("has_bias", [True, False])
def test_internlm_of_earlier_versions_is_a_llama_with_biases_on_all_four(has_bias: bool) -> None:
    values = recipe(INTERNLM)
    internlm = config(values, type="InternLMConfig", has_bias=has_bias)
    internlm["model"]["arch"] = {"type": "InternLMForCausalLM"}
    llama = config(values, qkv_has_bias=has_bias, attn_proj_has_bias=has_bias)
    assert counted(internlm) == counted(llama)


def test_internlm_has_biases_unless_the_recipe_says_otherwise() -> None:
    values = config(recipe(INTERNLM), type="InternLMConfig")
    del values["model"]["arch"]
    assert counted(values).total == 7_321_948_160


@pytest.mark.parametrize(
    ("changed", "width"),
    [
        ({}, 11008),
        ({"multiple_of": None}, 11008),
        ({"intermediate_size": None}, 11008),
        ({"multiple_of": 1000}, 11000),
        ({"multiple_of": 1024, "ffn_dim_multiplier": 1.3}, 14336),  # Llama3-8B's, as Meta's params.json has it
        ({"intermediate_size": 5, "ffn_dim_multiplier": 1.3}, 5),
    ],
)
def test_feed_forward_width(changed: dict[str, Any], width: int) -> None:
    values = config(recipe(INTERNLM, target_modules=".*w1"), **changed)
    assert counted(values).modules == (Module("w1", 32, 4096, width, 8),)


def test_tied_embeddings_are_counted_once() -> None:
    values = recipe(LLAMA3)
    assert counted(values).total - counted(config(values, tie_word_embeddings=True)).total == 4096 * 128256


def test_concatenated_weights_have_names_of_their_own() -> None:
    values = config(recipe(LLAMA3, target_modules="w.*"), qkv_concat=True)
    shapes = [(module.name, module.inputs, module.outputs) for module in counted(values).modules]
    assert shapes == [
        ("w_qkv", 4096, 6144),
        ("wo", 4096, 4096),
        ("w_gate_hidden", 4096, 28672),
        ("w2", 14336, 4096),
    ]
    assert counted(values).total == 8_030_261_248


def test_excluded_layers_have_no_adapter() -> None:
    [module] = counted(recipe(LLAMA3, target_modules=".*wq", exclude_layers=["0$", "3"])).modules
    assert module.count == 32 - len({0, 3, 30, 31})


# refusals

NAMES = "wq, wk, wv, wo, w1, w2, w3"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (".*wq | .*wv", rf"matches the start of one of: {NAMES} \(spaces count\), got '\.\*wq \| \.\*wv'"),
        ("attention.wq", rf"matches the start of one of: {NAMES}"),
        ("lm_head", rf"matches the start of one of: {NAMES}"),
        (".*", "it matches 'layers' around them, into which MindFormers then does not look"),
        (".*wq|.*attention", "it matches 'attention' around them"),
        (".*wq |.*wv", r"alternatives that each match one of: wq.*'\.\*wq ' matches none"),
        (".*wq|.*w_qkv", r"alternatives that each match one of: wq.*'\.\*w_qkv' matches none"),
        (".*wq|.*linear_qkv", r"'\.\*linear_qkv' matches none"),
        (".*wq|", "it matches 'layers' around them"),
        ("(wq", "a regular expression"),
        ("*wq", "a regular expression"),
        ("", r"one pattern, such as '\.\*wq\|\.\*wv'"),
        (["wq", "wv"], r"one pattern, such as .*takes no list\), got \['wq', 'wv'\]"),
        (None, "one pattern"),
    ],
)
def test_pattern_that_would_train_nothing_or_has_a_dead_part_is_refused(pattern: Any, message: str) -> None:
    with pytest.raises(LoraError, match=message) as error:
        counted(recipe(LLAMA3, target_modules=pattern))
    assert str(error.value).startswith("recipe.yaml: model.model_config.pet_config.target_modules: expected ")


@pytest.mark.parametrize("pattern", ["w[qv]", "w(q|v)", "wq|wv", "(wq|wv)", ".*q$|.*v$", "(?:w)[q|v]"])
def test_any_pattern_of_the_two_modules_is_read(pattern: str) -> None:
    assert counted(recipe(LLAMA3, target_modules=pattern)).trainable == 3_407_872


def test_alternative_that_is_excluded_is_a_dead_part() -> None:
    with pytest.raises(LoraError, match=r"'\.\*wv' matches none"):
        counted(recipe(LLAMA3, exclude_layers=["wv"]))


@pytest.mark.parametrize(
    ("pet", "message"),
    [
        ({"lora_rank": 0}, "pet_config.lora_rank: expected an integer >= 1, got 0"),
        ({"lora_rank": 10**400}, "pet_config.lora_rank: expected an integer <= 1000000000, got 1000"),
        ({"lora_rank": 8.0}, r"pet_config.lora_rank: expected an integer >= 1, got 8\.0"),
        ({"lora_rank": True}, "pet_config.lora_rank: expected an integer >= 1, got True"),
        ({"lora_rank": "8"}, "pet_config.lora_rank: expected an integer >= 1, got '8'"),
        ({"pet_type": "ptuning2"}, "pet_config.pet_type: expected 'lora', got 'ptuning2'"),
        ({"exclude_layers": "wq"}, "pet_config.exclude_layers: expected a list of patterns"),
        ({"exclude_layers": ["("]}, "pet_config.exclude_layers: expected a regular expression"),
        ({"freeze_exclude": ["*norm*"]}, "pet_config.freeze_exclude: expected nothing"),
        ({"freeze_include": ["*wq*"]}, "pet_config.freeze_include: expected nothing"),
    ],
)
def test_adapter_that_cannot_be_is_refused(pet: dict[str, Any], message: str) -> None:
    with pytest.raises(LoraError, match=message):
        counted(recipe(LLAMA3, **pet))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hidden_size": 4095}, "model_config.num_heads: expected a divisor of hidden_size 4095, got 32"),
        ({"num_heads": 0}, "model_config.num_heads: expected an integer >= 1, got 0"),
        ({"n_kv_heads": 5}, "model_config.n_kv_heads: expected a divisor of num_heads 32, got 5"),
        ({"num_layers": None}, "model_config.num_layers: expected an integer >= 1, got None"),
        ({"vocab_size": "x"}, "model_config.vocab_size: expected an integer >= 1, got 'x'"),
        ({"intermediate_size": -1}, "model_config.intermediate_size: expected an integer >= 1"),
        ({"intermediate_size": None, "ffn_dim_multiplier": "1"}, "ffn_dim_multiplier: expected a number > 0, got '1'"),
        ({"qkv_has_bias": "yes"}, "model_config.qkv_has_bias: expected True or False, got 'yes'"),
        ({"type": "GLM4Config"}, "type: expected LlamaConfig or InternLMConfig, got 'GLM4Config'"),
        ({"type": "InternLMConfig"}, "model.arch.type: expected InternLMForCausalLM, which goes with InternLMConfig"),
        ({"moe_config": {"expert_num": 8}}, "model_config.moe_config: expected no experts"),
        ({"pet_config": None}, "model_config.pet_config: expected a mapping, got None"),
    ],
)
def test_network_that_cannot_be_counted_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(LoraError, match=message):
        counted(config(recipe(LLAMA3), **changed))


@pytest.mark.parametrize("key", ["hidden_size", "num_layers", "num_heads", "vocab_size", "type", "pet_config"])
def test_missing_key_is_named(key: str) -> None:
    values = recipe(LLAMA3)
    del values["model"]["model_config"][key]
    with pytest.raises(LoraError, match=f"recipe.yaml: model.model_config.{key}: expected .*, got nothing"):
        counted(values)


@pytest.mark.parametrize(("values", "key"), [({}, "model"), ({"model": {}}, "model.model_config")])
def test_missing_section_is_named(values: dict[str, Any], key: str) -> None:
    with pytest.raises(LoraError, match=f"recipe.yaml: {key}: expected a mapping, got nothing"):
        counted(values)
