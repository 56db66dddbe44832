from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.short_sweep import write_sweep

Cli = Callable[..., tuple[int, str, str]]


def plain(text: str) -> str:
    return " ".join(text.replace("│", " ").replace("┃", " ").split())


def test_plan_names_the_jobs_of_each_rung_and_starts_nothing(cli: Cli, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path, trials=9, rungs=(1, 3))
    code, output, _ = cli("start", sweep, "--dry-run", "--step-ms", 3600, "--runs", tmp_path / "runs")
    assert code == 0
    # 160 rows in batches of 16: 10 steps an epoch, 36 s
    assert "9 trials, 10 steps an epoch" in output
    assert "1 9 1 9 0.09 " in plain(output)
    assert "3 3 2 6 0.06 " in plain(output)
    assert "without halving 9 3 27 0.27 " in plain(output)
    assert "Halving saves 44%" in output
    assert not (tmp_path / "runs").exists()


def test_enqueued_configurations_are_costed_to_their_end(cli: Cli, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path, rungs=(1, 3))
    _, output, _ = cli("start", sweep, "--dry-run", "--step-ms", 3600, "--runs", tmp_path / "runs")
    assert "0 30 0.03 " in plain(output)


def test_hours_are_not_made_up_where_no_step_time_is_known(cli: Cli, tmp_path: Path) -> None:
    _, output, _ = cli("start", write_sweep(tmp_path), "--dry-run", "--runs", tmp_path / "runs")
    assert "give --step-ms" in output
    assert "?" in output


@pytest.mark.parametrize(("limit", "said"), [("1GB", "It fits"), ("0.001GB", "WARNING: that is more than")])
def test_memory_above_the_cards_is_warned_of(cli: Cli, tmp_path: Path, limit: str, said: str) -> None:
    from tests.test_end_to_end import RECIPES

    recipe = (RECIPES / "tiny_llama_lora.yaml").read_text(encoding="utf-8")
    assert "device_target: CPU" in recipe
    recipe = recipe.replace("device_target: CPU", f"device_target: Ascend\n  max_device_memory: {limit}")
    (tmp_path / "card.yaml").write_text(recipe.replace("type: CpuTrainOneStepCell", "type: MFTrainOneStepCell"))
    sweep = write_sweep(tmp_path)
    text = sweep.read_text().replace("recipe: tiny_llama_lora.yaml", "recipe: card.yaml")
    sweep.write_text(text.replace("workers: 1}", "workers: 1, devices: [0, 1]}"))
    code, output, error = cli("start", sweep, "--dry-run", "--runs", tmp_path / "runs")
    assert code == 0, error
    assert said in output


def test_budget_of_epochs_says_how_many_trials_it_lets(cli: Cli, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path, trials=100, rungs=(1, 3))
    sweep.write_text(sweep.read_text() + "budget: {epochs: 16}\n")
    _, output, _ = cli("start", sweep, "--dry-run", "--runs", tmp_path / "runs")
    assert "10 trials, as many as a budget of 16 lets reach their rungs" in output


@pytest.mark.parametrize("step_ms", ["0", "-1", "nan", "inf", "1e300"])
def test_step_time_that_is_none_is_refused(cli: Cli, tmp_path: Path, step_ms: str) -> None:
    code, _, error = cli("start", write_sweep(tmp_path), "--dry-run", "--step-ms", step_ms, "--runs", tmp_path / "runs")
    assert code == 2
    assert "step-ms" in error


def test_step_time_without_dry_run_is_refused_and_nothing_starts(cli: Cli, tmp_path: Path) -> None:
    code, _, error = cli("start", write_sweep(tmp_path), "--step-ms", "40", "--runs", tmp_path / "runs")
    assert code == 2
    assert "--dry-run" in error
    assert not (tmp_path / "runs").exists()
