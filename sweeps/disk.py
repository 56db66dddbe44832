"""Room on the disk: no launch where it is low, and the sweep's own files within their quota."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Sequence

import optuna

from sweeps.plan import Plan
from sweeps.results import STOPPED, Front, results
from sweeps.retention import Uses, enough, removable, scan
from sweeps.tuner import Tuner
from trainer.cached import DataSet, data_sets, remove

_GB = 1e9
_LOOK_SECONDS = 30.0


class Disk:
    """Looks at the disk now and then.

    Args:
        tuner: which trials may still go on.
    """

    def __init__(self, plan: Plan, study: optuna.Study, tuner: Tuner) -> None:
        self._plan, self._study, self._tuner = plan, study, tuner
        self._settings = plan.config.disk
        self._looked, self._low = -_LOOK_SECONDS, ""

    def low(self, running: Collection[int | None], front: Front, more: float) -> str:
        """Return why nothing may start now, empty where it may; what is over the quota is deleted first.

        Args:
            running: trials that run now.
            more: how many trials may still be started.
        """
        # while it is low every turn looks again: it may be the user who makes room
        if self._low or time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._low = self._over_quota(running, front, more) or self._no_room()
        return self._low

    def _no_room(self) -> str:
        reserve = self._settings.reserve_gb * _GB
        free = shutil.disk_usage(self._plan.folder).free
        if free < reserve and self._free_cache(data_sets(self._plan.cache), round(reserve - free)):
            free = shutil.disk_usage(self._plan.folder).free
        if free >= reserve:
            return ""
        return (
            f"{self._plan.folder}: {free / _GB:.2f} GB are free, fewer than `disk: reserve_gb` of "
            f"{self._settings.reserve_gb:g}; make room"
        )

    def _over_quota(self, running: Collection[int | None], front: Front, more: float) -> str:
        quota = self._settings.quota_gb
        if quota is None:
            return ""
        total, weights = scan(self._plan.folder)
        cached = data_sets(self._plan.cache)
        excess = round(total + sum(data_set.bytes for data_set in cached) - quota * _GB)
        excess -= self._free_cache(cached, excess)
        if excess <= 0:
            return ""
        for file in enough(removable(weights, self._uses(running, front, more)), excess):
            file.path.unlink(missing_ok=True)
            excess -= file.bytes
        if excess <= 0:
            return ""
        return (
            f"{self._plan.folder}: with the tokenized data in {self._plan.cache} it holds {excess / _GB:.2f} GB more "
            f"than `disk: quota_gb` of {quota:g}, and all that is left is needed; raise the quota"
        )

    @staticmethod
    def _free_cache(cached: Sequence[DataSet], excess: int) -> int:
        """Remove tokenized data that no process reads until ``excess`` bytes are free; returns how many are."""
        freed = 0
        for data_set in cached:
            if freed >= excess:
                break
            freed += data_set.bytes if remove(data_set.path) else 0
        return freed

    def _uses(self, running: Collection[int | None], front: Front, more: float) -> Uses:
        known = results(self._study)
        states = {result.number: result.state for result in known if result.number is not None}
        return Uses(
            running={number for number, state in states.items() if state == "running" or number in running},
            kept={r.number for r in front.results if r.number is not None} | self._tuner.promotable(more),
            failed={number for number, state in states.items() if state in ("failed", "cancelled")},
            stopped={number for number, state in states.items() if state == STOPPED},
        )
