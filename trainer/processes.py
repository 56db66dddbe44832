"""The processes of a trial: found by the mark in their environment, known by pid and start, killed with no other hit.

Workers are in sessions of their own and lose their parent where msrun is killed, so neither group nor ancestry finds
them; ``msrun.environment`` marks them all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from trainer import msrun

_KILL_AFTER_SECONDS = 5.0


def processes_of(root: Path) -> list[psutil.Process]:
    """Return the live processes of the trial in folder ``root``, or of all below it: msrun, scheduler, workers."""
    return [process for process in psutil.process_iter() if _is_of(process, root)]


def running_folders(root: Path) -> set[Path]:
    """Return the folders of the trials in or below ``root`` of which a process runs."""
    found = set()
    for process in processes_of(root):
        with contextlib.suppress(psutil.Error):
            found.add(Path(process.environ()[msrun.MARK]))
    return found


def kill_all(root: Path) -> None:
    """Kill every process of the trial in folder ``root``, or of all below it: SIGTERM, after some seconds SIGKILL.

    A stopped process (SIGSTOP) gets no SIGTERM before it is continued; SIGKILL ends it.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        processes = processes_of(root)
        for process in processes:
            # psutil sends nothing where the pid is another process's by now
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        _wait_until_gone(processes)


def _wait_until_gone(processes: list[psutil.Process]) -> None:
    """Wait for their ends, some seconds at most; not by psutil, which takes the exit code of a child from its Popen."""
    deadline = time.monotonic() + _KILL_AFTER_SECONDS
    while any(alive(process) or _is_others(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)


def _is_others(process: psutil.Process) -> bool:
    """Whether it is still known to the system, and it is for another process than this to ask for its exit code."""
    try:
        return process.is_running() and process.ppid() != os.getpid()
    except psutil.NoSuchProcess:
        return False


def alive(process: psutil.Process) -> bool:
    """Whether it still runs, or is stopped; a zombie and another process of the same pid do not count."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def find(pid: int, started: float, root: Path) -> psutil.Process | None:
    """Return the live process of the trial in ``root`` that had that pid and start; None where it is gone.

    Never a stranger to which the system gave the pid again: such a one does not bear the trial's mark.

    Args:
        started: as ``start_of`` gives it.
    """
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None
    return process if start_of(pid) == started and _is_of(process, root) else None


@dataclass(frozen=True)
class Stat:
    """What ``/proc/pid/stat`` says of a process (proc(5)).

    Attributes:
        state: one letter; Z is a zombie.
        started: seconds since the boot. With the boot's id and the process id it names one process for ever. Not
            psutil's ``create_time``: that one moves when the clock is set, and a process that still runs would seem to
            be another.
        status: as ``os.waitpid`` gives it of a zombie; 0 for all but the owner, to whom it is readable.
    """

    state: str
    started: float
    status: int


def stat_of(pid: int) -> Stat | None:
    """Return what the system knows of a process of this host; None where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # the name, in parentheses, may hold spaces and parentheses itself; what follows it begins with the third field
    fields = stat.rpartition(")")[2].split()
    return Stat(fields[0], int(fields[19]) / os.sysconf("SC_CLK_TCK"), int(fields[-1]))


def start_of(pid: int) -> float | None:
    """Return when a process of this host, a zombie too, started (``Stat.started``); None where there is none."""
    stat = stat_of(pid)
    return None if stat is None else stat.started


def find_msrun(root: Path) -> tuple[int, float] | None:
    """Return pid and start of the msrun of the trial in folder ``root``; None where none runs.

    For a launch whose pid was not written down yet when its orchestrator died.
    """
    for process in processes_of(root):
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            # msrun leads the session that the launcher gave it; the roles are what it gives to those that it starts
            if "MS_ROLE" not in process.environ() and os.getsid(process.pid) == process.pid:
                started = start_of(process.pid)
                return None if started is None else (process.pid, started)
    return None


def workers_of(root: Path) -> dict[int, psutil.Process]:
    """Return the live workers of the trial in folder ``root`` by their rank, without what they started themselves."""
    found = {}
    for process in processes_of(root):
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            environment = process.environ()
            # msrun gives each worker a session; a worker's own children inherit role, rank and session
            if environment.get("MS_ROLE") == "MS_WORKER" and os.getsid(process.pid) == process.pid:
                found[int(environment["RANK_ID"])] = process
    return found


def scheduler_of(root: Path) -> psutil.Process | None:
    """Return the live process of the trial in folder ``root`` that is MindSpore's cluster scheduler, or None."""
    for process in processes_of(root):
        with contextlib.suppress(psutil.Error):
            if process.environ().get("MS_ROLE") == "MS_SCHED":
                return process
    return None


def _is_of(process: psutil.Process, root: Path) -> bool:
    try:
        marked = process.environ().get(msrun.MARK)
        return bool(marked) and Path(str(marked)).is_relative_to(root) and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def exit_code(process: psutil.Process) -> int | None:
    """Return the exit code, negative for a signal, of a process that ended and that its parent has not asked for yet.

    None for one that runs, or is gone altogether, or whose code may not be read.
    """
    try:
        if not process.is_running() or process.status() != psutil.STATUS_ZOMBIE:
            return None
    except psutil.NoSuchProcess:
        return None
    stat = stat_of(process.pid)
    return None if stat is None else os.waitstatus_to_exitcode(stat.status)


def how_ended(code: int) -> str:
    """Return ``exited with 1`` for 1 and ``was killed by SIGKILL`` for -9."""
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


class Process(Protocol):
    """msrun, as a launcher needs it."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def started(self) -> float:
        """Seconds from the boot to its start; with the pid it names one process, see ``start_of``."""

    def ended(self) -> bool:
        """Whether it runs no more."""

    def wait(self) -> int | None:
        """Wait for its end; its exit code, negative for a signal, None where that is not to be known."""


class Child:
    """A process that this one started."""

    def __init__(self, process: subprocess.Popen[bytes], root: Path) -> None:
        self._process = process
        # what is not asked for yet is there, as a zombie at least
        self.pid, self.started = process.pid, start_of(process.pid) or 0.0
        # an environment can be read a moment after exec only, and what does not bear the mark yet is not killed
        while find(self.pid, self.started, root) is None and not self.ended():
            time.sleep(0.001)

    def ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    def wait(self) -> int | None:
        """Wait for its end; its exit code, negative for a signal."""
        return self._process.wait()


class Adopted:
    """A process that an earlier orchestrator started, known by its pid and start; it may be gone already."""

    def __init__(self, pid: int, started: float, root: Path) -> None:
        self.pid, self.started = pid, started
        self._process = find(pid, started, root)

    def ended(self) -> bool:
        """Whether it runs no more."""
        return self._process is None or not alive(self._process)

    def wait(self) -> int | None:
        """Wait for its end; its exit code is not to be known once its parent, now the system's first process, asked."""
        while not self.ended():
            time.sleep(0.05)
        return None if self._process is None else exit_code(self._process)
