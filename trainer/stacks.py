"""Where the workers of a hung launch stand: their stacks, saved before they are killed.

py-spy reads them from outside, those of C++ as well. Where the system forbids that (ptrace, in many containers), the
worker itself is asked: ``trainer.worker`` has Python's faulthandler print all its threads at SIGUSR1, to its log.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from trainer.files import write_whole
from trainer.paths import TrialPaths
from trainer.processes import alive

PY_SPY = Path(sys.executable).with_name("py-spy")
# a stopped process (SIGSTOP) cannot be paused, only read; nor is C++ unwound on every platform
_WAYS = ("--native", "--nonblocking")
_SECONDS, _OWN_SECONDS = 15.0, 5.0
_SHOWN_ERROR = 300


def save(paths: TrialPaths, workers: Mapping[int, psutil.Process]) -> None:
    """Write the stacks of all workers, by rank, to ``paths.stacks``; takes 35 s at most, a second as a rule.

    A worker that cannot be read is said there to be so, with the reasons.
    """
    found = {rank: [f"worker {rank}, pid {worker.pid}, {_state(worker)}"] for rank, worker in workers.items()}
    left = {rank: worker for rank, worker in workers.items() if alive(worker)}
    for way in _WAYS:
        for rank, (text, error) in _py_spy(left, way).items():
            found[rank].append(error or text)
            if not error:
                del left[rank]
    for rank, text in _faulthandler(paths, left).items():
        found[rank].append(text)
    sections = ["\n".join(parts) for _, parts in sorted(found.items())]
    write_whole(paths.stacks, "\n\n".join(sections or ["no worker was running"]) + "\n")


def _state(worker: psutil.Process) -> str:
    try:
        return str(worker.status()) if alive(worker) else "ended"
    except psutil.NoSuchProcess:
        return "ended"


def _py_spy(workers: Mapping[int, psutil.Process], way: str) -> dict[int, tuple[str, str]]:
    """Return ``(stacks, "")`` or ``("", error)`` of each worker, all read at the same time."""
    found: dict[int, tuple[str, str]] = {}
    running: dict[int, subprocess.Popen[str]] = {}
    for rank, worker in workers.items():
        command = [str(PY_SPY), "dump", way, "--pid", str(worker.pid)]
        try:
            running[rank] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        except OSError as error:
            found[rank] = "", f"py-spy cannot be started: {error}"
    deadline = time.monotonic() + _SECONDS
    for rank, process in running.items():
        try:
            text, complaint = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            found[rank] = "", f"py-spy {way}: no answer in {_SECONDS:g} s"
            continue
        said = " ".join(complaint.split())[:_SHOWN_ERROR]
        found[rank] = (text.strip(), "") if process.returncode == 0 else ("", f"py-spy {way}: {said}")
    return found


def _faulthandler(paths: TrialPaths, workers: Mapping[int, psutil.Process]) -> dict[int, str]:
    """Return what the workers themselves print of their stacks; asking ends a worker that is not set up to answer."""
    sizes = {rank: _size(paths.worker_log(rank)) for rank in workers}
    for worker in workers.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.send_signal(signal.SIGUSR1)
            # a stopped one answers as soon as it goes on
            worker.send_signal(signal.SIGCONT)
    return {rank: _answer(paths.worker_log(rank), size) for rank, size in sizes.items()}


def _answer(log: Path, size: int) -> str:
    deadline = time.monotonic() + _OWN_SECONDS
    seen = size
    # until it has begun and goes on no more
    while (now := _size(log)) == size or now != seen:
        if time.monotonic() > deadline:
            break
        seen = now
        time.sleep(0.2)
    if now == size:
        return f"the worker itself did not answer SIGUSR1 in {_OWN_SECONDS:g} s"
    with log.open("rb") as file:
        file.seek(size)
        return "by the worker itself, from its log:\n" + file.read().decode("utf-8", "replace").strip()


def _size(file: Path) -> int:
    return os.stat(file).st_size if file.exists() else 0
