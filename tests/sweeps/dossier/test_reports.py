from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.dossier.facts import Fact, Source, Value, read_number
from sweeps.dossier.reports import read_report


def facts(tmp_path: Path, text: str) -> list[tuple[str, Value]]:
    file = tmp_path / "report.md"
    file.write_text(text, encoding="utf-8")
    return [(fact.name, fact.value) for fact in read_report(file).facts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lora_rank: 16", [("lora_rank", 16.0)]),
        ("We trained with a rank of 16.", [("lora_rank", 16.0)]),
        ("- **lora_alpha** = 32", [("lora_alpha", 32.0)]),
        ("learning_rate 由 5.e-5 改为 2.e-4", [("learning_rate", 2e-4)]),
        ("learning rate 5e-5 -> 2e-4", [("learning_rate", 2e-4)]),
        ("lora_dropout from 0.1 to .05", [("lora_dropout", 0.05)]),
        ("采用随机种子设置为 42，8卡训练", [("seed", 42.0), ("cards", 8.0)]),
        ("可训练参数 4,194,304", [("trainable", 4194304.0)]),
        ("F1: 47.2, EM: 27.3", [("f1", 47.2), ("em", 27.3)]),
        ("随机20000条准确率99.30%", [("accuracy", 99.3)]),
        ("低参比例为 0.057%", [("ratio", 0.00057)]),
        ("target_modules 由 '.*wq|.*wk' 改为 '.*wq|.*wo'", [("target_modules", frozenset({"wq", "wo"}))]),
        ("SQuAD 评测共 2,067 条", [("items", 2067.0)]),
        ("ratio = 1 / 4 = 0.25", [("trainable", 1.0), ("total", 4.0), ("ratio", 0.25)]),
    ],
)
def test_prose_is_read(tmp_path: Path, text: str, expected: list[tuple[str, Value]]) -> None:
    assert facts(tmp_path, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "```\nlora_rank: 16\n```",
        "https://host/checkpoint3/rank_0/rank 4.ckpt",
        "run_llama3_8b_lora_dis_256.yaml",
        "them 5 and frank 7",
        "The log of rank 0 is worker_0.log",
        "epoch 1: loss 1.2, epoch 2: loss 1.1",
        "lora_alpha = 2 × lora_rank = 16",
        "训练集准确率 98%",
        "training set accuracy: 98%",
        "| trial | lora_rank | F1 |\n|---|---|---|\n| trial-0001 | 8 | 50 |",
        "| 类别 | 条数 | accuracy |\n|---|---|---|\n| accuracy/zh | 8 | 50 |",
    ],
)
def test_what_states_no_setting_is_not_taken_for_one(tmp_path: Path, text: str) -> None:
    assert facts(tmp_path, text) == []


@pytest.mark.parametrize(
    "table",
    [
        "| 参数 | 基线 | 本次 |\n|---|---|---|\n| `lora_rank` | 8 | 16 |",
        "| parameter | is | was |\n| :-- | --: | --: |\n| LoRA rank | 16 | 8 |",
        "| parameter | | |\n|---|---|---|\n| lora_rank | 8 | 16 |",
        "| item | value |\n|---|---|\n| 秩 `lora_rank` (r) | 16 |",
    ],
)
def test_tables_give_what_is(tmp_path: Path, table: str) -> None:
    assert facts(tmp_path, table) == [("lora_rank", 16.0)]


def test_bars_in_quoted_patterns_end_no_cell(tmp_path: Path) -> None:
    table = "| 参数 | 基线 | 本次 |\n|---|---|---|\n| target_modules | '.*wq|.*wk' | `.*wq|.*wo` |"
    assert facts(tmp_path, table) == [("target_modules", frozenset({"wq", "wo"}))]


def test_scores_of_the_base_are_kept_apart(tmp_path: Path) -> None:
    file = tmp_path / "report.md"
    file.write_text("基线 F1 59.87\n微调后 F1 47.2", encoding="utf-8")
    report = read_report(file)
    assert [fact.value for fact in report.before] == [59.87]
    assert [fact.value for fact in report.facts] == [47.2]


@pytest.mark.parametrize(
    ("line", "before", "now"),
    [
        ("基座 F1 为 75.00%，微调后 F1 为 50.00%。", [75.0], [50.0]),
        ("微调后 F1 50.00%，比原模型下降，原模型 F1 75.00%", [75.0], [50.0]),
        ("The untuned model has F1 75, the tuned one F1 50.", [75.0], [50.0]),
        ("F1 75（基座），F1 50（微调后）", [75.0], [50.0]),
        ("F1: 75 by the base model", [75.0], []),
        ("F1: 50\n# Baseline\nF1: 75; after fine-tuning F1: 51", [75.0], [50.0, 51.0]),
        ("微调前后 F1 从 75 到 50", [75.0], [50.0]),
    ],
)
def test_the_nearest_word_says_whose_a_score_is(
    tmp_path: Path, line: str, before: list[float], now: list[float]
) -> None:
    file = tmp_path / "report.md"
    file.write_text(line, encoding="utf-8")
    report = read_report(file)
    assert ([fact.value for fact in report.before], [fact.value for fact in report.facts]) == (before, now)


@pytest.mark.parametrize("filler", [" " * 20_000, "w" * 200_000, ",111" * 50_000])
def test_endless_lines_do_not_hold_an_audit_up(tmp_path: Path, filler: str) -> None:
    # by the square of their length each would take minutes
    assert ("seed", 42.0) in facts(tmp_path, f"rank{filler}x SQuAD 1{filler}x\nseed: 42")


@pytest.mark.parametrize(
    ("written", "actual", "agrees"),
    [
        ("47.2", 47.20811977048287, True),
        ("47.3", 47.20811977048287, False),
        ("27.2", 27.285921625544265, True),  # cut off
        ("27.3", 27.285921625544265, True),  # rounded
        ("2.e-4", 2e-4, True),
        ("8", 16, False),
        ("419万", 4194304, True),
        ("0.000572914082775577", 4194304 / 7321000000, True),
    ],
)
def test_a_number_agrees_with_what_it_may_be_rounded_from(written: str, actual: float, agrees: bool) -> None:
    fact = read_number("total", written, Source(Path("r.md"), 1))
    assert isinstance(fact, Fact)
    assert fact.agrees(actual) is agrees
