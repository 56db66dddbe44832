"""What a user gets for input that is not fit: one message, exit code 2, nothing started, nothing written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.lease import Lease
from sweeps.stores import Stores
from tests.short_sweep import write_sweep

SHIPPED = Path(__file__).parents[2] / "trainer/recipes"
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return write_sweep(tmp_path / "a'; echo 训练 $(id)")


def refused(cli: Cli, sweep: Path) -> str:
    """Start the sweep; returns the message, having checked that nothing else happened."""
    runs = sweep.parent / "runs"
    code, _, error = cli("start", sweep, "--runs", runs)
    assert code == 2
    assert "Traceback" not in error
    assert not (runs / "sweeps.db").exists()
    return error


def replaced(sweep: Path, old: str, new: str) -> Path:
    text = sweep.read_text(encoding="utf-8")
    assert old in text
    sweep.write_text(text.replace(old, new, 1), encoding="utf-8")
    return sweep


def line_of(sweep: Path, text: str) -> int:
    return next(i for i, line in enumerate(sweep.read_text(encoding="utf-8").splitlines(), 1) if text in line)


def test_missing_file(cli: Cli, tmp_path: Path) -> None:
    assert f"{tmp_path / 'none.yaml'}" in refused(cli, tmp_path / "none.yaml")


def test_yaml_syntax_error_has_its_line(cli: Cli, sweep: Path) -> None:
    message = refused(cli, replaced(sweep, "seed: 7", "seed: [7"))
    assert f"{sweep}:{line_of(sweep, 'trials:')}" in message or f"{sweep}:{line_of(sweep, 'seed:')}" in message


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("seed: 7", "seeed: 7", "seeed"),
        ("low: 1.0e-5, high: 1.0e-3", "low: 1.0e-3, high: 1.0e-5", "low < high"),
        ("low: 1.0e-5, high: 1.0e-3", "low: 1.0e-3, high: 1.0e-3", "low < high"),
        ("of: [wq, wk, wv, wo]", "of: [wq, wk, wv, wo, wx]", "wx"),
        ("sets: lr_schedule.learning_rate", "sets: lr_schedule.learningrate", "lr_schedule.learning_rate"),
        ("metric: f1,", "metric: f2,", "f2"),
        ("recipe: tiny_llama_lora.yaml", "recipe: none.yaml", "none.yaml"),
        ("data: train.jsonl", "data: none.jsonl", "none.jsonl"),
        ("lora_rank: {type: int, low: 1,", "lora_rank: {type: int, low: 0,", "low"),
        ("lora_rank: {type: int,", "lora_rank: {type: float,", "takes integers from 1 only"),
        ("sets: lr_schedule.learning_rate", "sets: lr_schedule", "expected a mapping"),
        ("sets: lr_schedule.learning_rate", "sets: train_dataset.data_loader", "expected a mapping"),
        (
            "sets: lr_schedule.learning_rate",
            "sets: train_dataset_task.dataset_config.data_loader.dataset_dir",
            "cannot both be set",
        ),
        ("sets: lr_schedule.learning_rate", "sets: context.device_target", "cannot differ between trials"),
    ],
)
def test_fault_of_the_sweep_file_has_its_line(cli: Cli, sweep: Path, old: str, new: str, part: str) -> None:
    replaced(sweep, old, new)
    message = refused(cli, sweep)
    assert f"{sweep}:{line_of(sweep, new)}: " in message
    assert part in message


def test_all_faults_are_said_at_once(cli: Cli, sweep: Path) -> None:
    replaced(replaced(sweep, "wv, wo], sets", "wv, wo, wx], sets"), "lr_schedule.learning_rate", "lr.rate")
    message = refused(cli, sweep)
    assert "wx" in message
    assert "lr.rate" in message


def test_path_that_lorasweep_sets_itself_cannot_be_swept(cli: Cli, sweep: Path) -> None:
    replaced(sweep, "fixed: {", "fixed: {load_checkpoint: other.ckpt, ")
    assert "load_checkpoint is set by lorasweep itself" in refused(cli, sweep)


def test_broken_line_of_a_data_file_has_its_number(cli: Cli, sweep: Path) -> None:
    data = sweep.parent / "train.jsonl"
    lines = data.read_text(encoding="utf-8").splitlines()
    lines[2] = '{"problem": "1 + 1"'
    data.write_text("\n".join(lines), encoding="utf-8")
    assert f"{data}:3" in refused(cli, sweep)


def test_cards_that_the_recipe_does_not_use(cli: Cli, sweep: Path) -> None:
    replaced(sweep, "workers: 1}", "workers: 1, devices: [0, 1]}")
    assert "context.device_target is CPU" in refused(cli, sweep)


def test_base_in_another_format_than_the_recipe_loads(cli: Cli, sweep: Path) -> None:
    (sweep.parent / "base.ckpt").write_text("")
    replaced(sweep, "base: tiny,", "base: base.ckpt,")
    assert "load_ckpt_format is safetensors" in refused(cli, sweep)


def test_recipe_that_cuts_the_model_over_cards(cli: Cli, sweep: Path) -> None:
    recipe = (SHIPPED / "tiny_llama_lora.yaml").read_text(encoding="utf-8")
    (sweep.parent / "own.yaml").write_text(recipe.replace("model_parallel: 1", "model_parallel: 4"), encoding="utf-8")
    replaced(sweep, "recipe: tiny_llama_lora.yaml", "recipe: own.yaml")
    assert "parallel_config.model_parallel is 4; expected 1" in refused(cli, sweep)


def test_model_that_fixed_cuts_over_cards(cli: Cli, sweep: Path) -> None:
    replaced(sweep, "fixed: {", "fixed: {parallel_config.model_parallel: 4, ")
    assert "parallel_config.model_parallel is 4; expected 1" in refused(cli, sweep)


def test_second_start_of_a_running_sweep_names_the_first(cli: Cli, sweep: Path) -> None:
    stores = Stores(sweep.parent / "runs")
    stores.create()
    with Lease.acquire(stores.study_url, "short"):
        code, _, error = cli("start", sweep, "--runs", stores.root)
    assert code == 2
    assert f"held by process {os.getpid()}" in error


def test_folder_of_runs_that_cannot_be_made(cli: Cli, sweep: Path) -> None:
    (sweep.parent / "file").write_text("")
    code, _, error = cli("start", sweep, "--runs", sweep.parent / "file/runs")
    assert code == 2
    assert "choose another --runs" in error


@pytest.mark.parametrize("database", ["sweeps.db", "mlflow.db"])
def test_database_that_cannot_be_written(cli: Cli, sweep: Path, database: str) -> None:
    runs = sweep.parent / "runs"
    runs.mkdir()
    (runs / database).write_text("this is no database, only text that is long enough to be read as a header")
    code, _, error = cli("start", sweep, "--runs", runs)
    assert code == 2
    assert str(runs / database) in error


def test_study_database_that_cannot_be_read(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sweeps.db").write_text("this is no database, only text that is long enough to be read as a header")
    code, _, error = cli("status", "--runs", tmp_path)
    assert code == 2
    assert "cannot be read" in error


@pytest.mark.parametrize("command", ["status", "front", "export", "ui"])
def test_folder_without_a_sweep(cli: Cli, tmp_path: Path, command: str) -> None:
    code, _, error = cli(command, "--runs", tmp_path / "none")
    assert code == 2
    assert "no sweep was started here" in error


@pytest.mark.parametrize("section", ["metrics", "parameters", "derived", "fixed"])
def test_list_where_keys_are_expected(cli: Cli, sweep: Path, section: str) -> None:
    lines = [line for line in sweep.read_text(encoding="utf-8").splitlines() if not line.startswith("fixed:")]
    text = "\n".join(lines).replace(f"\n{section}:\n", "\nold:\n")
    sweep.write_text(f"{text}\n{section}: [1, 1.0]\n", encoding="utf-8")
    assert f"{section}: expected keys with values, got [1, 1.0]" in refused(cli, sweep)
