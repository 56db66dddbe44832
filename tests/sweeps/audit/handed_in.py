"""A folder as a team hands it in, for the tiny model: YAML, log, predictions and report that agree."""

from __future__ import annotations

import json
from pathlib import Path

from evaluation.items import Item
from evaluation.protocols import evaluate

RECIPE = Path(__file__).parents[3] / "trainer/recipes/tiny_llama_lora.yaml"
STEPS = 10

_REPORT = """# 模型微调报告
## 超参配置
| 参数 | 基线 | 本次 | 来源 |
| --- | --- | --- | --- |
| `seed` | 0 | 42 | [S1] |
| `epochs` | 5 | 3 | [S1] |
| `batch_size` | 4 | 16 | [S1] |
| `learning_rate` | 1.0e-5 | 0.001 | [S1] |
| `seq_length` | 256 | 48 | [S1] |
| `lora_rank` | 16 | 8 | [S1] |
| `lora_alpha` | 32 | 16 | [S1] |
| `lora_dropout` | 0.05 | 0.0 | [S1] |
| `target_modules` | `.*wq\\|.*wv` | `.*wq\\|.*wk\\|.*wv\\|.*wo` | [S1] |

| 项目 | 值 | 来源 |
| --- | --- | --- |
| `cards` | 1 | [S1] |
| `trainable parameters` | 24576 | [S2] |
| `total parameters` | 676736 | [S2] |
| `ratio` | 24576 / 676736 = 0.036315490826555705 | [S2] |

## 原有能力
| 项目 | 指标 | 基座 | 微调后 | 条数 |
| --- | --- | --- | --- | --- |
| `F1` | `f1` | 75.0 | 50.0 | 4 |
| `EM` | `em` | 75.0 | 50.0 | 4 |
| `accuracy` | `math_accuracy` | 0.0 | 50.0 | 2 |

训练权重：checkpoint/rank_0/tiny_rank_0-3_10.ckpt
推理准确率 50.00%。
"""


def step_line(step: int, loss: str = "2.500000") -> str:
    epoch, within = divmod(step - 1, STEPS)
    return (
        f"2026-01-01 00:00:00,000 - INFO - {{ Epoch:[{epoch + 1:>3}/  3], step:[{within + 1:>5}/{STEPS:>5}], "
        f"loss:[{loss}/{loss}], per_step_time: 10ms, lr: 0.001, overflow cond: False, loss_scale: 1.0"
    )


def log_text() -> str:
    return "\n".join(
        [
            "x - INFO - Now Running Task is: text_generation, Model is: tiny_llama_lora",
            "x - INFO - Network Parameters: 24576.",
            "{'auto_trans_ckpt': False,",
            " 'device_num': 1,",
            " 'lr_schedule': {'learning_rate': 0.001,",
            " 'model': {'arch': {'type': 'LlamaForCausalLM'},",
            "           'model_config': {'batch_size': 16,",
            "                            'pet_config': {'lora_alpha': 16,",
            "                                           'lora_dropout': 0.0,",
            "                                           'lora_rank': 8,",
            "                                           'target_modules': '.*wq|.*wk|.*wv|.*wo'},",
            "                            'seq_length': 48,",
            " 'runner_config': {'batch_size': 16,",
            "                   'origin_epochs': 3,",
            " 'seed': 42,",
            *map(step_line, range(1, 3 * STEPS + 1)),
            "x - INFO - .........Training Over!.............",
            "",
        ]
    )


def evaluation_log(pairs: list[tuple[str, str, float]], items: int) -> str:
    """Texts of prediction and label with the F1 (and EM) that each is worth."""
    lines = ["x - INFO - Create evaluate dataset finish, dataset size:4"]
    for prediction, label, value in pairs:
        lines += [f"pred is: [{prediction!r}]", f"label is: [{label!r}]", f"The F1/Em of this example is:  {value}"]
    mean = sum(value for *_, value in pairs) / len(pairs)
    return "\n".join([*lines, f"F1 score: {mean}, Em score: {mean}, total_count: {items}", ""])


def predictions(protocol: str, right: int, count: int) -> str:
    fields = {"squad_contest": {"passage": "p", "question": "q"}, "math_contest": {"problem": "1 + 1"}}[protocol]
    items = [Item(fields, ("2",))] * count
    graded = evaluate(protocol, items, ["2"] * right + ["3"] * (count - right))
    return "".join(json.dumps(verdict.as_dict()) + "\n" for verdict in graded.verdicts)


def hand_in(folder: Path) -> Path:
    """Write a folder in which nothing contradicts anything."""
    for name in ("logs", "base"):
        (folder / name).mkdir(parents=True)
    (folder / "train.yaml").write_text(RECIPE.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "logs/worker_0.log").write_text(log_text(), encoding="utf-8")
    (folder / "predictions_squad_contest.jsonl").write_text(predictions("squad_contest", 2, 4), encoding="utf-8")
    (folder / "predictions_math_contest.jsonl").write_text(predictions("math_contest", 1, 2), encoding="utf-8")
    (folder / "base/predictions_squad_contest.jsonl").write_text(predictions("squad_contest", 3, 4), encoding="utf-8")
    (folder / "base/predictions_math_contest.jsonl").write_text(predictions("math_contest", 0, 2), encoding="utf-8")
    (folder / "report.md").write_text(_REPORT, encoding="utf-8")
    return folder


def change(file: Path, old: str, new: str) -> None:
    """Put a mistake into a file."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
