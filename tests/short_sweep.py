"""A real sweep of the tiny model that takes a minute."""

from __future__ import annotations

import os
from pathlib import Path

TINY = Path(__file__).parents[1] / "trainer/tiny/data"
SWEEP = """\
name: short
recipe: tiny_llama_lora.yaml
model: {{base: tiny, tokenizer: tiny}}
train: {{data: train.jsonl, protocol: math_contest}}
evaluation:
  squad_contest: {{file: tiny/squad_dev.json, items: 40, max_new_tokens: 8, batch: 20}}
  math_contest: {{file: tiny/math_test.jsonl, items: 40, max_new_tokens: 8, batch: 20}}
seed: 7
{end}
slots: {{count: {slots}, workers: 1}}
sampler: {{type: ehvi, startup_trials: 4}}
{length}
parameters:
  learning_rate: {{type: float, low: 1.0e-5, high: 1.0e-3, log: true, sets: lr_schedule.learning_rate}}
  lora_rank: {{type: int, low: 1, high: 16, log: true, sets: model.model_config.pet_config.lora_rank}}
  target_modules: {{type: subset, of: [wq, wk, wv, wo], sets: model.model_config.pet_config.target_modules}}
derived:
  lora_alpha: {{value: 2 * lora_rank, sets: model.model_config.pet_config.lora_alpha}}
objectives:
  - {{metric: math_accuracy, direction: maximize}}
  - {{metric: f1, direction: maximize}}
  - {{metric: ratio, direction: minimize}}
gates:
  - f1 >= 0.5 * base.f1
enqueue:
  - {{learning_rate: 1.0e-4, lora_rank: 8, target_modules: [wq, wo]}}
"""
SLOTS = min(2, len(os.sched_getaffinity(0)))


def write_sweep(
    folder: Path,
    *,
    trials: int = 2,
    epochs: int = 1,
    rows: int = 160,
    rungs: tuple[int, ...] = (),
    budget: str = "",
) -> Path:
    """Write a sweep of the tiny model that takes a minute: its file, and the first rows of the shipped data set.

    Args:
        rungs: epochs at which trials are compared; empty: no halving, ``epochs`` for all.
        budget: in place of a number of trials.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (TINY / "math_train.jsonl").open(encoding="utf-8") as file:
        (folder / "train.jsonl").write_text("".join(next(file) for _ in range(rows)), encoding="utf-8")
    sweep = folder / "sweep.yaml"
    end = f"budget: {budget}" if budget else f"trials: {trials}"
    length = f"halving: {{rungs: {list(rungs)}}}" if rungs else f"fixed: {{runner_config.epochs: {epochs}}}"
    sweep.write_text(SWEEP.format(end=end, slots=SLOTS, length=length), encoding="utf-8")
    return sweep
