"""Whether all processes of a launch live, which msrun is slow to see.

Seen with MindSpore 2.9: msrun asks its workers once a second; at one that was killed it kills the others, then waits
half a minute for its scheduler, until that has missed their heartbeats. It asks the scheduler only when all workers
ended. A cluster's scheduler that is killed takes the workers with it after 20 s, by SIGTERMs that say nothing of why;
a worker that stands still for 30 s has the scheduler give up, and msrun and the other workers wait for ever.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import psutil

from trainer.paths import TrialPaths
from trainer.processes import alive, exit_code, how_ended, scheduler_of, workers_of

_SEARCH_SECONDS, _SEARCH_EVERY = 120.0, 1.0
# what msrun 2.9 logs, process_entity/_api.py; 1.x to 2.x alike
_MSRUN_SAW = re.compile(rb"Worker process (\d+) exit with exception\. Error code: (-?\d+)")


@dataclass(frozen=True)
class Death:
    """A process of the launch that did not end well.

    Attributes:
        code: exit code, negative for a signal.
        rank: of the worker; None for the scheduler, and where the worker was never seen alive.
        is_scheduler: whether it is the cluster's scheduler, no worker.
    """

    code: int
    rank: int | None
    is_scheduler: bool = False

    @property
    def reason(self) -> str:
        """One line."""
        worker = "a worker" if self.rank is None else f"worker {self.rank}"
        return f"{'the cluster scheduler' if self.is_scheduler else worker} {how_ended(self.code)}"


class Crew:
    """The scheduler and the workers of one launch.

    A worker that exits with 0 before the others is well: only rank 0 measures.

    Args:
        workers: how many the launch has.
    """

    def __init__(self, paths: TrialPaths, workers: int) -> None:
        self._paths, self._count = paths, workers
        self._workers: dict[int, psutil.Process] = {}
        self._scheduler: psutil.Process | None = None
        self._since = time.monotonic()
        self._searched = -_SEARCH_EVERY

    @property
    def workers(self) -> dict[int, psutil.Process]:
        """The workers seen so far by rank; some may have ended."""
        return dict(self._workers)

    def look(self) -> Death | None:
        """Return the first process found to have ended badly, or None."""
        self._search()
        codes = [(rank, exit_code(worker)) for rank, worker in sorted(self._workers.items())]
        deaths = [Death(code, rank) for rank, code in codes if code]
        if self._scheduler is not None and (code := exit_code(self._scheduler)):
            deaths.append(Death(code, None, is_scheduler=True))
        # one that lost a peer may fail within the same moment: who was killed comes first
        deaths.sort(key=lambda death: death.code > 0)
        everyone = len(self._workers) == self._count and all(map(alive, self._workers.values()))
        # msrun says which one it saw before it kills the others, which are killed by a signal then as well
        said = None if everyone else self.seen_by_msrun()
        return said or next(iter(deaths), None)

    def seen_by_msrun(self) -> Death | None:
        """Return the worker that ended badly by msrun's own log: it has taken the exit code by then."""
        try:
            match = _MSRUN_SAW.search(self._paths.launcher_log.read_bytes())
        except FileNotFoundError:
            return None
        if match is None:
            return None
        pid, code = map(int, match.groups())
        rank = next((rank for rank, worker in self._workers.items() if worker.pid == pid), None)
        return Death(code, rank)

    def _search(self) -> None:
        """Look through the host's processes, which takes its time, while some are still to start."""
        now = time.monotonic()
        if (
            len(self._workers) == self._count
            or not self._searched + _SEARCH_EVERY <= now <= self._since + _SEARCH_SECONDS
        ):
            return
        self._searched = now
        self._workers |= workers_of(self._paths.root)
        self._scheduler = self._scheduler or scheduler_of(self._paths.root)
