"""The chain of launches that a job on cards is: what is rendered and started, and the same chain for real on CPU."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

import trainer
from search_spaces.load import FileFaults
from sweeps.config import load_sweep
from sweeps.export import export
from sweeps.plan import Plan, make_plan
from sweeps.stores import Stores, trial_paths
from tests.short_sweep import SLOTS, write_sweep
from tests.sweeps.made import result
from tests.waiting import until
from trainer import msrun
from trainer.ending import Outcome
from trainer.launcher import Launcher
from trainer.measurement import Measurement
from trainer.paths import TrialPaths
from trainer.recipe import Recipe
from trainer.slots import Placement, free_port

RECIPES = Path(trainer.__file__).parent / "recipes"
CARDS = Placement(slot=1, workers=2, devices=(2, 3), cores=(), scheduler_port=8123, hccl_port=60032)
CACHE = "\n    is_dynamic: False\n    block_size: 8\n    num_blocks: 1"
ASCEND = {
    "use_past: False": f"use_past: False{CACHE}",
    "device_target: CPU": "device_target: Ascend",
    "use_parallel: False": "use_parallel: True",
    "data_parallel: 1": "data_parallel: 2",
    "load_ckpt_format: safetensors": "load_ckpt_format: ckpt",
}
TWO_CARDS = {
    "base: tiny,": "base: base.ckpt,",
    f"count: {SLOTS}, workers: 1": "count: 2, workers: 2, devices: [0, 1, 2, 3]",
}
LORA = {
    "lr_schedule.learning_rate": 1.0e-4,
    "model.model_config.pet_config.lora_rank": 8,
    "model.model_config.pet_config.lora_alpha": 16,
    "model.model_config.pet_config.target_modules": ".*wq|.*wo",
}


def plan(folder: Path, recipe: dict[str, str], sweep: dict[str, str]) -> Plan:
    """Check the short sweep, with its recipe and itself changed."""
    texts = {
        folder / "own.yaml": ((RECIPES / "tiny_llama_lora.yaml").read_text(encoding="utf-8"), recipe),
        folder / "sweep.yaml": (
            write_sweep(folder).read_text(encoding="utf-8"),
            {"recipe: tiny_llama_lora.yaml": "recipe: own.yaml", **sweep},
        ),
    }
    for file, (text, changes) in texts.items():
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new, 1)
        file.write_text(text, encoding="utf-8")
    return make_plan(*load_sweep(folder / "sweep.yaml"), Stores(folder / "runs"))


@pytest.fixture
def on_cards(tmp_path: Path) -> Plan:
    """The short sweep as one on cards, two of them a trial."""
    (tmp_path / "base.ckpt").touch()
    return plan(
        tmp_path,
        ASCEND,
        {
            "base: tiny,": "base: base.ckpt,",
            f"count: {SLOTS}, workers: 1": "count: 2, workers: 2, devices: [0, 1, 2, 3]",
        },
    )


def paths_in(folder: Path) -> TrialPaths:
    return TrialPaths(folder / "a'; echo 训练 $(id)")


def rendered(file: Path) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return values


def test_every_protocol_has_a_recipe_that_decodes_with_a_cache_on_one_card(on_cards: Plan, tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    on_cards.prepare(paths, CARDS, LORA, "trial-0000")
    training = rendered(paths.recipe)
    assert (training["run_mode"], training["use_parallel"], training["model"]["model_config"]["use_past"]) == (
        *("finetune", True),
        False,
    )
    for protocol, longest in (("squad_contest", 64), ("math_contest", 48)):
        recipe = rendered(paths.evaluation(protocol))
        model = recipe["model"]["model_config"]
        assert (recipe["run_mode"], recipe["use_parallel"]) == ("predict", False)
        assert recipe["parallel_config"]["data_parallel"] == 1
        assert (model["use_past"], model["is_dynamic"], model["batch_size"]) == (True, True, 20)
        # the longest prompt with its answer, and as many blocks as a batch of these takes
        assert model["seq_length"] == longest
        assert model["block_size"] * model["num_blocks"] == 20 * longest
        # the same weights as the training's
        assert recipe["load_checkpoint"] == str(tmp_path / "base.ckpt") == training["load_checkpoint"]
        assert model["pet_config"] == training["model"]["model_config"]["pet_config"]


def links(command: list[str]) -> list[dict[str, str]]:
    """Return the named arguments of each msrun of a chain."""
    found = [link[1:] for link in json.loads(command[-1])["links"]]
    return [dict(item.removeprefix("--").split("=", 1) for item in link if item.startswith("--")) for link in found]


def test_trial_on_cards_is_a_chain_of_its_training_and_its_protocols(on_cards: Plan, tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    launch = on_cards.prepare(paths, CARDS, LORA, "trial-0000")
    found = links(msrun.command(launch, CARDS, paths))
    assert [link["stages"] for link in found] == ["train", "squad_contest", "math_contest"]
    assert [link["worker_num"] for link in found] == ["2", "1", "1"]
    assert [link["master_port"] for link in found] == ["8123"] * 3
    assert [link["log_dir"] for link in found] == ["msrun_log", "msrun_log_1_squad_contest", "msrun_log_2_math_contest"]
    assert [link["recipe"] for link in found] == [
        str(paths.root / name) for name in ("train.yaml", "evaluate_squad_contest.yaml", "evaluate_math_contest.yaml")
    ]
    assert [link.get("adapter") for link in found] == [None, str(paths.adapter), str(paths.adapter)]
    assert [Path(link["measurement"]).name for link in found] == [
        *("measurement_train.json", "measurement_squad_contest.json"),
        "measurement_math_contest.json",
    ]


def leave(paths: TrialPaths, *stages: str) -> None:
    """Leave what msruns leave that ended well."""
    for stage in stages:
        Measurement(scores={}, seconds={}, versions={}).write(paths.part(stage))
        file = paths.adapter if stage == "train" else paths.predictions(stage)
        file.write_bytes(b"")


def stages(launch: msrun.Launch, paths: TrialPaths) -> list[str]:
    return [link["stages"] for link in links(msrun.command(launch, CARDS, paths))]


def test_measuring_that_failed_costs_no_second_training(on_cards: Plan, tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    on_cards.prepare(paths, CARDS, LORA, "trial-0000")
    leave(paths, "train")
    launch = on_cards.prepare(paths, replace(CARDS, slot=0, devices=(0, 1), cores=(7,)), LORA, "trial-0000")
    assert stages(launch, paths) == ["squad_contest", "math_contest"]
    leave(paths, "squad_contest")
    again = on_cards.prepare(paths, CARDS, LORA, "trial-0000")
    assert stages(again, paths) == ["math_contest"]
    # the whole measurement is that of all three
    command = json.loads(msrun.command(again, CARDS, paths)[-1])
    assert [Path(part).name for part in command["parts"]] == [
        *("measurement_train.json", "measurement_squad_contest.json"),
        "measurement_math_contest.json",
    ]


def test_what_is_another_training_or_not_whole_is_done_again(on_cards: Plan, tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    every = ["train", "squad_contest", "math_contest"]
    on_cards.prepare(paths, CARDS, LORA, "trial-0000")
    leave(paths, "train")
    assert (
        stages(on_cards.prepare(paths, CARDS, {**LORA, "lr_schedule.learning_rate": 1e-5}, "trial-0000"), paths)
        == every
    )
    paths.adapter.unlink()
    assert (
        stages(on_cards.prepare(paths, CARDS, {**LORA, "lr_schedule.learning_rate": 1e-5}, "trial-0000"), paths)
        == every
    )
    leave(paths, "train")
    paths.part("train").write_text("{", encoding="utf-8")
    assert (
        stages(on_cards.prepare(paths, CARDS, {**LORA, "lr_schedule.learning_rate": 1e-5}, "trial-0000"), paths)
        == every
    )


def test_base_on_cards_is_only_measured_and_without_an_adapter(on_cards: Plan, tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    found = links(msrun.command(on_cards.prepare(paths, CARDS, None, "base"), CARDS, paths))
    assert [link["stages"] for link in found] == ["squad_contest", "math_contest"]
    assert not any("adapter" in link for link in found)


def test_base_that_one_protocol_measures_is_one_msrun_that_writes_its_measurement_itself(tmp_path: Path) -> None:
    (tmp_path / "base.ckpt").touch()
    goals = {
        "  squad_contest: {file: tiny/squad_dev.json, items: 40, max_new_tokens: 8, batch: 20}\n": "",
        "  - {metric: f1, direction: maximize}\n": "",
        "gates:\n  - f1 >= 0.5 * base.f1\n": "",
    }
    paths = paths_in(tmp_path)
    launch = plan(tmp_path, ASCEND, {**TWO_CARDS, **goals}).prepare(paths, CARDS, None, "base")
    command = msrun.command(launch, CARDS, paths)
    assert Path(command[0]).name == "msrun"
    assert command[-1] == "--stages=math_contest"


def test_tokenizer_that_cannot_be_loaded_is_said(on_cards: Plan, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    model = on_cards.config.model.model_copy(update={"tokenizer": tmp_path / "empty"})
    broken = replace(on_cards, config=on_cards.config.model_copy(update={"model": model}))
    with pytest.raises(ValueError, match="empty: no tokenizer can be loaded from there"):
        broken.prepare(paths_in(tmp_path), CARDS, None, "base")


def test_exported_trial_of_cards_is_measured_as_it_was(on_cards: Plan, tmp_path: Path) -> None:
    trial, out = trial_paths(on_cards.folder, "trial-0000", None), tmp_path / "out"
    on_cards.prepare(trial, CARDS, LORA, "trial-0000")
    modules = (f"model.layers.{layer}.attention.{name}" for layer in range(3) for name in ("wq", "wo"))
    shapes = {"a": (8, 128), "b": (128, 8)}
    lora = {
        f"{m}.mindpet_delta_lora_{ab}": np.zeros(shape, np.float32) for m in modules for ab, shape in shapes.items()
    }
    save_file(lora, trial.adapter)
    Measurement(scores={}, seconds={}, versions={}).write(trial.measurement)
    known: Any = SimpleNamespace(stores=Stores(tmp_path / "runs"), config=on_cards.config)
    export(known, result(0, 60.0, 0.01), out)
    for protocol in ("squad_contest", "math_contest"):
        assert (out / f"evaluate_{protocol}.yaml").read_bytes() == trial.evaluation(protocol).read_bytes()
    started = [
        line for line in (out / "launch.sh").read_text(encoding="utf-8").splitlines() if line.startswith("msrun ")
    ]
    assert ["--worker_num=2" in line for line in started] == [True, False, False]
    assert [line.split("--recipe=")[1].split()[0] for line in started] == [
        *("train.yaml", "evaluate_squad_contest.yaml", "evaluate_math_contest.yaml")
    ]
    assert all("--adapter=adapter.safetensors" in line and "--worker_num=1 " in line for line in started[1:])


def test_rung_below_the_last_is_measured_in_the_window_of_its_fewer_items(tmp_path: Path) -> None:
    (tmp_path / "base.ckpt").touch()
    halving = plan(
        tmp_path,
        ASCEND,
        {**TWO_CARDS, "fixed: {runner_config.epochs: 1}": "halving: {rungs: [1, 2], items: {math_contest: 1}}"},
    )
    paths = paths_in(tmp_path)
    halving.prepare(paths, CARDS, LORA, "trial-0000", rung=1)
    assert rendered(paths.evaluation("math_contest"))["model"]["model_config"]["seq_length"] < 48


def test_recipe_for_cards_without_the_keys_of_the_cache_is_refused(tmp_path: Path) -> None:
    (tmp_path / "base.ckpt").touch()
    sweep = {"base: tiny,": "base: base.ckpt,", "workers: 1": "workers: 1, devices: [0, 1]"}
    with pytest.raises(FileFaults, match=r"model\.model_config\.num_blocks: there is no such key.*add it there"):
        plan(tmp_path, {"device_target: CPU": "device_target: Ascend"}, sweep)


def test_job_on_cpu_is_one_msrun(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    placement = Placement(slot=0, workers=1, devices=(), cores=(0,), scheduler_port=8124, hccl_port=60000)
    launch = plan(tmp_path, {}, {}).prepare(paths, placement, LORA, "trial-0000")
    assert Path(msrun.command(launch, placement, paths)[0]).name == "msrun"
    assert launch.stages == ("train", "squad_contest", "math_contest")
    assert not paths.evaluation("squad_contest").exists()


def run(plan: Plan, paths: TrialPaths, placement: Placement) -> dict[str, float]:
    """Run a job for real, on CPU; returns what it measured."""
    launch = plan.prepare(paths, placement, LORA, "trial-0000")
    for file in paths.root.glob("evaluate_*.yaml"):
        # the one switch: CPU has no kernels for a cache, so the worker decodes by our own loop
        without_cache = {"model.model_config.use_past": False, "model.model_config.is_dynamic": False}
        file.write_text(Recipe.read(file).render(without_cache, "test"), encoding="utf-8")
    launcher = Launcher(launch, placement, paths)
    found = until(launcher.poll)
    assert found.outcome is Outcome.FINISHED, found
    return {metric: score.value for metric, score in Measurement.read(paths.measurement).scores.items()}


def test_chain_measures_on_cpu_what_one_msrun_measures(tmp_path: Path) -> None:
    cpu = plan(tmp_path, {"use_past: False  # (CPU)": f"use_past: False{CACHE}"}, {})
    one, chain = TrialPaths(tmp_path / "one"), TrialPaths(tmp_path / "chain")
    alone = Placement(0, 1, (), (0,), free_port(), 60000)
    # a card, so that it is a chain; there is none, and the recipe asks for CPU
    as_cards = Placement(0, 1, (0,), (), free_port(), 60000)
    assert run(cpu, chain, as_cards) == run(cpu, one, alone)
    assert [folder.name for folder in sorted(chain.root.glob("msrun_log*"))] == [
        *("msrun_log", "msrun_log_1_squad_contest", "msrun_log_2_math_contest"),
    ]
    assert chain.adapter.read_bytes() == one.adapter.read_bytes()
    for protocol in ("squad_contest", "math_contest"):
        assert chain.predictions(protocol).read_bytes() == one.predictions(protocol).read_bytes()
