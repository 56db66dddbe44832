from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.audit.examine import examine
from sweeps.audit.findings import Finding
from sweeps.dossier import folder
from sweeps.dossier.folder import read_dossier
from tests.sweeps.audit.handed_in import STEPS, change, evaluation_log, hand_in, log_text, step_line

CONTEST = Path(__file__).parents[4] / "shared/data/contest"
needs_data = pytest.mark.skipif(not CONTEST.exists(), reason=f"the real files are not there: {CONTEST}")
Cli = Callable[..., tuple[int, str, str]]


def audited(*paths: Path) -> list[Finding]:
    return examine(read_dossier(paths))


def said(finding: Finding) -> tuple[str, list[tuple[str, int, str]]]:
    return finding.subject, [(side.source.file.name, side.source.line, side.says) for side in finding.sides]


# -- the mission's own report and the real Llama3 run ------------------------------------------------------------------


@needs_data
def test_the_missions_report_contradicts_its_own_yaml_in_six_places() -> None:
    recipe = "finetune_internlm_7b_lora_mmlu_64G.yaml"
    report = "mission_report.md"
    found = audited(CONTEST / report, *sorted((CONTEST / "configs").glob("*internlm*.yaml")))
    assert sorted(map(said, found)) == [
        ("lora_dropout", [(report, 15, "0.05"), (recipe, 172, "0.1")]),
        ("lora_rank", [(report, 14, "16"), (recipe, 170, "8")]),
        ("seed", [(report, 10, "42"), (recipe, 1, "0")]),
        ("seq_length", [(report, 13, "512"), (recipe, 139, "2048")]),
        ("target_modules", [(report, 16, ".*wq|.*wo"), (recipe, 174, ".*wk|.*wo")]),
        (
            "trainable",
            [(report, 20, "4194304"), (report, 14, "lora_rank 16"), (report, 16, "target_modules .*wq|.*wo")],
        ),
    ]
    (trainable,) = (finding for finding in found if finding.subject == "trainable")
    assert trainable.right.startswith("8,388,608 ")


@needs_data
def test_other_teams_files_beside_the_missions_change_nothing() -> None:
    assert len(audited(CONTEST)) == 6


@needs_data
def test_the_real_llama3_run_contradicts_itself_nowhere() -> None:
    dossier = read_dossier([*(CONTEST / "configs").glob("*llama3*.yaml"), CONTEST / "logs"])
    assert (len(dossier.recipes), len(dossier.trainings), len(dossier.logs)) == (3, 1, 3)
    assert examine(dossier) == []


@needs_data
def test_a_score_of_the_real_evaluation_log_that_was_polished_is_recomputed(tmp_path: Path) -> None:
    with gzip.open(CONTEST / "logs/llama3_base_eval.log.gz", "rt", encoding="utf-8") as file:
        text = file.read()
    (tmp_path / "eval.log").write_text(text.replace("59.87023775108988, Em", "69.87023775108988, Em"), encoding="utf-8")
    (found,) = audited(tmp_path)
    assert (found.subject, found.sides[0].says) == ("f1", "69.87023775108988")
    assert found.right == "59.87023775108988 by the log's own 2,067 predictions and labels"


# -- a folder that agrees, and every mistake by itself -----------------------------------------------------------------


def test_a_folder_that_agrees_has_no_finding(tmp_path: Path) -> None:
    assert audited(hand_in(tmp_path)) == []


@pytest.mark.parametrize(
    ("old", "new", "subject"),
    [
        ("| `seed` | 0 | 42 |", "| `seed` | 0 | 43 |", "seed"),
        ("| `epochs` | 5 | 3 |", "| `epochs` | 5 | 4 |", "epochs"),
        ("| `batch_size` | 4 | 16 |", "| `batch_size` | 4 | 8 |", "batch_size"),
        ("1.0e-5 | 0.001", "1.0e-5 | 0.002", "learning_rate"),
        ("256 | 48", "256 | 64", "seq_length"),
        ("32 | 16 |", "32 | 8 |", "lora_alpha"),
        ("0.05 | 0.0", "0.05 | 0.1", "lora_dropout"),
        ("| `cards` | 1 |", "| `cards` | 8 |", "cards"),
        ("| `F1` | `f1` | 75.0 | 50.0", "| `F1` | `f1` | 75.0 | 50.1", "f1"),
        ("| `EM` | `em` | 75.0 | 50.0", "| `EM` | `em` | 75.0 | 51", "em"),
        ("| `EM` | `em` | 75.0 | 50.0", "| `EM` | `em` | 50.0 | 50.0", "em"),
        ("| 0.0 | 50.0 | 2 |", "| 0.0 | 99.3 | 2 |", "accuracy"),
        ("准确率 50.00%", "准确率 99.30%", "accuracy"),
        ("| `total parameters` | 676736 |", "| `total parameters` | 676737 |", "total"),
        ("= 0.036315490826555705", "= 0.0364", "ratio"),
        ("tiny_rank_0-3_10.ckpt", "tiny_rank_0-30_10.ckpt", "checkpoint"),
    ],
)
def test_each_number_of_a_report_is_checked(tmp_path: Path, old: str, new: str, subject: str) -> None:
    change(hand_in(tmp_path) / "report.md", old, new)
    assert subject in {finding.subject for finding in audited(tmp_path)}


@pytest.mark.parametrize("line", ["  batch_size: 16\n", "  epochs: 3\n", "seed: 42\n", "      lora_alpha: 16\n"])
def test_what_a_yaml_does_not_say_contradicts_nothing(tmp_path: Path, line: str) -> None:
    change(hand_in(tmp_path) / "train.yaml", line, "")
    assert audited(tmp_path) == []


def test_a_rank_that_was_not_trained_is_found_with_the_count_that_it_would_have(tmp_path: Path) -> None:
    change(hand_in(tmp_path) / "report.md", "| `lora_rank` | 16 | 8 |", "| `lora_rank` | 16 | 4 |")
    rank, trainable = audited(tmp_path)
    assert [side.says for side in rank.sides] == ["4", "8"]
    assert trainable.right.startswith("12,288 ")
    assert trainable.right.endswith("the YAML's own settings give 24,576")


def test_a_pattern_that_matches_no_module_is_found_in_the_yaml(tmp_path: Path) -> None:
    change(hand_in(tmp_path) / "train.yaml", "'.*wq|.*wk|.*wv|.*wo'", "'.*wq | .*wv'")
    assert any(f.subject == "target_modules" and "matches no module" in f.right for f in audited(tmp_path))


def test_a_pattern_that_matches_no_module_is_found_in_the_report(tmp_path: Path) -> None:
    change(hand_in(tmp_path) / "report.md", r"`.*wq\|.*wk\|.*wv\|.*wo`", "'attention.wq'")
    assert any(f.subject == "target_modules" and "matches no module" in f.right for f in audited(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "subject"),
    [
        ("'lora_rank': 8", "'lora_rank': 16", "lora_rank"),
        ("'.*wq|.*wk|.*wv|.*wo'", "'.*wq|.*wo'", "target_modules"),
        ("'device_num': 1", "'device_num': 8", "cards"),
        ("/  3]", "/  5]", "epochs"),
        ("Network Parameters: 24576.", "Network Parameters: 12288.", "trainable"),
        ("Network Parameters: 24576.", "Network Parameters: 3 M.", "trainable"),
    ],
)
def test_a_log_of_another_run_is_found(tmp_path: Path, old: str, new: str, subject: str) -> None:
    change(hand_in(tmp_path) / "logs/worker_0.log", old, new)
    assert subject in {finding.subject for finding in audited(tmp_path)}


def test_a_loss_that_is_no_number_is_found_where_it_begins(tmp_path: Path) -> None:
    hand_in(tmp_path)
    lines = [step_line(step, "2.5" if step < 15 else "  nan") for step in range(1, 3 * STEPS + 1)]
    (tmp_path / "logs/worker_0.log").write_text("\n".join([*lines, "Training Over!", ""]), encoding="utf-8")
    (found,) = audited(tmp_path)
    assert said(found) == ("loss", [("worker_0.log", 15, "step 15: loss nan")])


def test_a_log_that_ends_before_its_training_is_found(tmp_path: Path) -> None:
    hand_in(tmp_path)
    text = log_text().split(step_line(29))[0]
    (tmp_path / "logs/worker_0.log").write_text(text, encoding="utf-8")
    (found,) = audited(tmp_path)
    assert (found.subject, found.sides[0].says) == ("steps", "last step 28 of 30")


def test_a_trial_that_stopped_at_a_rung_ended_as_it_was_to(tmp_path: Path) -> None:
    hand_in(tmp_path)
    text = log_text().split(step_line(11))[0] + "x - INFO - .........Training Over!.............\n"
    (tmp_path / "logs/worker_0.log").write_text(text, encoding="utf-8")
    assert audited(tmp_path) == []


def test_workers_of_one_run_that_say_the_same_are_one_finding(tmp_path: Path) -> None:
    hand_in(tmp_path)
    change(tmp_path / "logs/worker_0.log", "'lora_rank': 8", "'lora_rank': 16")
    (tmp_path / "logs/worker_1.log").write_bytes((tmp_path / "logs/worker_0.log").read_bytes())
    assert len(audited(tmp_path)) == 1


def test_a_verdict_that_its_prediction_does_not_earn_is_found(tmp_path: Path) -> None:
    change(hand_in(tmp_path) / "predictions_math_contest.jsonl", '"math_accuracy": 0.0', '"math_accuracy": 100.0')
    (found,) = audited(tmp_path)
    assert said(found) == ("math_accuracy", [("predictions_math_contest.jsonl", 2, "100")])


def test_an_evaluation_log_that_lost_items_is_found(tmp_path: Path) -> None:
    (tmp_path / "eval.log").write_text(evaluation_log([("a", "a", 100.0), ("b", "c", 0.0)], 3), encoding="utf-8")
    found = audited(tmp_path)
    assert [said(finding)[1] for finding in found if finding.grade == "contradiction"] == [
        [("eval.log", 1, "size 4"), ("eval.log", 8, "3")],
        [("eval.log", 5, "2 predictions"), ("eval.log", 8, "3")],
    ]
    assert [finding.right for finding in found if finding.grade == "warning"] == ["the contest evaluates 2,067 items"]


def test_inference_that_asks_without_the_templates_of_training_is_found(tmp_path: Path) -> None:
    hand_in(tmp_path)
    script = 'from mindspore.mindrecord import FileWriter\nPROMPT = "### Instruction:\\n{}\\n\\n### Response:"\n'
    (tmp_path / "make_data.py").write_text(script, encoding="utf-8")
    (tmp_path / "infer.log").write_text(
        "x - output result is: [{'text_generation_text': ['1 + 1 = ? 2']}]\n", encoding="utf-8"
    )
    (found,) = audited(tmp_path)
    assert said(found) == (
        "prompt template",
        [("make_data.py", 2, "### Instruction, ### Response"), ("infer.log", 1, "no template around the question")],
    )


def test_inference_in_the_template_of_training_is_no_finding(tmp_path: Path) -> None:
    hand_in(tmp_path)
    prompt = "### Instruction:\\n1 + 1\\n\\n### Response:"
    (tmp_path / "make_data.py").write_text(f'import mindrecord\nPROMPT = "{prompt}"\n', encoding="utf-8")
    (tmp_path / "infer.log").write_text(f"x output result is: [{{'text_generation_text': ['{prompt} 2']}}]\n")
    assert audited(tmp_path) == []


def test_an_adapter_that_inference_builds_otherwise_is_found(tmp_path: Path) -> None:
    text = (hand_in(tmp_path) / "train.yaml").read_text(encoding="utf-8")
    text = text.replace("run_mode: finetune", "run_mode: predict").replace("lora_alpha: 16", "lora_alpha: 32")
    (tmp_path / "predict.yaml").write_text(text, encoding="utf-8")
    (found,) = audited(tmp_path)
    assert (found.subject, [side.says for side in found.sides]) == ("lora_alpha", ["16", "32"])


# -- what is no contradiction ------------------------------------------------------------------------------------------


def test_a_pattern_in_brackets_is_the_same_in_yaml_and_log(tmp_path: Path) -> None:
    hand_in(tmp_path)
    for file in ("train.yaml", "logs/worker_0.log"):
        change(tmp_path / file, "'.*wq|.*wk|.*wv|.*wo'", "'.*w[qkvo]'")
    assert audited(tmp_path) == []


@pytest.mark.parametrize("pattern", [".*wo|.*wq|.*wk|.*wv", ".*w[qkvo]", ".*w[qk]|.*wv|.*wo"])
def test_one_adapter_may_be_written_as_many_patterns(tmp_path: Path, pattern: str) -> None:
    text = (
        (hand_in(tmp_path) / "train.yaml").read_text(encoding="utf-8").replace("run_mode: finetune", "run_mode: eval")
    )
    text = text.replace(".*wq|.*wk|.*wv|.*wo", pattern)
    (tmp_path / "eval.yaml").write_text(text, encoding="utf-8")
    change(tmp_path / "logs/worker_0.log", ".*wq|.*wk|.*wv|.*wo", pattern)
    assert audited(tmp_path) == []


def test_a_pattern_in_brackets_of_other_modules_is_found(tmp_path: Path) -> None:
    change(hand_in(tmp_path) / "logs/worker_0.log", ".*wq|.*wk|.*wv|.*wo", ".*w[qk]")
    assert [finding.subject for finding in audited(tmp_path)] == ["target_modules"]


@pytest.mark.parametrize(
    "sentence",
    [
        "lora_alpha = 2 × lora_rank = 16",
        "lora_alpha = 2 * lora_rank = 16",
        "epoch 1: loss 1.20, epoch 2: loss 1.10",
        "The log of rank 0 is worker_0.log.",
        "We tried rank 4, rank 8 and rank 16; rank 8 was best.",
        "推理时 batch size 为 1",
        "推理 seq_length 为 256",
        "训练集准确率 98%",
        "学习率从 1e-3 降到 1e-6",
        "基座 F1 为 75.00%，微调后 F1 为 50.00%。",
        "微调后 F1 50.00%，比原模型下降，原模型 F1 75.00%",
    ],
)
@pytest.mark.parametrize("before", ["# 模型微调报告\n", "推理准确率 50.00%。\n"])
def test_ordinary_sentences_of_a_right_report_are_no_contradiction(tmp_path: Path, sentence: str, before: str) -> None:
    change(hand_in(tmp_path) / "report.md", before, f"{before}\n{sentence}\n\n")
    assert audited(tmp_path) == []


def test_a_sentence_that_is_all_that_a_report_says_of_a_setting_is_checked(tmp_path: Path) -> None:
    report = hand_in(tmp_path) / "report.md"
    change(report, "| `lora_rank` | 16 | 8 | [S1] |\n", "")
    change(report, "推理准确率", "lora_rank 为 4。\n推理准确率")
    assert "lora_rank" in {finding.subject for finding in audited(tmp_path)}


def cut_in_two(folder: Path, resumed_at: int) -> None:
    log = folder / "logs/worker_0.log"
    head, steps, over = log_text().partition(step_line(1))
    before = "\n".join(map(step_line, range(2, 13)))
    after = "\n".join(map(step_line, range(resumed_at, 3 * STEPS + 1)))
    log.write_text(f"{head}{steps}\n{before}\n", encoding="utf-8")
    end = over.split(step_line(3 * STEPS))[1]
    (folder / "logs/worker_0_resumed.log").write_text(f"{head}{after}{end}", encoding="utf-8")


@pytest.mark.parametrize("resumed_at", [11, 13])
def test_a_training_that_another_log_goes_on_with_was_not_cut_off(tmp_path: Path, resumed_at: int) -> None:
    cut_in_two(hand_in(tmp_path), resumed_at)
    assert audited(tmp_path) == []


@pytest.mark.parametrize("resumed_at", [1, 20])
def test_a_log_that_does_not_go_on_where_another_ends_ends_none(tmp_path: Path, resumed_at: int) -> None:
    cut_in_two(hand_in(tmp_path), resumed_at)
    assert [said(finding)[1] for finding in audited(tmp_path)] == [[("worker_0.log", 27, "last step 12 of 30")]]


# -- files that would stop an audit ------------------------------------------------------------------------------------


def test_pipes_in_a_folder_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(hand_in(tmp_path) / "logs/x.log")
    assert audited(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [
        f" 'pet_config': {{'lora_rank': {'-' * 200_000}1,",
        f" 'pet_config': {{'lora_rank': {'9' * 400}}},",
        f" 'seed': {'9' * 400},",
        f"Network Parameters: {'9' * 5000}.",
        f"Create train dataset finish, dataset size:{'9' * 5000}",
        "F1 score: 1.2.3, Em score: 1.2.3, total_count: 4",
        step_line(1).replace("/  3]", f"/{'9' * 400}]"),
        step_line(1).replace("2026-01-01", "2026-99-99"),
    ],
)
def test_a_senseless_line_leaves_the_rest_of_a_log_to_be_read(tmp_path: Path, line: str) -> None:
    log = hand_in(tmp_path) / "logs/worker_0.log"
    change(log, "{'auto_trans_ckpt'", f"{line}\n{{'auto_trans_ckpt'")
    dossier = read_dossier([tmp_path])
    assert dossier.unread == {}
    assert examine(dossier) == []


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("too deep"), OverflowError("too large")])
def test_a_file_that_python_cannot_hold_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(path: Path) -> None:
        raise error

    monkeypatch.setattr(folder, "read_script", fail)
    (hand_in(tmp_path) / "x.py").touch()
    (reason,) = read_dossier([tmp_path]).unread.values()
    assert reason.startswith("cannot be read: ")


# -- the command -------------------------------------------------------------------------------------------------------


def test_exit_code_and_json_say_what_was_found(tmp_path: Path, cli: Cli) -> None:
    hand_in(tmp_path)
    assert cli("audit", tmp_path)[0] == 0
    change(tmp_path / "report.md", "| `seed` | 0 | 42 |", "| `seed` | 0 | 43 |")
    code, out, _ = cli("audit", tmp_path, "--json")
    (finding,) = json.loads(out)["findings"]
    assert code == 1
    assert finding["subject"] == "seed"
    assert finding["sides"] == [
        {"file": str(tmp_path / "report.md"), "line": 5, "says": "43"},
        {"file": str(tmp_path / "train.yaml"), "line": 6, "says": "42"},
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty/x", b"", "nothing was found to read"),
        ("r.md", b"\xff\xfe", "is not UTF-8"),
        ("r.yaml", b"a: [", "line 1"),
        ("r.log.gz", b"no gzip", "cannot be read"),
        ("predictions_math_contest.jsonl", b"{}\n", "line 1 is no prediction"),
        ("gone", None, "is not there"),
    ],
)
def test_what_cannot_be_audited_is_said(
    tmp_path: Path, cli: Cli, name: str, content: bytes | None, message: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    code, _, err = cli("audit", file.parent if name.startswith("empty") else file)
    assert code == 2
    assert str(file.parent) in err
    assert message in err


@pytest.mark.parametrize("name", ["\x1b[2J.log", "\x1b[2J.log.gz"])
def test_what_a_files_name_would_do_to_a_terminal_is_not_printed(tmp_path: Path, cli: Cli, name: str) -> None:
    (hand_in(tmp_path) / name).write_text(step_line(1, "  nan"), encoding="utf-8")
    for path in (tmp_path, tmp_path / name, tmp_path / "gone\x1b[2J"):
        _, out, err = cli("audit", path)
        assert "[2J" in out + err
        assert "\x1b" not in out + err


def test_a_pipe_that_is_named_is_refused(tmp_path: Path, cli: Cli) -> None:
    os.mkfifo(tmp_path / "x.log")
    code, _, err = cli("audit", tmp_path / "x.log")
    assert code == 2
    assert "is neither a file nor a folder" in err


def test_a_broken_file_in_a_folder_is_passed_over_and_named(tmp_path: Path, cli: Cli) -> None:
    (hand_in(tmp_path) / "broken.log.gz").write_bytes(b"no gzip")
    code, out, _ = cli("audit", tmp_path)
    assert code == 0
    assert f"passed over: {tmp_path / 'broken.log.gz'}" in out
