"""Reports of a sweep whose files are real, in a folder with a hostile name; tampered copies of it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sweeps.read import Known
from sweeps.report.evidence import Evidence
from sweeps.report.kept import adapters
from sweeps.report.material import Material, Options
from sweeps.report.sources import Fact, ReportError, Source
from sweeps.report.texts import LANGUAGES, table
from sweeps.report.tracked import Recorded, Tracked
from sweeps.report.write import rerun, write
from sweeps.stores import Stores
from tests.made_sweep import make

Cli = Callable[..., tuple[int, str, str]]
FOLDER = "a'; echo 训练 $(id) <b>|`x`"
REPORT = ("report", "--trial", 0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made") / FOLDER)


@pytest.fixture(scope="module")
def known(runs: Path) -> Known:
    return Known.open(Stores(runs), None)


@pytest.fixture(scope="module")
def written(known: Known, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    material = Material.of(known, known.measured[-1], Options("trial:0"))
    write(material, out, LANGUAGES, adapters(material.trial), rerun(known, known.measured[-1]))
    return out


def markdown(folder: Path, language: str = "en") -> str:
    return (folder / f"report.{language}.md").read_text(encoding="utf-8")


def cells(text: str, first: str) -> list[str]:
    """The cells of the table row that begins with ``first``."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_scores_are_the_digits_of_the_workers_own_files(runs: Path, written: Path) -> None:
    for key, metric in (("F1", "f1"), ("EM", "em"), ("accuracy", "math_accuracy")):
        values = [
            json.loads((runs / f"sweeps/short/{run}/measurement.json").read_text())["scores"][metric]["value"]
            for run in ("base", "trial-0000/rung-2")
        ]
        assert cells(markdown(written), f"`{key}`")[2:4] == [repr(value) for value in values]


def test_hyperparameters_are_set_against_the_sweeps_recipe(written: Path) -> None:
    text = markdown(written, "zh")
    assert cells(text, "`epochs`")[1:3] == ["3", "2"]
    assert cells(text, "`target_modules`")[1:3] == [r"`.*wq\|.*wk\|.*wv\|.*wo`", r"`.*wq\|.*wo`"]


def test_hyperparameters_are_set_against_another_recipe_that_is_named(runs: Path, tmp_path: Path, cli: Cli) -> None:
    named = tmp_path / "mine.yaml"
    named.write_text("seed: 4711\nlr_schedule: {learning_rate: 0.5}\n", encoding="utf-8")
    assert cli(*REPORT, "--runs", runs, "--out", tmp_path / "report", "--baseline", named)[0] == 0
    text = markdown(tmp_path / "report")
    assert cells(text, "`seed`")[1:3] == ["4711", "7"]
    assert cells(text, "`lora_rank`")[1:3] == ["(not set)", "8"]


def test_ratio_is_shown_with_the_numbers_that_it_is_made_of(written: Path) -> None:
    # 2 modules in 3 layers, rank 8, 128 wide on both sides
    assert cells(markdown(written), "`ratio`")[1] == f"12288 / 676736 = {12288 / 676736!r}"
    assert "wq: 3 × 8 × (128 + 128) = 6144" in markdown(written)


def test_every_source_is_a_line_or_a_value_that_is_there(runs: Path, written: Path) -> None:
    text = markdown(written)
    listed = dict(re.findall(r"^\| (S\d+) \| `+ ?(.*?) ?`+ \|$", text, re.MULTILINE))
    assert set(re.findall(r"\[(S\d+)\]", text)) == {*listed, "S1"}
    for place in listed.values():
        where, pointer, lines = re.fullmatch(r"(.*?)(?:#(/.*)|:(\d+(?:-\d+)?))?", place.replace("\\|", "|")).groups()  # type: ignore[union-attr]
        if where.startswith("sweeps.db"):
            continue
        content = (runs / "sweeps/short" / where).read_text(encoding="utf-8")
        if pointer:
            found: Any = json.loads(content)
            for key in pointer[1:].split("/"):
                key = key.replace("~1", "/")
                found = found[int(key)] if isinstance(found, list) else found[key]
        if lines:
            assert int(lines.split("-")[-1]) <= len(content.splitlines())


def test_languages_differ_in_words_only(written: Path) -> None:
    said = [re.sub(r"\.(zh|en)\.svg", "", markdown(written, language)) for language in LANGUAGES]
    zh, en = (re.findall(r"`[^`]*`|\[S\d+\]|\d[\d.e-]*\d|\d", text) for text in said)
    assert zh == en


def test_all_texts_are_there_in_both_languages_with_the_same_placeholders() -> None:
    for key, texts in table().items():
        assert tuple(texts) == LANGUAGES, key
        placeholders = [sorted(re.findall(r"{\w+}", text)) for text in texts.values()]
        assert placeholders[0] == placeholders[1], key


class Page(HTMLParser):
    """What a browser makes of a page: its tags and its texts."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_names_of_files_are_no_markup(runs: Path, written: Path) -> None:
    page = Page(written / "report.zh.html")
    assert "b" not in page.tags
    assert str(runs.parent / "train.jsonl") in page.texts


def test_tables_have_as_many_cells_in_every_row(written: Path) -> None:
    for lines in re.findall(r"(?:^\|.*\n)+", markdown(written), re.MULTILINE):
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in lines.splitlines()}
        assert len(counts) == 1, lines


def test_page_holds_its_pictures_and_needs_no_network(written: Path) -> None:
    page = (written / "report.en.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert not re.search(r"<(script|link|img|iframe)|url\(|@import", page)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "trial-0000/rung-2/measurement.json",
            '"value": 50.0',
            '"value": 51.0',
            ("rung-2/measurement.json#/scores/f1 gives 51.0", "rung-2/predictions_squad_contest.jsonl:1-40 gives 50.0"),
        ),
        (
            "trial-0000/rung-2/predictions_math_contest.jsonl",
            '"math_accuracy": 100.0',
            '"math_accuracy": 0.0',
            ("measurement.json#/scores/math_accuracy gives 50.0", "predictions_math_contest.jsonl:1-40 gives 47.5"),
        ),
        (
            "trial-0000/rung-2/train.yaml",
            "  lora_rank: 8",
            "  lora_rank: 4",
            ("rung-2/train.yaml:125", "gives 6144", "sweeps.db, trial-0000 gives 12288"),
        ),
        (
            "trial-0000/rung-2/job.json",
            '"trainable": 12288',
            '"trainable": 12289',
            ("rung-2/job.json#/trainable gives 12289", "gives 12288"),
        ),
        (
            "trial-0000/rung-2/msrun_log/worker_0.log",
            "loss:[2.0/2.0]",
            "loss:[1.0/1.0]",
            ("rung-2/msrun_log/worker_0.log:11 gives 1.0", "sweeps.db, trial-0000 gives 2.0"),
        ),
    ],
)
def test_file_that_was_changed_after_the_run_gives_no_report(
    known: Known, tmp_path: Path, file: str, old: str, new: str, said: tuple[str, ...]
) -> None:
    copy = Path(shutil.copytree(known.stores.root, tmp_path / "copy"))
    changed = copy / "sweeps/short" / file
    text = changed.read_text(encoding="utf-8")
    assert old in text
    changed.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ReportError) as error:
        write(
            Material.of(replace(known, stores=Stores(copy)), known.measured[-1], Options("trial:0")),
            tmp_path / "report",
            LANGUAGES,
            (),
            "",
        )
    assert all(part in str(error.value) for part in said), error.value
    assert not list((tmp_path / "report").glob("*"))


def test_mlflow_that_says_otherwise_gives_no_report(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Recorded({"f1": Fact(49.0, (Source("MLflow run 1234"),))})
    monkeypatch.setattr(Tracked, "ask", lambda *_: said)
    with pytest.raises(ReportError, match=r"measurement\.json#/scores/f1 .*50\.0, but MLflow run 1234 gives 49\.0"):
        _ = Evidence(known, known.measured[-1], Tracked()).scores


def test_training_data_that_changed_gives_no_report(tmp_path: Path, cli: Cli) -> None:
    runs = make(tmp_path / "made")
    with (runs.parent / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"problem": "1 + 1", "solution": "1 + 1 = 2"}\n')
    code, _, error = cli(*REPORT, "--runs", runs, "--out", tmp_path / "report")
    assert code == 2
    assert f"{runs.parent / 'train.jsonl'}, sha256: " in error
    assert "sweeps.db, inputs: train gives" in error


def test_trial_that_stopped_says_how_far_its_checkpoints_reach(tmp_path: Path, cli: Cli) -> None:
    runs = make(tmp_path / "made", stops=True)
    assert cli(*REPORT, "--runs", runs, "--out", tmp_path / "report", "--lang", "en")[0] == 0
    text = markdown(tmp_path / "report")
    assert "The trial was measured at the rung of 1 epochs; the whole training has 2 epochs." in text
    assert "Only 2 of five evenly spaced checkpoints are there: the trial stopped at step 10 of 20" in text


def test_checkpoints_have_links_where_they_were_uploaded(runs: Path, tmp_path: Path, cli: Cli) -> None:
    url = "https://bucket.example.org/mine/"
    assert cli(*REPORT, "--runs", runs, "--out", tmp_path / "report", "--checkpoint-url", url)[0] == 0
    row = cells(markdown(tmp_path / "report"), "4 of 5")
    assert row[1:3] == ["16", "`trial-0000/rung-2/checkpoints/adapter-16.safetensors`"]
    assert f"{url}trial-0000/rung-2/adapter.safetensors" in markdown(tmp_path / "report").replace("\\", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--lang", "fr"), "'fr' is not one of 'zh', 'en'"),
        (("--baseline", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("--select", "trial:7"), "trial:7: was not measured"),
        (("--trial", "0", "--select", "knee"), "names a trial as --select does"),
        (("--out", "/dev/null/report"), "/dev/null/report: cannot be written"),
    ],
)
def test_bad_input_is_said(runs: Path, tmp_path: Path, cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    code, _, error = cli("report", "--runs", runs, "--out", tmp_path / "report", *arguments)
    assert code == 2
    assert said in error
    assert not (tmp_path / "report").exists()
