"""What only launches showed before: rungs, sinks, batches and budgets that the recipe and the data do not go with."""

from __future__ import annotations

from pathlib import Path

import pytest

from search_spaces.load import FileFaults
from sweeps.config import load_sweep
from sweeps.plan import make_plan
from sweeps.stores import Stores
from tests.short_sweep import write_sweep
from tests.test_end_to_end import RECIPES

FIXED = "fixed: {runner_config.epochs: 1}"


def checked(folder: Path, sweep: dict[str, str], recipe: dict[str, str] | None = None) -> str:
    """Check a sweep of 160 items in batches of 16; returns the faults."""
    files = {write_sweep(folder): {"recipe: tiny_llama_lora.yaml": "recipe: own.yaml", **sweep}}
    own = folder / "own.yaml"
    own.write_text((RECIPES / "tiny_llama_lora.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    files[own] = recipe or {}
    for file, changes in files.items():
        text = file.read_text(encoding="utf-8")
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new, 1)
        file.write_text(text, encoding="utf-8")
    try:
        make_plan(*load_sweep(folder / "sweep.yaml"), Stores(folder / "runs"))
    except FileFaults as error:
        return str(error)
    return ""


SINK = {"sink_mode: False": "sink_mode: True", "sink_size: 1": "sink_size: 7"}
PARALLEL = {"callbacks:": "parallel: {enable_parallel_optimizer: True}\ncallbacks:"}


@pytest.mark.parametrize(
    ("sweep", "recipe", "message"),
    [
        (
            {FIXED: "halving: {unit: steps, rungs: [10, 100000]}"},
            {},
            "halving.rungs: expected at most 30, the training",
        ),
        ({FIXED: "halving: {unit: steps, min: 10, max: 99}"}, {}, "halving.max: expected at most 30, the training's"),
        (
            {FIXED: "halving: {rungs: [1, 3]}"},
            SINK,
            "own.yaml: runner_config.sink_size: expected 1, or a divisor of 10",
        ),
        ({FIXED: "halving: {unit: steps, rungs: [10, 14]}"}, SINK, "the step where rung 10 ends, got 7"),
        ({FIXED: "halving: {rungs: [1, 3]}"}, PARALLEL, "parallel.enable_parallel_optimizer: expected False with"),
        ({FIXED: "halving: {rungs: [3, 9]}\nbudget: {epochs: 2}"}, {}, "budget.epochs: expected at least 3, the first"),
        ({FIXED: "fixed: {runner_config.epochs: 3}\nbudget: {epochs: 2}"}, {}, "at least 3, the epochs of a trial"),
        (
            {FIXED: "fixed: {runner_config.batch_size: 0}"},
            {},
            "batch_size: expected an integer from 1 to 1000000000, got",
        ),
        ({}, {"batch_size: 16": "batch_size: 0"}, "own.yaml: runner_config.batch_size: expected an integer from 1"),
        ({FIXED: "fixed: {runner_config.batch_size: 100000}"}, {}, "160 items of"),
        ({FIXED: "fixed: {runner_config.epochs: a}"}, {}, "runner_config.epochs: expected an integer from 1 to"),
        ({FIXED: "halving: {rungs: [1, 3], items: {squad_contest: 39}}", "items: 40, ": ""}, {}, ""),
        (
            {FIXED: "halving: {rungs: [1, 3], items: {squad_contest: 10000}}", "items: 40, ": ""},
            {},
            "expected fewer than the",
        ),
        ({"value: 2 * lora_rank": "value: 2 * lora_rank + 1 // (lora_rank * 0)"}, {}, "lora_alpha"),
    ],
)
def test_what_trials_could_not_train_is_told_before_the_start(
    tmp_path: Path, sweep: dict[str, str], recipe: dict[str, str], message: str
) -> None:
    found = checked(tmp_path, sweep, recipe)
    assert message in found
    assert bool(message) == bool(found)


@pytest.mark.parametrize(
    ("sweep", "recipe"),
    [
        ({FIXED: "halving: {unit: steps, rungs: [10, 30]}"}, {}),
        ({FIXED: "halving: {rungs: [1, 3]}"}, {**SINK, "sink_size: 1": "sink_size: 5"}),
        ({FIXED: "halving: {rungs: [1, 3]}"}, {**SINK, "sink_size: 1": "sink_size: -1"}),
        ({FIXED: FIXED}, SINK),
        ({FIXED: FIXED}, PARALLEL),
        ({FIXED: "halving: {rungs: [3, 9]}\nbudget: {epochs: 3}"}, {}),
    ],
)
def test_what_trials_can_train_is_taken(tmp_path: Path, sweep: dict[str, str], recipe: dict[str, str]) -> None:
    assert not checked(tmp_path, sweep, recipe)


def test_batch_that_only_some_trials_have_is_named_at_its_parameter(tmp_path: Path) -> None:
    batch = "parameters:\n  batch: {type: categorical, choices: [16, 320], sets: runner_config.batch_size}\n"
    found = checked(tmp_path, {"parameters:\n": batch, "lora_rank: 8,": "lora_rank: 8, batch: 16,"})
    assert "parameters.batch.sets" in found
    assert "do not fill a batch of 320" in found
