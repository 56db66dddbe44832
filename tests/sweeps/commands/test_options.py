"""What all commands have in common: how wide they print."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("columns", "width"), [(None, 160), ("60", 60), ("300", 300), ("0", 160), ("", 160)])
def test_a_pipe_is_as_wide_as_columns_says_and_else_160(columns: str | None, width: int) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment = {**kept, "PYTHONPATH": str(ROOT), **({} if columns is None else {"COLUMNS": columns})}
    program = "from sweeps.commands.options import console; print(console.width)"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(width)
