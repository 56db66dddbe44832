"""What the loop does where host or database fail it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from sweeps import study as studies
from sweeps.config import load_sweep
from sweeps.courier import Courier
from sweeps.jobs import Running
from sweeps.lease import Lease
from sweeps.ledger import Ledger
from sweeps.live import View
from sweeps.outbox import Outbox
from sweeps.plan import make_plan
from sweeps.recovery import Step, Verdict
from sweeps.scheduler import Scheduler
from sweeps.signals import Asked
from sweeps.stores import StoreError, Stores
from sweeps.tracking import Tracker
from tests.short_sweep import SLOTS, write_sweep
from trainer.ending import Exit, Outcome
from trainer.failures import Failure, Kind
from trainer.slots import Slots


class FakeCourier:
    """Delivers nothing."""

    def check(self) -> None:
        """All is well."""


class FakeLauncher:
    """A launch that ends as it is told."""

    def __init__(self, *arguments: Any) -> None:
        self.placement, self.pid, self.pid_started, self.remark, self.seconds = arguments[1], 1, 0.0, "", 1.0
        self.all_logs: list[Path] = []
        self.ended = Exit(Outcome.FAILED, "", Path("/log"), 1.0)

    def poll(self) -> Exit | None:
        return None

    def new_steps(self) -> list[Any]:
        return []

    def kill(self) -> Exit:
        return self.ended


class Loop:
    """A scheduler over real databases and what it said."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        file = write_sweep(folder, trials=3)
        file.write_text(file.read_text(encoding="utf-8") + "retries: {attempts: 2, backoff: 600}\n", encoding="utf-8")
        config, document = load_sweep(file)
        stores = Stores(folder / "runs")
        stores.create()
        plan = make_plan(config, document, stores)
        plan.folder.mkdir(parents=True)
        self.study = studies.open_study(config, stores.study_url, plan.inputs)
        self.ledger, self.slots = Ledger(stores.study_url, config.name), Slots(SLOTS, 1)
        self.lease = Lease.acquire(stores.study_url, config.name)
        self._said = io.StringIO()
        view = View(Console(file=self._said, width=1000), config.objectives, config.unit)
        tracker, courier = Tracker(Outbox(plan.folder / "outbox")), cast(Courier, FakeCourier())
        tracker.start_sweep(plan.tags)
        tracker.tag_experiment({})
        self.scheduler = Scheduler(
            plan,
            self.study,
            tracker,
            self.ledger,
            self.lease,
            self.slots,
            view,
            3,
            courier,
            Asked(),
        )
        # up to its first turn
        patch.setattr(Scheduler, "_turn", lambda self: False)
        self.scheduler.run()
        patch.undo()

    def said(self) -> str:
        return self._said.getvalue()


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    made = Loop(tmp_path, monkeypatch)
    yield made
    made.lease.release()
    made.ledger.close()


def test_job_that_the_host_cannot_start_is_started_later_and_then_the_sweep_gives_up(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sweeps.jobs.Launcher", full)
    assert loop.scheduler._turn()
    assert "base cannot be started: [Errno 28] No space left on device; once more in 600 s" in loop.said()
    assert (loop.ledger.open_attempts(), loop.slots.free) == ([], SLOTS)
    monkeypatch.setattr("sweeps.upcoming.time.monotonic", lambda: 1e12)
    monkeypatch.setattr(loop.scheduler, "_not_before", 0.0)
    loop.scheduler._turn()
    assert "mend the host" in loop.scheduler._fault


def test_database_that_is_away_is_waited_for(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise StoreError("database sweeps: away")

    with monkeypatch.context() as patch:
        patch.setattr(loop.ledger, "take_requests", away)
        assert loop.scheduler._turn()
        assert loop.scheduler._turn()
        assert loop.said().count("database sweeps: away") == 1
        assert loop.scheduler.running == []
    monkeypatch.setattr("sweeps.jobs.Launcher", FakeLauncher)
    loop.scheduler._turn()
    assert loop.scheduler.running[0] == "base"


def begun(loop: Loop, monkeypatch: pytest.MonkeyPatch, label: str) -> Running:
    monkeypatch.setattr("sweeps.jobs.Launcher", FakeLauncher)
    loop.scheduler._turn()
    (job,) = (job for job in loop.scheduler._jobs.running if job.task.label == label)
    return job


def test_trial_is_not_failed_by_a_host_that_stops_the_sweep(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    job = begun(loop, monkeypatch, "trial-0000")
    stop: Callable[..., Verdict] = lambda *_, **__: Verdict(Step.STOP, reason="no slot is left")  # noqa: E731
    monkeypatch.setattr(loop.scheduler._recovery, "failed", stop)
    failure = Failure(Kind.HOST, "device lost", "gone", Path("/log"), "look at it")
    loop.scheduler._failed(job, Exit(Outcome.FAILED, "gone", Path("/log"), 1.0), failure)
    assert "no slot is left" in loop.scheduler._fault
    assert loop.study.trials[0].state.name == "RUNNING"


def test_job_that_has_measured_is_left_to_the_next_orchestrator(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    job = begun(loop, monkeypatch, "trial-0000")
    monkeypatch.setattr(job.launcher, "ended", Exit(Outcome.FINISHED, "", Path("/log"), 1.0))
    loop.scheduler._requests.stop_jobs()
    assert [attempt.label for attempt in loop.ledger.open_attempts()] == ["trial-0000"]
