"""``lorasweep --help`` teaches the whole tool in one screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.commands import options

PANELS = [options.PREPARE, options.RUN, options.LOOK, options.HAND_IN, options.OTHERS]


@pytest.fixture(scope="module")
def lines() -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "TERMINAL_WIDTH")}
    environment = {**kept, "COLUMNS": "80", "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "sweeps.cli", "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def panels(lines: list[str]) -> dict[str, list[str]]:
    """Return the lines of each panel by its title, in order."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("╭─ "):
            title = line.strip("╭─╮ ")
            found[title] = []
        elif line.startswith("│"):
            found[title].append(line.strip("│ "))
    return found


def test_panels_stand_in_the_order_of_use(lines: list[str]) -> None:
    # one called Commands would hold what no panel has
    assert list(panels(lines)) == ["Options", *PANELS]


def test_every_command_is_told_in_one_line_of_eighty_columns(lines: list[str]) -> None:
    commands = [line for panel in PANELS for line in panels(lines)[panel]]
    # what goes on over a line's end begins with no command
    assert all(line.split()[0].islower() and line.endswith(".") for line in commands)
    assert max(map(len, lines)) <= 80


def test_it_fits_on_one_screen(lines: list[str]) -> None:
    assert len(lines) <= 60


def test_it_ends_with_the_first_five_minutes(lines: list[str]) -> None:
    first = [line.split()[1] for line in lines if line.startswith(" lorasweep ")]
    assert first == ["start", "front", "export"]


def test_help_and_completion_wait_for_no_optuna() -> None:
    code = "import sys; sys.argv = ['lorasweep', '--help']\nfrom sweeps.cli import main\ntry:\n    main()\n"
    code += "except SystemExit:\n    print(*sys.modules, sep='\\n')"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines())
    assert "sweeps.cli" in loaded
    assert not loaded & {"optuna", "sqlalchemy", "scipy", "mlflow", "mindspore"}
