"""A team's folder with the real Llama3-8B run, and a sweep that it fits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from evaluation.score import score

CONTEST = Path(__file__).parents[4] / "shared/data/contest"
_SWEEP = """\
name: llama3
recipe: llama3_8b_lora.yaml
model: {{base: llama3-8B.ckpt, tokenizer: tokenizer, parameters: 8030000000}}
train: {{data: math.jsonl, protocol: math_contest}}
evaluation:
  squad_contest: {{file: squad.json, max_new_tokens: 20, batch: 8}}
  math_contest: {{file: math.jsonl, max_new_tokens: 256, batch: 8}}
seed: 42
trials: 3
{length}
slots: {{count: 1, workers: 4, devices: [0, 1, 2, 3]}}
sampler: {{type: ehvi, startup_trials: 4}}
parameters:
  learning_rate: {{type: float, low: 3.0e-6, high: 3.0e-4, log: true, sets: lr_schedule.learning_rate}}
  lora_rank: {{type: int, low: 4, high: {ranks}, log: true, sets: model.model_config.pet_config.lora_rank}}
  alpha_factor: {{type: categorical, choices: [1, 2]}}
  lora_dropout: {{type: categorical, choices: [0.0, 0.05], sets: model.model_config.pet_config.lora_dropout}}
  target_modules: {{type: subset, of: [wq, wk, wv, wo], sets: model.model_config.pet_config.target_modules}}
  seq_length: {{type: categorical, choices: [256, 512], sets: model.model_config.seq_length}}
  batch_size: {{type: categorical, choices: [16, 32, 64]}}
derived:
  card_batch: {{value: batch_size // 4, sets: runner_config.batch_size}}
  lora_alpha: {{value: alpha_factor * lora_rank, sets: model.model_config.pet_config.lora_alpha}}
objectives: {objectives}
gates:
  - f1 >= 0.9 * base.f1
  - em >= 0.9 * base.em
enqueue:
  - {{learning_rate: 1.0e-5, lora_rank: 8, alpha_factor: 2, lora_dropout: 0.0, target_modules: [wq, wv],
     seq_length: 256, batch_size: 32}}
"""
WITHOUT_MATH = (
    "[{metric: f1, direction: maximize}, {metric: train_loss, direction: minimize},"
    " {metric: ratio, direction: minimize}]"
)
WITH_MATH = "[{metric: math_accuracy, direction: maximize}, {metric: f1, direction: maximize}]"
RUNGS = "halving: {rungs: [1, 2, 5], eta: 2}"


def sweep_file(folder: Path, objectives: str = WITHOUT_MATH, length: str = RUNGS, ranks: int = 64) -> Path:
    """Write the sweep of stage 1 in small, with stand-ins for what weighs gigabytes."""
    folder.mkdir(parents=True)
    (folder / "llama3-8B.ckpt").touch()
    (folder / "tokenizer").mkdir()
    row = json.dumps({"problem": "1 + 1 = ?", "solution": "2"})
    (folder / "math.jsonl").write_text(f"{row}\n" * 640, encoding="utf-8")
    question = {"question": "q", "answers": [{"text": "a"}]}
    squad = {"data": [{"paragraphs": [{"context": "c", "qas": [question]}]}]}
    (folder / "squad.json").write_text(json.dumps(squad), encoding="utf-8")
    file = folder / "sweep.yaml"
    file.write_text(_SWEEP.format(objectives=objectives, length=length, ranks=ranks), encoding="utf-8")
    return file


def team_folder(folder: Path, *, tuned: bool = True) -> Path:
    """Copy the real run: YAML, msrun's log, evaluations of the base; and real pairs of a tuned model, as a log."""
    folder.mkdir(parents=True)
    shutil.copy(CONTEST / "configs/run_llama3_8b_8k_800T_A2_64G_lora_dis_256.yaml", folder)
    for log in (CONTEST / "logs").iterdir():
        shutil.copy(log, folder)
    if tuned:
        pairs = json.loads((CONTEST / "emf1_pairs_tuned.json").read_text(encoding="utf-8"))
        lines = [line for p in pairs for line in (f"pred is: {[p['pred']]!r}", f"label is: {[p['label']]!r}")]
        f1, em = (score([pair[key] for pair in pairs]).value for key in ("F1", "Em"))
        last = f"F1 score: {f1}, Em score: {em}, total_count: {len(pairs)}"
        (folder / "tuned_eval.log").write_text("\n".join([*lines, last, ""]), encoding="utf-8")
    return folder
