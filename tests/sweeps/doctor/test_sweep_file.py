from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.doctor import sweep_file
from sweeps.doctor.finding import Finding
from sweeps.doctor.subject import Subject
from sweeps.stores import Stores
from tests.sweeps.doctor import samples
from tests.sweeps.doctor.made import examined, on_cards, said
from tests.tiny_launch import TOKENIZER


def run(subject: Subject, name: str) -> list[Finding]:
    return [finding for check in sweep_file.checks(subject) if check.name == name for finding in check.run()]


def with_tokenizer(folder: Path, change: Callable[[Path], None]) -> dict[str, str]:
    """Copy the tiny tokenizer, change it, and return what names it in the sweep."""
    own = folder / "tokenizer"
    shutil.copytree(TOKENIZER, own)
    change(own)
    return {"tokenizer: tiny": "tokenizer: tokenizer"}


def without_eos(folder: Path) -> None:
    file = folder / "tokenizer_config.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    del settings["eos_token"]
    file.write_text(json.dumps(settings), encoding="utf-8")


def test_sound_sweep_is_well(tmp_path: Path) -> None:
    subject = examined(tmp_path)
    findings = [finding for check in sweep_file.checks(subject) for finding in check.run()]
    assert {finding.level for finding in findings} == {"ok"}
    assert said(run(subject, "data")) == [
        ("ok", "training on 160 items of math_contest"),
        ("ok", "measuring 40 of 600 items of squad_contest"),
        ("ok", "measuring 40 of 600 items of math_contest"),
    ]


def test_without_a_sweep_nothing_is_looked_at(tmp_path: Path) -> None:
    assert sweep_file.checks(Subject(Stores(tmp_path))) == []


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    changes = {"lr_schedule.learning_rate": "lr_schedule.rate", "of: [wq, wk, wv, wo]": "of: [wq, wk, wv, w9, wo]"}
    subject = examined(tmp_path, changes)
    found = said(run(subject, "file"))
    assert {level for level, _ in found} == {"fail"}
    assert any("lr_schedule.rate: there is no such key" in text for _, text in found)
    # a dead pattern
    assert any("w9" in text for _, text in found)
    # what does not need them is looked at all the same
    assert {check.name for check in sweep_file.checks(subject)} == {"file", "tokenizer", "data"}


def test_file_that_is_missing_leaves_the_host_to_be_looked_at(tmp_path: Path) -> None:
    subject = examined(tmp_path, {"data: train.jsonl": "data: gone.jsonl"})
    ((level, text),) = said(run(subject, "file"))
    assert level == "fail"
    assert "train.data: there is no data file" in text


def test_broken_data_is_a_fault_with_its_line(tmp_path: Path) -> None:
    subject = examined(tmp_path)
    (tmp_path / "train.jsonl").write_text('{"problem": "1 + 1"}\n', encoding="utf-8")
    again = Subject.of(tmp_path / "sweep.yaml", subject.stores)
    assert [level for level, _ in said(run(again, "file"))] == ["fail"]
    assert "train.jsonl:1" in run(again, "file")[0].text
    assert [level for level, _ in said(run(again, "data"))] == ["fail"]


@pytest.mark.parametrize(
    ("change", "level", "text"),
    [
        (without_eos, "fail", "names no eos_token"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "fail", "tokenizer"),
    ],
)
def test_tokenizer_that_is_of_no_use_fails(
    tmp_path: Path, change: Callable[[Path], None], level: str, text: str
) -> None:
    (finding,) = run(examined(tmp_path, with_tokenizer(tmp_path, change)), "tokenizer")
    assert finding.level == level
    assert text in finding.text


def test_tokenizer_with_more_ids_than_the_model_fails(tmp_path: Path) -> None:
    (finding,) = run(examined(tmp_path, recipe={"vocab_size: 288": "vocab_size: 272"}), "tokenizer")
    assert finding.level == "fail"
    assert "has ids up to 273, but the model only 272" in finding.text


def test_tokenizer_that_ends_otherwise_than_the_recipe_is_warned_of(tmp_path: Path) -> None:
    _, finding = run(examined(tmp_path, recipe={"eos_token_id: 2": "eos_token_id: 5"}), "tokenizer")
    assert finding.level == "warn"
    assert "ends answers with id 2, the recipe's model.model_config.eos_token_id is 5" in finding.text


def test_more_items_than_the_file_has_are_warned_of(tmp_path: Path) -> None:
    findings = run(examined(tmp_path, {"items: 40": "items: 601"}), "data")
    assert said(findings)[1] == ("warn", "evaluation.squad_contest.items: 601, but the file has only 600")


def test_share_that_each_length_cuts_is_that_of_training(tmp_path: Path) -> None:
    from trainer.data import IGNORED, encoded, row
    from trainer.prompts import TEMPLATES
    from trainer.tokenizer import TextCodec

    lengths = "parameters:\n  seq: {type: categorical, choices: [8, 24, 32, 48], sets: model.model_config.seq_length}\n"
    subject = examined(tmp_path, {"parameters:\n": lengths, "lora_rank: 8,": "lora_rank: 8, seq: 48,"})
    from evaluation.items import read

    codec, items = TextCodec.load(TOKENIZER), read("math_contest", tmp_path / "train.jsonl")
    expected = []
    for length in (8, 24, 32, 48):
        tokens = encoded(items, "math_contest", TEMPLATES["math_contest"], codec)
        made = [found for item in tokens if (found := row(item, length, 0)) is not None]
        # a whole answer ends with the end token
        cut = sum(labels[labels != IGNORED][-1] != codec.eos for _, labels in made if (labels != IGNORED).any())
        out, count = len(items) - len(made), len(items)
        level = "fail" if out == count else "warn" if out + cut > 0.05 * count else "ok"
        text = (
            f"seq_length {length}: {cut / count:.1%} of the answers cut, {out / count:.1%} left out (160 items tried)"
        )
        expected.append((level, text))
    assert [level for level, _ in expected] == ["fail", "warn", "warn", "ok"]
    assert said(run(subject, "lengths")) == expected


def test_trained_parameters_are_counted(tmp_path: Path) -> None:
    ((level, text),) = said(run(examined(tmp_path), "parameters"))
    # rank 1 on one of four modules of 128 -> 128, in 3 layers; rank 16 on all
    assert level == "ok"
    assert text.startswith("768 (0.113%) to 49,152 (7.263%) of 676,736 trained")


def test_memory_is_compared_with_what_the_recipe_allows(tmp_path: Path) -> None:
    fits, exceeds = (run(on_cards(tmp_path / limit, "[0, 1]", limit), "memory") for limit in ("1GB", "0.01GB"))
    assert [f.level for f in fits] == ["ok"]
    assert [f.level for f in exceeds] == ["warn"]
    assert "that is more than 0.01 GiB" in exceeds[0].text


def test_memory_is_compared_with_the_cards(tmp_path: Path, fake_npu_smi: Callable[..., None]) -> None:
    fake_npu_smi(samples.CONTAINER_910B4)
    (finding, _) = run(on_cards(tmp_path, "[0, 1]", "58GB"), "memory")
    assert (finding.level, finding.text) == ("fail", "context.max_device_memory is 58 GiB, a card has 32 GiB")
