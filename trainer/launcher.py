"""Start one launch or take a running one up, watch it, and kill it with all the processes that it started.

A launch is an msrun, or a chain of them (``trainer.chain``): then what is watched is the msrun that was started last.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from trainer import msrun, stacks
from trainer.crew import Crew, Death
from trainer.ending import Exit, Outcome, all_logs, first, telling_logs, why_not_finished
from trainer.paths import LOGS, TrialPaths
from trainer.processes import Adopted, Child, Process, kill_all
from trainer.slots import Placement
from trainer.step_log import StepLog, StepRecord
from trainer.watch import Finding, Kind, Limits, Watch

_OUTCOMES = {Kind.HANG: Outcome.HUNG, Kind.DIVERGED: Outcome.DIVERGED}


class Launcher:
    """One running launch; all its processes die with it, and it with any of them.

    Args:
        launch: what to run.
        placement: the share of the host that it runs on.
        paths: the trial's folder, which becomes the workers' working directory.
        timeout: seconds after which it is killed; None: never.
        limits: when it counts as hung or diverged.
    """

    def __init__(
        self,
        launch: msrun.Launch,
        placement: Placement,
        paths: TrialPaths,
        timeout: float | None = None,
        limits: Limits | None = None,
    ) -> None:
        paths.logs.mkdir(parents=True, exist_ok=True)
        _clear(paths, (launch, *launch.then))
        with paths.launcher_log.open("wb") as log:
            process = subprocess.Popen(
                msrun.command(launch, placement, paths),
                env=msrun.environment(placement, paths, os.environ),
                cwd=paths.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._follow(Child(process, paths.root), placement, paths, timeout, limits, time.time())

    @classmethod
    def adopt(
        cls,
        pid: int,
        pid_started: float,
        placement: Placement,
        paths: TrialPaths,
        timeout: float | None = None,
        limits: Limits | None = None,
        *,
        started_at: float,
    ) -> Launcher:
        """Take up a launch of an orchestrator that is gone; one that ended meanwhile says so at the first ``poll``.

        It is finished where its measurement is there. Its steps are read from the first on, and whether it hangs is
        watched anew.

        Args:
            pid: of its msrun, with ``pid_started`` (see ``Launcher.pid_started``).
            started_at: when it was started, seconds since the epoch (``Launcher.started_at``).
        """
        launcher = cls.__new__(cls)
        process = Adopted(pid, pid_started, paths.root)
        launcher._follow(process, placement, paths, timeout, limits, started_at)
        if process.ended():
            # it was over when it wrote for the last time, not now
            written = [file.stat().st_mtime for file in (*launcher._logs(), paths.measurement) if file.exists()]
            launcher._lasted = max(0.0, max(written, default=started_at) - started_at)
        return launcher

    def _follow(
        self,
        process: Process,
        placement: Placement,
        paths: TrialPaths,
        timeout: float | None,
        limits: Limits | None,
        started_at: float,
    ) -> None:
        self.placement, self.started_at = placement, started_at
        self._process, self._paths, self._timeout = process, paths, timeout
        # only the time before this moment is the wall clock's, which may be set
        self._begun = time.monotonic() - max(0.0, time.time() - started_at)
        self._lasted: float | None = None
        self._steps = StepLog(paths.worker_log(placement.workers - 1))
        self._unreturned: list[StepRecord] = []
        self._unwatched: list[StepRecord] = []
        self._death: Death | None = None
        self._watch = Watch(limits or Limits())
        self._turn_to(paths.latest())
        self._stopped: tuple[Outcome, str] | None = None
        self._ended: Exit | None = None

    def _turn_to(self, current: TrialPaths) -> None:
        """Watch the msrun whose logs ``current`` has; those that follow the first have one worker."""
        self._current = current
        self._crew = Crew(current, self.placement.workers if current == self._paths else 1)

    @property
    def pid(self) -> int:
        """Process id of msrun, or of the chain."""
        return self._process.pid

    @property
    def pid_started(self) -> float:
        """Seconds from the boot to its start: with ``pid`` what ``adopt`` knows it by."""
        return self._process.started

    @property
    def seconds(self) -> float:
        """Wall time since the start, by whichever orchestrator."""
        return time.monotonic() - self._begun if self._lasted is None else self._lasted

    @property
    def remark(self) -> str:
        """What is odd with the training, but no reason to stop it; empty where nothing is."""
        return self._watch.remark

    def new_steps(self) -> list[StepRecord]:
        """Return the step records logged since the last call."""
        self._read()
        found, self._unreturned = self._unreturned, []
        return found

    def poll(self) -> Exit | None:
        """Return how the launch ended, or None while it runs. Kills it where it is over in fact.

        So where its time is up, a process of it died, it hangs or diverges; before a kill for a hang the workers'
        stacks are saved.
        """
        if self._ended is None and not self._process.ended():
            if self._timeout is not None and self.seconds > self._timeout:
                return self.kill(Outcome.TIMED_OUT)
            self._death = self._crew.look()
            if self._death is None:
                finding = self._observe()
                return None if finding is None else self._stop(finding)
            if self._death.is_scheduler:
                # so it ends when a worker does not answer: where that one stands is worth knowing
                self._save_stacks()
        return self._exit()

    def kill(self, outcome: Outcome = Outcome.KILLED) -> Exit:
        """Stop the whole process tree: SIGTERM, then SIGKILL, and wait until it is gone.

        A launch that has ended by itself, before this was called, ended as it did; one that has measured is finished,
        whatever it did since.
        """
        if self._process.ended():
            # too late: what it did counts
            return self._exit()
        said = f"not done after {self._timeout:g} s" if outcome is Outcome.TIMED_OUT else "stopped by lorasweep"
        self._stopped = self._stopped or (outcome, said)
        return self._exit()

    def _read(self) -> None:
        if (latest := self._paths.latest()) != self._current:
            self._turn_to(latest)
        found = self._steps.poll()
        self._unreturned += found
        self._unwatched += found

    def _observe(self) -> Finding | None:
        self._read()
        steps, self._unwatched = self._unwatched, []
        # saved when training is over; where a launch only measures there are no steps anyway
        trained = self._paths.adapter.exists()
        size = sum(log.stat().st_size for log in self._logs() if log.exists())
        return self._watch.observe(time.monotonic(), steps, size, trained)

    def _stop(self, finding: Finding) -> Exit:
        if finding.kind is Kind.HANG:
            self._save_stacks()
        self._stopped = _OUTCOMES[finding.kind], finding.reason
        return self._exit()

    def _save_stacks(self) -> None:
        # a full disk must not keep the launch from being killed
        with contextlib.suppress(OSError):
            stacks.save(self._current, self._crew.workers)

    @property
    def all_logs(self) -> list[Path]:
        """The logs of the msrun that was started last: its workers', its scheduler's, its own; not all may be there."""
        return all_logs(self._current, self.placement.workers)

    def _logs(self) -> list[Path]:
        return telling_logs(self._current, self.placement.workers, self._death)

    def _exit(self) -> Exit:
        if self._ended is None:
            # a killed msrun leaves its workers behind, and those keep their cards' memory
            kill_all(self._paths.root)
            code = self._process.wait()
            # the last steps may deserve a remark
            self._observe()
            outcome, reason, log = self._classify(code)
            if outcome is Outcome.FINISHED:
                self._lasted = self._until(self._paths.measurement.stat().st_mtime)
            self._ended = Exit(outcome, reason, log, self.seconds)
        return self._ended

    def _until(self, written: float) -> float:
        """Return the seconds to the measurement: the same for whoever sees the end, and when."""
        if self._lasted is not None:
            return max(0.0, written - self.started_at)
        # back from now: the clock may have been set since the start
        return max(0.0, self.seconds - max(0.0, time.time() - written))

    def _classify(self, code: int | None) -> tuple[Outcome, str, Path]:
        """Return outcome, reason and log of what is over; ``code`` is msrun's."""
        measured = self._paths.measurement.exists()
        log = first(self._logs()[0], otherwise=self._paths.launcher_log)
        if self._stopped is not None:
            outcome, reason = self._stopped
            # one that diverged measured nonsense
            if measured and outcome is not Outcome.DIVERGED:
                return Outcome.FINISHED, "", log
            return outcome, reason, first(self._paths.stacks, otherwise=log) if outcome is Outcome.HUNG else log
        if measured and self._death is None and code in (0, None):
            return Outcome.FINISHED, "", log
        self._death = self._death or self._crew.seen_by_msrun()
        return why_not_finished(self._logs(), self._paths.launcher_log, code, self._death)


def _clear(paths: TrialPaths, links: Sequence[msrun.Launch]) -> None:
    """Delete what an earlier attempt left, lest it be taken for this one's, but for what was done for good."""
    done = [link for link in links if link.done]
    kept = {paths.job, *(link.recipe for link in links)}.union(*(msrun.left(link, paths) for link in done))
    for stale in set(paths.artifacts()) - kept:
        stale.unlink()
    for folder in paths.root.glob(f"{LOGS}_*"):
        if folder.name not in {link.log_folder for link in done}:
            shutil.rmtree(folder)
