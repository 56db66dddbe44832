from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.items import read
from tests.short_sweep import TINY
from trainer.blind_split import normalized, template

CONTEST = Path(__file__).parents[3] / "shared/data/contest"
needs_data = pytest.mark.skipif(not CONTEST.exists(), reason=f"the real data sets are not there: {CONTEST}")
MATH = TINY / "math_train.jsonl"
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [("计算 1 + 1", "2"), ("计算1+1？", "2"), ("计算 1 + 1", "3"), ("计算 2 + 1", "3")]
    path = tmp_path / "a'; echo 数据.jsonl"
    path.write_text("\n".join(json.dumps({"problem": problem, "solution": answer}) for problem, answer in rows))
    return path


def test_statistics_are_counted(cli: Cli) -> None:
    code, out, _ = cli("data", "stats", MATH, "--tokenizer", "tiny", "--seq-length", 24, "--seq-length", 48, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["items"] == sum(found["kinds"].values()) == len(read("math_contest", MATH))
    assert found["cuts"]["24"]["truncated"] > found["cuts"]["48"]["truncated"] == 0


def test_shipped_data_is_found_by_its_name(cli: Cli) -> None:
    code, out, _ = cli("data", "stats", "tiny/math_train.jsonl", "--tokenizer", "tiny", "--seq-length", 48)
    assert code == 0
    assert "zh_story" in out


def test_duplicates_are_left_out_and_counted(cli: Cli, file: Path, tmp_path: Path) -> None:
    code, out, _ = cli("data", "dedupe", file, "--out", tmp_path / "out.jsonl")
    assert code == 0
    assert "left out: 2, of which 1 had another answer" in out
    assert [item.answers[0] for item in read("math_contest", tmp_path / "out.jsonl")] == ["2", "3"]


def test_exact_duplicates_alone_are_left_out(cli: Cli, file: Path, tmp_path: Path) -> None:
    cli("data", "dedupe", file, "--exact", "--out", tmp_path / "out.jsonl")
    assert len(read("math_contest", tmp_path / "out.jsonl")) == 3


@needs_data
@pytest.mark.parametrize(("by", "key"), [("problem", normalized), ("template", template)])
def test_split_of_the_real_problems_has_no_leak(cli: Cli, tmp_path: Path, by: str, key: Callable[..., str]) -> None:
    code, _, _ = cli(
        "data", "split", CONTEST / "math_sample.jsonl", "--out", tmp_path / "out", "--test", 200, "--by", by
    )
    train, test = (read("math_contest", tmp_path / f"out/{name}.jsonl") for name in ("train", "test"))
    assert (code, len(test)) == (0, 200)
    assert not set(map(key, train)) & set(map(key, test))


def test_applied_transforms_are_in_the_rows(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    code, _, _ = cli("data", "apply", MATH, "--out", out, "--cot", "--examples", 50, "--share", "zh_story=0.5")
    items = read("math_contest", out)
    assert (code, len(items)) == (0, 50)
    assert all(item.answers[0].startswith("Let's think step by step\n") for item in items)
    assert sum(item.kind == "zh_story" for item in items) == 25


def test_generated_problems_are_of_the_kinds_asked_for(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    code, _, _ = cli("data", "generate", "--out", out, "--count", 20, "--language", "en", "--share", "averages=1")
    assert code == 0
    assert {item.kind for item in read("math_contest", out)} == {"averages"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stats", "missing.jsonl", "--tokenizer", "tiny", "--seq-length", 9), "there is no data file"),
        (("stats", MATH, "--tokenizer", "missing", "--seq-length", 9), "there is no tokenizer folder"),
        (("apply", MATH, "--out", MATH), "is there already; name a new file"),
        (("apply", MATH, "--out", "x/y.jsonl"), "cannot be written: No such file or directory"),
        (("apply", MATH, "--out", "o", "--share", "zh_story"), "expected KIND=SHARE"),
        (("apply", MATH, "--out", "o", "--share", "none=0.5"), "the file has no item of the kind 'none'"),
        (("apply", MATH, "--out", "o", "--examples", 10**6), "expected at most 2400, which the file has"),
        (("apply", MATH, "--out", "o", "--cot-text", "think"), "it is written only with --cot"),
        (("split", MATH, "--out", "o", "--test", 10**6), "leaves none to train on"),
        (("generate", "--out", "o", "--count", 5, "--share", "none=1"), "unknown kind 'none'"),
    ],
)  # fmt: skip
def test_bad_input_is_said(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, error = cli("data", *arguments)
    # typer draws a box around what it says
    assert (code, message in " ".join(error.replace("│", " ").split())) == (2, True), error
    assert list(tmp_path.iterdir()) == []
