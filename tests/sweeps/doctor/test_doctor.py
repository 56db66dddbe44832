"""The command as a whole, one real launch among it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweeps.doctor.finding import Check, Finding, ok
from sweeps.stores import StoreError
from tests.short_sweep import write_sweep
from tests.test_end_to_end import RECIPES

Cli = Callable[..., tuple[int, str, str]]
GROUPS = ["versions", "cards", "ports", "disk", "databases", "sweep", "dry step"]


@pytest.fixture(autouse=True)
def own_tracking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_tiny_sweep_is_fit_to_start_and_msrun_trains(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep, rest = write_sweep(tmp_path / "sweep"), tmp_path / "temporary"
    rest.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(rest))
    code, output, _ = cli("doctor", sweep, "--runs", tmp_path / "runs", "--json")
    said = json.loads(output)
    assert code == 0, output
    assert said["ok"]
    assert list(dict.fromkeys(finding["group"] for finding in said["findings"])) == GROUPS
    assert said["findings"][-1]["text"].startswith("msrun trained 2 steps on ")
    assert {finding["level"] for finding in said["findings"]} <= {"ok", "warn"}
    # nothing is left behind
    assert not (tmp_path / "runs").exists()
    assert not list(rest.iterdir())


def test_lines_are_grouped_in_order(cli: Cli, tmp_path: Path) -> None:
    code, output, _ = cli("doctor", write_sweep(tmp_path), "--runs", tmp_path / "runs", "--no-step")
    assert code == 0
    assert [line for line in output.splitlines() if line in GROUPS] == GROUPS[:-1]
    assert output.rstrip().endswith("0 fail")


def test_what_fails_makes_the_command_fail(cli: Cli, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path)
    sweep.write_text(sweep.read_text().replace("data: train.jsonl", "data: gone.jsonl"))
    code, output, error = cli("doctor", sweep, "--runs", tmp_path / "runs", "--no-step")
    assert code == 1
    assert "fail file: " in output
    assert "Traceback" not in error


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "seed: 7\nrun_mode: finetune\n", ""])
def test_file_that_is_no_sweep_is_bad_input(cli: Cli, tmp_path: Path, text: str) -> None:
    (tmp_path / "file.yaml").write_text(text)
    code, output, error = cli("doctor", tmp_path / "file.yaml", "--no-step")
    assert (code, output) == (2, "")
    assert "file.yaml" in error


def test_recipe_is_no_sweep(cli: Cli) -> None:
    assert cli("doctor", RECIPES / "tiny_llama_lora.yaml", "--no-step")[0] == 2


def test_names_of_the_users_are_no_markup(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "[bold]a'; echo 训练"
    _, output, error = cli("doctor", "--runs", folder / "runs", "--no-step")
    assert "[bold]" in "".join(output.split())
    assert "Traceback" not in error


def test_check_that_breaks_is_a_finding_after_what_it_found() -> None:
    def look() -> list[Finding]:
        raise ZeroDivisionError("division by zero")

    assert Check("group", "name", look).run() == [
        Finding("fail", "this check broke: ZeroDivisionError: division by zero")
    ]


def test_what_was_found_before_a_check_broke_is_kept() -> None:
    def look() -> Iterator[Finding]:
        yield ok("first")
        raise StoreError("second; try again")

    assert Check("group", "name", look).run() == [ok("first"), Finding("fail", "second; try again")]
