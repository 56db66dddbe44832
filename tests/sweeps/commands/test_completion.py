"""What a shell completes, asked as bash asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sweeps.running import NAME, RunningSweep

Complete = Callable[[str], list[str]]


@pytest.fixture
def complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], list[str]]:
    """Complete the last word of a command line, in the folder that the runs folder would be in."""
    from typer.main import get_command

    from sweeps.cli import app

    monkeypatch.chdir(tmp_path)

    def words(line: str) -> list[str]:
        monkeypatch.setenv("_LORASWEEP_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        with pytest.raises(SystemExit):
            get_command(app).main(prog_name="lorasweep", complete_var="_LORASWEEP_COMPLETE")
        return capsys.readouterr().out.split()

    return words


@pytest.fixture
def sweep(tmp_path: Path) -> RunningSweep:
    """A sweep under `elsewhere/runs` with one measurement."""
    made = RunningSweep(tmp_path / "elsewhere")
    made.measure_base()
    made.end(made.begin(), 60.0)
    return made


def test_commands_and_options_are_completed(complete: Complete) -> None:
    assert complete("lorasweep wat") == ["watch"]
    assert "--plot" in complete("lorasweep front --")


def test_names_of_sweeps_are_completed(complete: Complete, sweep: RunningSweep) -> None:
    assert complete("lorasweep watch --runs elsewhere/runs 训") == [NAME]
    assert complete("lorasweep watch --runs elsewhere/runs x") == []


def test_metrics_are_completed(complete: Complete, sweep: RunningSweep) -> None:
    assert complete(f"lorasweep front {NAME} --runs elsewhere/runs --x ") == ["f1", "math_accuracy", "ratio"]
    assert complete("lorasweep status --runs elsewhere/runs --sort m") == ["math_accuracy"]


@pytest.mark.parametrize("line", ["lorasweep watch x", "lorasweep front --x ", "lorasweep front --runs /dev/null --x "])
def test_where_nothing_was_started_nothing_is_completed_and_nothing_is_made(
    complete: Complete, tmp_path: Path, line: str
) -> None:
    assert complete(line) == []
    assert list(tmp_path.iterdir()) == []
