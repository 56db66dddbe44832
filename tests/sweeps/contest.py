"""Python processes that do the same at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_START = "import sys; print('ready', flush=True); sys.stdin.readline()\n"


def process(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Start Python on ``code``; its ``sys.argv[1:]`` are the arguments."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )


def at_once(count: int, before: str, code: str, *arguments: str) -> list[tuple[int, str, str]]:
    """Run ``code`` in so many processes once ``before`` is done in all of them: exit code, output, error output."""
    processes = [process(f"{before}\n{_START}{code}", *arguments) for _ in range(count)]
    for one in processes:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n", one.communicate()[1]
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    ended = [one.communicate(timeout=120) for one in processes]
    return [(one.returncode, *texts) for one, texts in zip(processes, ended, strict=True)]
