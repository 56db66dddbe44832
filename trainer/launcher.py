"""Start, watch and kill one msrun launch, with all the processes that it starts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import psutil

from trainer import msrun
from trainer.failures import find_reason
from trainer.paths import TrialPaths
from trainer.slots import Placement
from trainer.step_log import StepLog, StepRecord

_KILL_AFTER_SECONDS = 5.0


class Outcome(Enum):
    """How a launch ended."""

    FINISHED = "finished"
    FAILED = "failed"
    KILLED = "killed"
    TIMED_OUT = "timed out"


@dataclass(frozen=True)
class Exit:
    """How a launch ended and why.

    Attributes:
        reason: one line, found in the workers' logs where there is one; empty when finished.
        log: file to look at for the rest.
        seconds: wall time of the launch.
    """

    outcome: Outcome
    reason: str
    log: Path
    seconds: float


class Launcher:
    """One running launch.

    Args:
        launch: what to run.
        placement: the share of the host that it runs on.
        paths: the trial's folder, which becomes the workers' working directory.
        timeout: seconds after which it is killed; None: never.
    """

    def __init__(
        self, launch: msrun.Launch, placement: Placement, paths: TrialPaths, timeout: float | None = None
    ) -> None:
        self.placement, self._paths, self._timeout = placement, paths, timeout
        paths.logs.mkdir(parents=True, exist_ok=True)
        # leftovers of an earlier launch must not be taken for this one's
        for stale in set(paths.artifacts()) - {paths.recipe, paths.job}:
            stale.unlink()
        self._steps = StepLog(paths.worker_log(placement.workers - 1))
        self._started = time.monotonic()
        self._killed: Outcome | None = None
        self._ended: Exit | None = None
        with paths.launcher_log.open("wb") as log:
            self._process = subprocess.Popen(
                msrun.argv(launch, placement, paths),
                env=msrun.environment(placement, paths, os.environ),
                cwd=paths.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id of msrun."""
        return self._process.pid

    @property
    def seconds(self) -> float:
        """Wall time since the start."""
        return time.monotonic() - self._started

    def new_steps(self) -> list[StepRecord]:
        """Return the step records logged since the last call."""
        return self._steps.poll()

    def poll(self) -> Exit | None:
        """Return how the launch ended, or None while it runs. Kills it where its time is over."""
        if self._ended is None and self._process.poll() is None:
            if self._timeout is not None and self.seconds > self._timeout and self._killed is None:
                self.kill(Outcome.TIMED_OUT)
            else:
                return None
        return self._exit()

    def kill(self, outcome: Outcome = Outcome.KILLED) -> Exit:
        """Stop the whole process tree: SIGTERM, then SIGKILL, and wait until it is gone."""
        self._killed = outcome
        return self._exit()

    def _exit(self) -> Exit:
        if self._ended is None:
            self._ended = self._classify()
        return self._ended

    def _classify(self) -> Exit:
        # a killed msrun leaves its workers behind, and those keep their cards' memory
        kill_all(self._paths.root)
        self._process.wait()
        log = self._paths.worker_log(0)
        log = log if log.exists() else self._paths.launcher_log
        if self._killed is Outcome.TIMED_OUT:
            return Exit(Outcome.TIMED_OUT, f"not done after {self._timeout:g} s", log, self.seconds)
        if self._killed is Outcome.KILLED:
            return Exit(Outcome.KILLED, "stopped by lorasweep", log, self.seconds)
        if self._process.returncode == 0 and self._paths.measurement.exists():
            return Exit(Outcome.FINISHED, "", log, self.seconds)
        reason, log = find_reason([*sorted(self._paths.logs.glob("worker_*.log")), self._paths.launcher_log], log)
        if self._process.returncode < 0:
            name = signal.Signals(-self._process.returncode).name
            return Exit(Outcome.KILLED, f"msrun was killed by {name}", log, self.seconds)
        return Exit(Outcome.FAILED, reason or f"msrun exited with {self._process.returncode}", log, self.seconds)


def processes_of(root: Path) -> list[psutil.Process]:
    """Return the live processes of the trial in folder ``root``, or of all trials below it: msrun, scheduler, workers.

    They are known by the mark in their environment, which ``msrun.environment`` sets: workers are in sessions of their
    own and lose their parent where msrun is killed, so neither group nor ancestry finds them.
    """
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get(msrun.MARK)
            if marked and Path(marked).is_relative_to(root) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def kill_all(root: Path) -> None:
    """Kill every process of the trial in folder ``root``, or of all below it: SIGTERM, after some seconds SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        processes = processes_of(root)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        psutil.wait_procs(processes, timeout=_KILL_AFTER_SECONDS)
