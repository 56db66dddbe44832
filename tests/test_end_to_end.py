"""The main job, for real: msrun, MindFormers, MLflow and SQLite, in a folder with a hostile name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from sweeps.outbox import PARENT, Outbox
from tests.full_checkpoint import BASE
from tests.short_sweep import SLOTS, write_sweep
from tests.tiny_launch import for_cluster, write_checkpoint
from trainer import weight_files
from trainer.measurement import Measurement
from trainer.recipe import Recipe
from trainer.slots import free_port
from trainer.step_log import parse

FOLDER = "a'; echo 训练 $(id)"
RECIPES = Path(__file__).parents[1] / "trainer/recipes"


def lorasweep(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "sweeps.cli", *map(str, arguments)]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[1])}


def run(*arguments: object, code: int = 0, stream: str = "stdout") -> str:
    done = subprocess.run(lorasweep(*arguments), env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    said: str = getattr(done, stream)
    return said


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep that ran until its budget was used up: three trials, one went on from epoch 1 to 2."""
    folder = tmp_path_factory.mktemp("sweep") / FOLDER
    sweep = write_sweep(folder, rungs=(1, 2), budget="{epochs: 4}")
    (folder / "tell.sh").write_text('#!/bin/sh\n(cat; echo) >> "$0.told"\n')
    (folder / "tell.sh").chmod(0o700)
    sweep.write_text(f"{sweep.read_text(encoding='utf-8')}notify: {{command: [./tell.sh]}}\n", encoding="utf-8")
    output = run("start", sweep, "--runs", folder / "runs")
    assert "trial-0002 done at epoch 1" in output
    assert "done at epoch 2" in output
    assert "budget: no epochs left" in output
    assert "knee" in output
    return folder / "runs"


@pytest.fixture(scope="module")
def status(runs: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("status", "--runs", runs, "--json"))
    return found


@pytest.fixture(scope="module")
def promoted(status: dict[str, Any]) -> str:
    """The trial that went on."""
    (trial,) = [trial for trial in status["trials"] if trial["state"] == "complete"]
    return f"trial-{trial['number']:04d}"


@pytest.fixture(scope="module")
def tracked(runs: Path) -> dict[str, Run]:
    """MLflow's runs by name."""
    return {r.info.run_name: r for r in tracked_runs(runs)}


def test_base_and_every_trial_have_a_finished_run_below_the_sweeps(tracked: dict[str, Run]) -> None:
    assert tracked.keys() == {"short", "base", "trial-0000", "trial-0001", "trial-0002"}
    assert {r.info.status for r in tracked.values()} == {"FINISHED"}
    parent = tracked["short"].info.run_id
    assert all(r.data.tags["mlflow.parentRunId"] == parent for name, r in tracked.items() if name != "short")


def history(runs: Path, run: Run, metric: str) -> list[tuple[int, float]]:
    found = MlflowClient(f"sqlite:///{runs}/mlflow.db").get_metric_history(run.info.run_id, metric)
    return [(m.step, m.value) for m in found]


def test_run_holds_every_training_step_once_over_all_rungs(
    runs: Path, status: dict[str, Any], tracked: dict[str, Run], promoted: str
) -> None:
    for trial in status["trials"]:
        label = f"trial-{trial['number']:04d}"
        steps = [step for step, _ in history(runs, tracked[label], "train/loss")]
        assert steps == list(range(1, 21 if label == promoted else 11))


def test_measurements_lie_at_the_steps_of_their_rungs(runs: Path, tracked: dict[str, Run], promoted: str) -> None:
    measured = history(runs, tracked[promoted], "math_accuracy")
    assert [step for step, _ in measured] == [10, 20]
    for (_, value), rung in zip(measured, (1, 2), strict=True):
        file = runs / "sweeps/short" / promoted / f"rung-{rung}" / "measurement.json"
        assert Measurement.read(file).scores["math_accuracy"].value == value


def test_status_mlflow_and_the_workers_own_file_say_the_same(
    runs: Path, status: dict[str, Any], tracked: dict[str, Run]
) -> None:
    for trial in status["trials"]:
        label = f"trial-{trial['number']:04d}"
        measured = Measurement.read(runs / "sweeps/short" / label / f"rung-{trial['rung']}" / "measurement.json")
        for metric, score in measured.scores.items():
            assert trial["values"][metric] == score.value == tracked[label].data.metrics[metric]


def test_hypervolume_never_falls_and_is_that_of_the_epochs_trained(runs: Path, tracked: dict[str, Run]) -> None:
    curve = history(runs, tracked["short"], "hypervolume_over_epochs")
    assert curve[-1][0] == 4
    values = [value for _, value in curve]
    assert values == sorted(values)
    assert history(runs, tracked["short"], "hypervolume_over_card_seconds")[-1][1] == values[-1]


def test_state_between_rungs_is_kept_for_those_that_may_go_on_only(runs: Path, promoted: str) -> None:
    kept = {file.parent.parent.name for file in (runs / "sweeps/short").glob("*/rung-*/state.safetensors")}
    assert kept == {"trial-0000", "trial-0001", "trial-0002"} - {promoted}


def test_run_has_the_parameters_that_the_recipe_was_rendered_with(runs: Path, tracked: dict[str, Run]) -> None:
    for label in ("trial-0000", "trial-0001"):
        recipe = Recipe.read(runs / "sweeps/short" / label / "rung-1/train.yaml")
        params = tracked[label].data.params
        assert float(params["learning_rate"]) == recipe.get("lr_schedule.learning_rate")
        assert int(params["lora_rank"]) == recipe.get("model.model_config.pet_config.lora_rank")
        targets = "|".join(f".*{name}" for name in params["target_modules"].split())
        assert targets == recipe.get("model.model_config.pet_config.target_modules")


def test_enqueued_configuration_is_the_first_trial(status: dict[str, Any]) -> None:
    assert status["trials"][0]["configuration"] == {
        "learning_rate": 1e-4,
        "lora_rank": 8,
        "target_modules": ["wq", "wo"],
        "lora_alpha": 16,
    }


def test_ratio_is_that_of_the_recipe(runs: Path, status: dict[str, Any]) -> None:
    text = run("params", runs / "sweeps/short/trial-0000/rung-1/train.yaml", "--json")
    assert json.loads(text)["ratio"] == status["trials"][0]["values"]["ratio"]


def test_trials_keep_yaml_log_adapter_and_predictions_as_artifacts(runs: Path, tracked: dict[str, Run]) -> None:
    client = MlflowClient(f"sqlite:///{runs}/mlflow.db")
    names = {file.path for file in client.list_artifacts(tracked["trial-0000"].info.run_id, "rung-1")}
    kept = ("train.yaml", "worker_0.log", "adapter.safetensors", "predictions_math_contest.jsonl")
    assert {f"rung-1/{name}" for name in kept} <= names
    assert {file.path for file in client.list_artifacts(tracked["short"].info.run_id)} == {"pareto.html"}


def test_front_of_the_command_line_is_that_of_the_tags(runs: Path, tracked: dict[str, Run]) -> None:
    front = {trial["number"] for trial in json.loads(run("front", "--runs", runs, "--json"))["trials"]}
    assert front == {
        int(name.removeprefix("trial-")) for name, r in tracked.items() if r.data.tags.get("pareto") == "true"
    }


def test_what_mlflow_was_not_told_is_told_later(runs: Path) -> None:
    outbox = Outbox(runs / "sweeps/short/outbox")
    assert outbox.count_waiting() == 0
    outbox.append("tags", PARENT, {"items": [["told", "late"]]})
    away = f"http://127.0.0.1:{free_port()}"
    error = run("deliver", "--runs", runs, "--tracking-uri", away, "--patience", 0, code=1, stream="stderr")
    assert f"not delivered to {away}: 1 of 1 records: " in error
    assert "delivered to sqlite:" in run("deliver", "short", "--runs", runs)
    (parent,) = [r for r in tracked_runs(runs) if r.info.run_name == "short"]
    assert parent.data.tags["told"] == "late"


def test_ui_serves_the_runs_and_the_page_and_ends_with_its_user(runs: Path, tracked: dict[str, Run]) -> None:
    port = free_port()
    process = subprocess.Popen(
        lorasweep("ui", "--runs", runs, "--port", port), env=environment(), start_new_session=True
    )
    until(lambda: fetched(f"http://127.0.0.1:{port}/health") == "OK", process)
    artifact = f"get-artifact?path=pareto.html&run_uuid={tracked['short'].info.run_id}"
    assert "Pareto front" in fetched(f"http://127.0.0.1:{port}/{artifact}")
    children = psutil.Process(process.pid).children(recursive=True)
    # as a terminal does: to the whole group
    os.killpg(process.pid, signal.SIGINT)
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


def fetched(url: str) -> str:
    """Return what a URL gives; nothing where no one listens yet."""
    try:
        with urllib.request.urlopen(url) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return ""


def test_sweep_that_is_done_starts_nothing_again(runs: Path) -> None:
    output = run("start", runs.parent / "sweep.yaml", "--runs", runs)
    assert "started" not in output


def test_program_hears_of_each_knee_and_of_the_end_once(runs: Path, status: dict[str, Any]) -> None:
    run("resume", "--runs", runs)
    told = [json.loads(line) for line in (runs.parent / "tell.sh.told").read_text(encoding="utf-8").splitlines()]
    knees = [message["trial"] for message in told if message["event"] == "knee"]
    assert knees[-1] == f"trial-{status['knee']:04d}"
    assert [message["event"] for message in told] == ["knee"] * len(knees) + ["done"]
    assert (told[-1]["state"], told[-1]["trial"]) == ("complete", knees[-1])


def test_exported_folder_trains_in_one_go_and_gives_the_numbers_of_the_rungs_again(
    runs: Path, tmp_path: Path, promoted: str
) -> None:
    out = tmp_path / FOLDER
    run("export", "--runs", runs, "--select", f"trial:{int(promoted.removeprefix('trial-'))}", "--out", out)
    done = subprocess.run(
        [str(out / "launch.sh")],
        # by a path that holds only from here
        env={**os.environ, "PYTHON": os.path.relpath(sys.executable)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "the trial's numbers again" in done.stdout
    names = {file.name for file in out.iterdir()}
    assert {"train.yaml", "evaluate_base.yaml", "evaluate_task.yaml", "peft", "manifest.json"} <= names
    assert {"adapter_config.json", "adapter_model.safetensors"} == {file.name for file in (out / "peft").iterdir()}


def test_trials_adapter_is_merged_into_its_base(runs: Path, tmp_path: Path) -> None:
    run("adapter", "merge", "--runs", runs, "--select", "trial:0", "--out", tmp_path / FOLDER)
    base, merged = weight_files.read(BASE), weight_files.read(tmp_path / FOLDER / "model.safetensors")
    assert base.keys() == merged.keys()
    changed = {name.split(".")[-2] for name in base if base[name] != merged[name]}
    assert changed == {"wq", "wo"}


def test_pack_agrees_with_mlflow_and_has_checkpoints_of_both_rungs(
    runs: Path, tmp_path: Path, tracked: dict[str, Run], promoted: str
) -> None:
    out = tmp_path / FOLDER
    run("pack", "--runs", runs, "--trial", promoted.removeprefix("trial-"), "--lang", "en", "--out", out)
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["checkpoints"]["evenly_spaced"] == [1, 2, 3, 4, 5]
    merged = {name.split("/")[1] for name in manifest["files"] if name.startswith("checkpoints/")}
    assert merged == {"1_step_4", "2_step_8", "3_step_12", "4_step_16", "5_step_20", "best"}
    report = (out / "report/report.en.md").read_text(encoding="utf-8")
    assert "Not compared" not in report
    for label in (promoted, "base"):
        assert f"| `MLflow run {tracked[label].info.run_id} ({label})` |" in report


def tracked_runs(runs: Path) -> list[Run]:
    client = MlflowClient(f"sqlite:///{runs}/mlflow.db")
    experiment = client.get_experiment_by_name("short")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def test_trial_on_two_workers_trains_one_adapter_and_is_measured_once(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path, trials=1)
    recipe = (RECIPES / "tiny_llama_lora.yaml").read_text(encoding="utf-8")
    (tmp_path / "two.yaml").write_text(for_cluster(recipe, 2), encoding="utf-8")
    text = sweep.read_text(encoding="utf-8").replace("recipe: tiny_llama_lora.yaml", "recipe: two.yaml")
    text = text.replace("base: tiny,", "base: base.ckpt,").replace(
        f"count: {SLOTS}, workers: 1", "count: 1, workers: 2"
    )
    sweep.write_text(text, encoding="utf-8")
    write_checkpoint(tmp_path / "base.ckpt")
    run("start", sweep, "--runs", tmp_path / "runs")
    trial = tmp_path / "runs/sweeps/short/trial-0000"
    # 160 rows over two workers in batches of 16
    for worker in (0, 1):
        assert len(list(parse((trial / f"msrun_log/worker_{worker}.log").read_text().splitlines()))) == 5
    (result,) = json.loads(run("status", "--runs", tmp_path / "runs", "--json"))["trials"]
    assert result["state"] == "complete"
    assert result["scores"]["math_accuracy"]["items"] == 40


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait for a condition while the process runs; only a hang makes the test fail."""
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.1)
