"""How a launch ended and why, by its processes' exit codes and what they printed."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from trainer.crew import Death
from trainer.failures import find_reason
from trainer.paths import TrialPaths
from trainer.processes import how_ended

# what a process does to itself; any other signal comes from outside: a user, the system short of memory
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP})


class Outcome(Enum):
    """How a launch ended."""

    FINISHED = "finished"
    FAILED = "failed"
    KILLED = "killed"
    TIMED_OUT = "timed out"
    HUNG = "hung"
    DIVERGED = "diverged"


@dataclass(frozen=True)
class Exit:
    """How a launch ended and why.

    Attributes:
        reason: one line, found in the workers' logs where there is one; empty when finished.
        log: file to look at for the rest.
        seconds: wall time of the launch; of one that finished up to its measurement, whoever saw its end.
    """

    outcome: Outcome
    reason: str
    log: Path
    seconds: float


def all_logs(paths: TrialPaths, workers: int) -> list[Path]:
    """Return the logs of an msrun: its workers', its scheduler's, its own; not all may be there."""
    return [*(paths.worker_log(rank) for rank in range(workers)), paths.scheduler_log, paths.launcher_log]


def telling_logs(paths: TrialPaths, workers: int, death: Death | None) -> list[Path]:
    """Return the logs that tell what went on: the one of the process that died first, msrun's own last."""
    *logs, scheduler, own = all_logs(paths, workers)
    if death is not None and death.is_scheduler:
        # there it says which worker it lost
        logs.insert(0, scheduler)
    elif death is not None and death.rank is not None:
        logs.insert(0, logs.pop(death.rank))
    return [*logs, own]


def first(*files: Path, otherwise: Path) -> Path:
    """Return the first file that is there."""
    return next((file for file in files if file.exists()), otherwise)


def why_not_finished(
    logs: Sequence[Path], printed: Path, code: int | None, death: Death | None
) -> tuple[Outcome, str, Path]:
    """Return outcome, reason and log of a launch that ended without being stopped, and without its measurement.

    Args:
        logs: see ``telling_logs``.
        printed: what is printed by the launch itself.
        code: its exit code, negative for a signal; None where that is not to be known.
        death: the process of it that ended first, and badly.
    """
    log = first(logs[0], otherwise=printed)
    if death is not None:
        if death.code < 0 and -death.code not in _CRASHES:
            return Outcome.KILLED, death.reason, log
        # msrun itself says only that there was one
        reason, log = find_reason(logs[:-1], log)
        return Outcome.FAILED, reason or death.reason, log
    reason, log = find_reason(logs, log)
    if code is not None and code < 0:
        return Outcome.KILLED, f"msrun {how_ended(code)}", log
    if code is None and not reason:
        # one that fails says so in its log
        return Outcome.KILLED, "msrun is gone without a word: it was killed, or the host went down", log
    return Outcome.FAILED, reason or f"msrun exited with {code}", log
