from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from sweeps import host
from sweeps.database import Database
from sweeps.ledger import Ledger
from sweeps.stores import StoreError
from sweeps.tables import AttemptRow
from tests.sweeps.contest import at_once, process
from trainer.slots import Placement

CARDS = Placement(slot=1, workers=2, devices=(2, 3), cores=(), scheduler_port=8118, hccl_port=60032)
CORE = Placement(slot=0, workers=1, devices=(), cores=(0,), scheduler_port=8119, hccl_port=60000)
Open = Callable[[str], Ledger]


@pytest.fixture
def opened(url: str) -> Iterator[Open]:
    """Open the ledger of a sweep, as another process would."""
    ledgers: list[Ledger] = []

    def make(sweep: str) -> Ledger:
        ledgers.append(Ledger(url, sweep))
        return ledgers[-1]

    yield make
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def ledger(opened: Open) -> Ledger:
    return opened("short")


def test_attempt_is_known_to_others_once_it_is_begun(ledger: Ledger, opened: Open, tmp_path: Path) -> None:
    begun = ledger.begin("trial-0007", 3, CARDS, tmp_path / "a'; echo 训练")
    (found,) = opened("short").open_attempts()
    assert found == begun
    assert (found.label, found.rung, found.number, found.pid, found.ended) == ("trial-0007", 3, 1, None, None)
    assert (found.placement, found.folder) == (CARDS, tmp_path / "a'; echo 训练")
    assert (found.host, found.boot) == (host.here().name, host.here().boot)


def test_attempt_outlives_a_process_that_is_killed_right_after(url: str, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from sweeps.ledger import Ledger\n"
        "from trainer.slots import Placement\n"
        "Ledger(sys.argv[1], 'short').begin('base', None, Placement(0, 1, (), (0,), 8118, 60000), Path('/f'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = process(code, url)
    assert killed.communicate(timeout=60) == ("", "")
    assert killed.returncode == -signal.SIGKILL
    ledger = Ledger(url, "short")
    assert [(attempt.label, attempt.rung) for attempt in ledger.open_attempts()] == [("base", None)]
    ledger.close()


@pytest.mark.parametrize("rung", [None, 3])
def test_attempts_of_a_job_are_counted_from_one(ledger: Ledger, rung: int | None) -> None:
    for _ in range(3):
        ledger.ended(ledger.begin("base", rung, CORE, Path("/f")).id, "failed", 1.0)
    assert [attempt.number for attempt in ledger.attempts("base", rung)] == [1, 2, 3]
    assert [(job.label, job.rung) for job in ledger.jobs()] == [("base", rung)]


def test_rungs_of_a_trial_are_jobs_of_their_own(ledger: Ledger) -> None:
    for rung in (1, 3):
        ledger.ended(ledger.begin("trial-0000", rung, CORE, Path("/f")).id, "finished", 1.0)
    assert [(attempt.rung, attempt.number) for attempt in ledger.attempts()] == [(1, 1), (3, 1)]


def test_job_whose_attempt_is_open_is_not_begun_again(ledger: Ledger) -> None:
    ledger.begin("trial-0000", 1, CORE, Path("/f"))
    with pytest.raises(StoreError, match=f"trial-0000: attempt 1 on {host.here().name} has not ended"):
        ledger.begin("trial-0000", 1, CORE, Path("/f"))
    assert len(ledger.attempts()) == 1


def test_database_itself_refuses_a_second_open_attempt(ledger: Ledger, url: str) -> None:
    ledger.begin("trial-0000", 1, CORE, Path("/f"))
    database = Database(url)
    columns = ", ".join(column.name for column in AttemptRow.__table__.columns if column.name not in ("id", "number"))
    copy = f"INSERT INTO lorasweep_attempts (number, {columns}) SELECT 2, {columns} FROM lorasweep_attempts"
    with pytest.raises(StoreError) as raised, database.writing() as session:
        session.execute(text(copy))
    assert isinstance(raised.value.__cause__, IntegrityError)
    database.close()


def test_orchestrators_that_begin_the_same_job_at_once_get_one_attempt(url: str) -> None:
    before = (
        "import sys; from pathlib import Path; from sweeps.ledger import Ledger; from sweeps.stores import StoreError\n"
        "from trainer.slots import Placement; ledger = Ledger(sys.argv[1], 'short')"
    )
    code = (
        "try: ledger.begin('trial-0000', 1, Placement(0, 1, (), (0,), 8118, 60000), Path('/f')); print('begun')\n"
        "except StoreError: print('refused')"
    )
    outputs = sorted(output for _, output, _ in at_once(3, before, code, url))
    assert outputs == ["begun\n", "refused\n", "refused\n"]


def test_state_of_a_job_follows_its_attempts_until_it_is_closed(ledger: Ledger) -> None:
    states = []
    attempt = ledger.begin("trial-0000", 1, CORE, Path("/f"))
    states.append(ledger.jobs()[0].state)
    ledger.ended(attempt.id, "finished", 1.0)
    states.append(ledger.jobs()[0].state)
    ledger.close_job("trial-0000", 1, "done")
    states.append(ledger.jobs()[0].state)
    assert states == ["running", "queued", "done"]


def test_job_that_runs_cannot_be_closed(ledger: Ledger) -> None:
    ledger.begin("trial-0000", 1, CORE, Path("/f"))
    with pytest.raises(StoreError, match="trial-0000: cannot be closed as cancelled: its attempt has not ended"):
        ledger.close_job("trial-0000", 1, "cancelled")


def test_job_can_be_cancelled_before_it_was_begun(ledger: Ledger) -> None:
    ledger.close_job("trial-0000", 1, "cancelled")
    assert [(job.label, job.state) for job in ledger.jobs()] == [("trial-0000", "cancelled")]


def test_how_an_attempt_ended_is_kept(ledger: Ledger) -> None:
    attempt = ledger.begin("trial-0000", 1, CORE, Path("/f"))
    ledger.ended(attempt.id, "failed", 12.5, kind="host", signature="EJ0001", reason="HCCL: port taken")
    assert ledger.open_attempts() == []
    (found,) = ledger.attempts("trial-0000", 1)
    assert (found.outcome, found.seconds, found.kind) == ("failed", 12.5, "host")
    assert (found.signature, found.reason) == ("EJ0001", "HCCL: port taken")
    assert found.ended is not None
    assert found.ended >= found.started


def test_attempt_ends_once(ledger: Ledger) -> None:
    attempt = ledger.begin("trial-0000", 1, CORE, Path("/f"))
    ledger.ended(attempt.id, "finished", 1.0)
    with pytest.raises(ValueError, match=f"attempt {attempt.id} must be open, but has ended"):
        ledger.ended(attempt.id, "failed", 2.0)


def test_reason_out_of_a_broken_log_is_stored(ledger: Ledger) -> None:
    attempt = ledger.begin("trial-0000", 1, CORE, Path("/f"))
    ledger.ended(attempt.id, "failed", 1.0, reason="a\0b " + b"\xff".decode("utf-8", "surrogateescape") + " 内存")
    assert ledger.attempts()[0].reason == "a\ufffdb ? 内存"


def test_failures_by_the_host_are_counted_for_the_job_alone(ledger: Ledger) -> None:
    for label, kind in [
        ("trial-0000", "host"),
        ("trial-0000", "config"),
        ("trial-0000", "host"),
        ("trial-0001", "host"),
    ]:
        ledger.ended(ledger.begin(label, 1, CORE, Path("/f")).id, "failed", 1.0, kind=kind)
    assert sum(attempt.kind == "host" for attempt in ledger.attempts("trial-0000", 1)) == 2
    assert sum(attempt.kind == "host" for attempt in ledger.attempts("trial-0000", 3)) == 0


def test_card_seconds_are_summed_exactly(ledger: Ledger) -> None:
    seconds = [1e16, 0.1, 1.0, 0.1, 1.0]
    for number, taken in enumerate(seconds):
        ledger.ended(ledger.begin(f"trial-{number:04d}", 1, CARDS, Path("/f")).id, "finished", taken)
    ledger.begin("trial-0009", 1, CARDS, Path("/f"))
    assert ledger.card_seconds() == math.fsum(2 * seconds)


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1.0])
def test_time_that_cannot_be_is_refused(ledger: Ledger, seconds: float) -> None:
    attempt = ledger.begin("trial-0000", 1, CORE, Path("/f"))
    with pytest.raises(ValueError, match="seconds >= 0 must hold"):
        ledger.ended(attempt.id, "finished", seconds)


def test_process_that_ended_but_was_not_waited_for_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    started = host.process_start(child.pid)
    assert started is not None
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.close()
    child.stdout.read()  # its end is the process's end, but for the moment in which it becomes a zombie
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not host.is_running(child.pid, started)
    child.wait()


def test_requests_are_taken_once_and_in_order(ledger: Ledger, opened: Open) -> None:
    other = opened("short")
    other.request("cancel", "trial-0003")
    other.request("stop")
    assert [(request.action, request.label) for request in ledger.take_requests()] == [
        ("cancel", "trial-0003"),
        ("stop", None),
    ]
    assert ledger.take_requests() == []


@pytest.mark.parametrize(("action", "label"), [("restart", None), ("cancel", None), ("stop", "trial-0000")])
def test_request_that_means_nothing_is_refused(ledger: Ledger, action: str, label: str | None) -> None:
    with pytest.raises(ValueError, match="stop, stop-now, or cancel with a label"):
        ledger.request(action, label)


def test_quarantine_keeps_its_first_reason_until_it_is_released(ledger: Ledger) -> None:
    ledger.quarantine("node-1", 0, "failed twice in a row")
    ledger.quarantine("node-1", 0, "again")
    ledger.quarantine("node-1", None, "no route to it")
    assert [(q.slot, q.reason) for q in ledger.quarantined()] == [
        (0, "failed twice in a row"),
        (None, "no route to it"),
    ]
    ledger.release_quarantine("node-1", None)
    assert [q.slot for q in ledger.quarantined()] == [0]


def test_sweeps_in_one_database_know_nothing_of_each_other(ledger: Ledger, opened: Open) -> None:
    other = opened("other")
    attempt = other.begin("base", None, CORE, Path("/f"))
    other.request("stop")
    other.quarantine("node-1", 0, "failed twice in a row")
    assert (ledger.jobs(), ledger.attempts(), ledger.open_attempts()) == ([], [], [])
    assert (ledger.take_requests(), ledger.quarantined(), ledger.card_seconds()) == ([], [], 0.0)
    with pytest.raises(ValueError, match="is none of its"):
        ledger.ended(attempt.id, "finished", 1.0)
    assert [job.label for job in other.jobs()] == ["base"]


def test_locked_database_is_waited_for_and_read_meanwhile(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/sweeps.db", "short")
    ledger.ended(ledger.begin("base", None, CORE, Path("/f")).id, "finished", 1.0)
    locker = sqlite3.connect(tmp_path / "sweeps.db", isolation_level=None, check_same_thread=False)
    locker.execute("BEGIN IMMEDIATE")
    assert len(ledger.attempts()) == 1
    unlock = threading.Timer(5.0, lambda: locker.execute("COMMIT"))
    unlock.start()
    ledger.begin("trial-0000", 1, CORE, Path("/f"))
    assert not locker.in_transaction
    unlock.join()
    locker.close()
    assert len(ledger.attempts()) == 2
    ledger.close()


def test_commit_survives_a_power_cut_as_far_as_sqlite_can_tell(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/sweeps.db")
    with database.reading() as session:
        settings = {
            name: session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
