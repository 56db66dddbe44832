"""Adapters, merged and exported, against networks that MindFormers really builds, in one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import trainer
from tests import hugging_face
from trainer import adapter, peft, weight_files
from trainer.files import whole_folder
from trainer.recipe import Recipe
from trainer.weights import Weights

TINY = Path(trainer.__file__).parent / "recipes/tiny_llama_lora.yaml"
SHAPE = {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "n_kv_heads": 2, "vocab_size": 64, "theta": 500.0}
PET = {"pet_type": "lora", "lora_rank": 4, "lora_alpha": 24, "lora_dropout": 0.0, "target_modules": "w.*"}
IDS = np.random.default_rng(0).integers(1, 64, (2, 16)).astype(np.int32)  # 0 is padding, which MindFormers masks

# saves a checkpoint as MindFormers 1.x does, with base, adapter and training state, and what the network gives; merges
# it with lorasweep and with MindFormers' own script, and lets the network without adapter say what it gives of ours
SCRIPT = """
import runpy, sys
from pathlib import Path
import mindspore as ms, numpy as np
from trainer import merge, ranks
from trainer.network import build, load_base, load_config
from trainer.recipe import Recipe

def logits(network):
    while hasattr(network, "network"):
        network = network.network
    return network.lm_head(network.model(ms.Tensor(np.load("ids.npy")))).asnumpy()

config, draw = load_config(Path("train.yaml")), np.random.default_rng(1)
network = build(config, 16, 2, adapter=True)
for parameter in network.get_parameters():
    parameter.set_data(ms.Tensor(draw.normal(0, 0.3, parameter.shape).astype(np.float32)))
state = [{"name": f"adam_m.{p.name}", "data": p} for p in network.trainable_params()]
counter = {"name": "global_step", "data": ms.Tensor(535)}
ms.save_checkpoint([*({"name": p.name, "data": p} for p in network.get_parameters()), *state, counter], "full.ckpt")
given = {"adapter": logits(network)}
with ranks.read(Path("full.ckpt")) as weights:
    merge.write_merged(None, weights, Recipe.read(Path("train.yaml")), Path("merged"), "ckpt")
bare = build(config, 16, 2, adapter=False)
load_base(bare, Path("merged/model.ckpt"))
given["merged"] = logits(bare)
np.savez("logits.npz", **given)
sys.argv = ["", "--src_ckpt_path_or_dir=full.ckpt", "--dst_ckpt_dir=.", "--lora_scaling=6"]
runpy.run_module("mindformers.tools.transform_ckpt_lora", run_name="__main__")
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with recipe, full checkpoint, both merged ones and logits."""
    folder = tmp_path_factory.mktemp("networks")
    values = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    values["model"]["model_config"] |= SHAPE | {"pet_config": PET}
    (folder / "train.yaml").write_text(yaml.safe_dump(values))
    np.save(folder / "ids.npy", IDS)
    paths = os.pathsep.join([str(Path(trainer.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "GLOG_v": "3"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def given(trained: Path, name: str) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = np.load(trained / "logits.npz")[name]
    assert np.ptp(found) > 1
    return found


def by_hugging_face(weights: Weights) -> dict[str, np.ndarray[Any, Any]]:
    return {hugging_face.base_name(name): weight.floats() for name, weight in adapter.split(weights)[0].items()}


@pytest.fixture(scope="module")
def exported(trained: Path) -> Path:
    with whole_folder(trained / "peft") as folder:
        peft.write(folder, weight_files.read(trained / "full.ckpt"), Recipe.read(trained / "train.yaml"), "a base")
    return trained / "peft"


def test_merged_base_gives_the_logits_of_base_and_adapter(trained: Path) -> None:
    np.testing.assert_allclose(given(trained, "merged"), given(trained, "adapter"), rtol=0, atol=1e-4)


def test_scaling_is_alpha_by_rank(trained: Path) -> None:
    assert adapter.scaling(Recipe.read(trained / "train.yaml").values, "train.yaml") == 6


def test_merging_gives_what_mindformers_own_script_gives(trained: Path) -> None:
    ours, theirs = (weight_files.read(trained / name) for name in ("merged/model.ckpt", "merged_lora.ckpt"))
    assert set(ours) == {name for name in theirs if name.startswith(("model.", "lm_head."))}
    for name in ours:
        np.testing.assert_allclose(ours[name].floats(), theirs[name].floats(), rtol=0, atol=1e-5)


def test_merged_checkpoint_has_neither_adapter_nor_training_state(trained: Path) -> None:
    names = list(weight_files.read(trained / "merged/model.ckpt"))
    assert not [name for name in names if "lora" in name or "adam" in name or "step" in name]


def test_hugging_face_with_the_exported_adapter_gives_mindformers_logits(trained: Path, exported: Path) -> None:
    config = json.loads((exported / "adapter_config.json").read_text())
    described = config | {"num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2}
    described |= {"rms_norm_eps": 1e-6, "rope_theta": 500.0}
    lora = {name: weight.floats() for name, weight in weight_files.read(exported / "adapter_model.safetensors").items()}
    base = by_hugging_face(weight_files.read(trained / "full.ckpt"))
    assert len(lora) == 2 * 7 * SHAPE["num_layers"]
    np.testing.assert_allclose(
        hugging_face.logits(base, lora, described, IDS), given(trained, "adapter"), rtol=0, atol=1e-3
    )
