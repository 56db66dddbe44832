"""This host and its processes, told apart from others that look the same."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

from trainer.processes import stat_of


@dataclass(frozen=True)
class Host:
    """Where a process runs.

    Attributes:
        name: host name.
        boot: the kernel's id of this boot of the machine.
        namespace: of process ids: two containers on one machine see different processes under the same id.
    """

    name: str
    boot: str
    namespace: str


def here() -> Host:
    """Return where this process runs."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return Host(socket.gethostname(), boot, os.readlink("/proc/self/ns/pid"))


def booted() -> float:
    """Return when this machine was booted, in UTC epoch seconds."""
    return psutil.boot_time()


def process_start(pid: int) -> float | None:
    """Return when a process of this host started (``Stat.started``); None where there is none, or a zombie."""
    stat = stat_of(pid)
    return None if stat is None or stat.state in "ZX" else stat.started


def is_running(pid: int, start: float) -> bool:
    """Whether the very process that ``process_start`` gave ``start`` for still runs on this host, in this boot."""
    return process_start(pid) == start
