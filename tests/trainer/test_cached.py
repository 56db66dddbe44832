"""Tokenized data that sweeps share: what a process reads stays, however that process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.waiting import until
from trainer.cached import data_sets, remove, use

_READER = """
import sys, time
from pathlib import Path
from trainer.cached import use
used = use(Path(sys.argv[1]))
print("reads", flush=True)
time.sleep(1000)
"""


def made(cache: Path, name: str, size: int, used: float) -> Path:
    folder = cache / name
    folder.mkdir(parents=True)
    (folder / "00000.mindrecord").write_bytes(b"x" * size)
    use(folder).close()
    os.utime(folder.with_suffix(".used"), (used, used))
    return folder


def test_what_was_not_read_for_longest_comes_first(tmp_path: Path) -> None:
    new, old = made(tmp_path, "a", 10, 2e9), made(tmp_path, "b", 30, 1e9)
    assert [(found.path, found.bytes) for found in data_sets(tmp_path)] == [(old, 30), (new, 10)]
    assert data_sets(tmp_path / "none") == []


def test_what_another_process_reads_stays_until_that_is_gone(tmp_path: Path) -> None:
    folder = made(tmp_path, "a", 10, 1e9)
    reader = subprocess.Popen([sys.executable, "-c", _READER, folder], stdout=subprocess.PIPE)
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"reads\n"
    try:
        assert not remove(folder)
        assert (folder / "00000.mindrecord").exists()
        reader.send_signal(signal.SIGSTOP)
        assert not remove(folder)
    finally:
        reader.kill()
        reader.wait()
    until(lambda: remove(folder))
    assert data_sets(tmp_path) == []


def test_what_a_kill_left_unfinished_goes_too(tmp_path: Path) -> None:
    left = tmp_path / "a.part"
    left.mkdir()
    (left / "00000.mindrecord").write_bytes(b"x" * 10)
    assert [found.path for found in data_sets(tmp_path)] == [left]
    assert remove(left)
    assert not left.exists()
