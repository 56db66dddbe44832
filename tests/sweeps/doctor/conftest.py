from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def fake_npu_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a fake npu-smi on the PATH: a script that prints a text and exits."""
    folder = tmp_path / "fake_npu_smi"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def write(text: str, code: int = 0) -> None:
        script = folder / "npu-smi"
        script.write_text(f"#!/bin/sh\nprintf '%s' {shlex.quote(text)}\nexit {code}\n", encoding="utf-8")
        script.chmod(0o755)

    return write
