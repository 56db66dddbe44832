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
    recipe = recipe.replace(
        "use_past: False", "use_past: False\n    is_dynamic: False\n    block_size: 16\n    num_blocks: 1"
    )
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
    assert "10 trials, as many as a budget of 16 lets start" in output


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


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("trials: 10\nbudget: {card_hours: 0.05}", "2 trials, as many as a budget of 0.05 card_hours pays for"),
        ("budget: {hours: 0.055}", "5 trials, as many as a budget of 0.055 hours pays for"),
        ("trials: 10\nbudget: {card_hours: 0.0001}", "1 trials, as many as a budget of 0.0001 card_hours pays for"),
        ("trials: 1\nbudget: {card_hours: 9}", "short: 1 trials, 10 steps"),
        ("budget: {epochs: 10}", "10 trials, as many as a budget of 10 lets start"),
    ],
)
def test_each_budget_says_how_many_trials_it_lets(cli: Cli, tmp_path: Path, end: str, said: str) -> None:
    # 10 steps of 7.2 s are 0.02 h; two slots where this machine has as many cores
    sweep = write_sweep(tmp_path)
    sweep.write_text(sweep.read_text().replace("trials: 2", end).replace("slots: {count: 1", "slots: {count: 2"))
    _, output, error = cli("start", sweep, "--dry-run", "--step-ms", 7200, "--runs", tmp_path / "runs")
    assert said in output, error


def test_budget_of_hours_is_named_where_no_step_time_is_known(cli: Cli, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path)
    sweep.write_text(sweep.read_text() + "budget: {card_hours: 0.001}\n")
    _, output, _ = cli("start", sweep, "--dry-run", "--runs", tmp_path / "runs")
    assert "2 trials, unless the budget of 0.001 card_hours ends it" in output


def test_budget_that_no_trial_gets_to_its_end_with_is_warned_of(cli: Cli, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path, rungs=(1, 3), budget="{epochs: 2}")
    code, output, error = cli("start", sweep, "--dry-run", "--runs", tmp_path / "runs")
    assert code == 0, error
    assert "2 trials, as many as a budget of 2 lets start" in output
    assert "WARNING: the budget ends before any trial reaches 3 epochs" in output


def test_trials_of_three_epochs_take_three_of_a_budget(cli: Cli, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path, epochs=3, budget="{epochs: 10}")
    _, output, _ = cli("start", sweep, "--dry-run", "--runs", tmp_path / "runs")
    assert "3 3 3 9 " in plain(output)


def test_optimizer_whose_states_are_not_known_leaves_the_memory_open(cli: Cli, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path)
    fixed = "fixed: {optimizer.type: FP32StateAdamWeightDecay, "
    sweep.write_text(sweep.read_text().replace("fixed: {", fixed))
    code, output, error = cli("start", sweep, "--dry-run", "--runs", tmp_path / "runs")
    assert code == 0, error
    assert "Memory cannot be estimated" in output


def test_configurations_that_would_fail_are_counted(cli: Cli, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path)
    sweep.write_text(sweep.read_text().replace("2 * lora_rank", "2 * lora_rank + 0 // (lora_rank - 7)"))
    code, output, error = cli("start", sweep, "--dry-run", "--runs", tmp_path / "runs")
    assert code == 0, error
    assert "configurations tried would fail: '2 * lora_rank + 0 // (lora_rank - 7)' has no value" in output


def test_names_of_the_user_are_no_markup(cli: Cli, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "a [/b] c")
    own = "  own: {type: categorical, choices: ['[/red]', b], sets: trainer.model_name}\nderived:"
    text = sweep.read_text().replace("derived:", own).replace("lora_rank: 8,", "lora_rank: 8, own: '[/red]',")
    sweep.write_text(text.replace("fixed: {", "fixed: {optimizer.type: '[/red]', "))
    code, output, error = cli("start", sweep, "--dry-run", "--runs", tmp_path / "runs")
    assert code == 0, error
    assert output.count("[/red]") == 2


def test_number_of_trials_that_nobody_can_run_is_refused(cli: Cli, tmp_path: Path) -> None:
    code, _, error = cli("start", write_sweep(tmp_path), "--dry-run", "--trials", 10**400, "--runs", tmp_path / "runs")
    assert code == 2
    assert "--trials" in error
