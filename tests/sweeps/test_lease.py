from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import update

from sweeps import host
from sweeps.database import Database
from sweeps.lease import Lease, LeaseLost, holder_of
from sweeps.stores import StoreError
from sweeps.tables import LeaseRow
from tests.sweeps.contest import at_once, process

HOLD = """\
import sys
from sweeps.lease import Lease
lease = Lease.acquire(sys.argv[1], "short")
print("held", flush=True)
sys.stdin.readline()
lease.release()
"""


@pytest.fixture
def holder(url: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds the sweep until it is written to."""
    started = process(HOLD, url)
    assert started.stdout is not None
    assert started.stdout.readline() == "held\n"
    yield started
    if started.poll() is None:
        started.communicate("\n", timeout=60)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


def change(database: Database, **values: Any) -> None:
    """Let the holder's row say something else."""
    with database.writing() as session:
        session.execute(update(LeaseRow).values(values))


def heartbeat(database: Database) -> float:
    with database.reading() as session:
        row = session.get(LeaseRow, "short")
        assert row is not None
        return row.heartbeat


def test_second_process_is_told_who_holds_the_sweep_and_what_to_do(url: str, holder: subprocess.Popen[str]) -> None:
    name = host.here().name
    said = rf"sweep short is held by process {holder.pid} on {name} since 20.* UTC \(last heard \d+ s ago\): .*stop it"
    with pytest.raises(StoreError, match=said):
        Lease.acquire(url, "short")


def test_other_sweep_in_the_same_database_is_free(url: str, holder: subprocess.Popen[str]) -> None:
    assert holder.poll() is None
    Lease.acquire(url, "other").release()


def test_sweep_is_free_once_it_was_released(url: str, holder: subprocess.Popen[str]) -> None:
    assert holder_of(url, "short") is not None
    holder.communicate("\n", timeout=60)
    assert holder_of(url, "short") is None
    Lease.acquire(url, "short").release()


def test_process_that_was_killed_holds_nothing(url: str, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    Lease.acquire(url, "short").release()


def test_process_that_only_stands_still_holds_the_sweep(url: str, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGSTOP)
    with pytest.raises(StoreError, match="sweep short is held by"):
        Lease.acquire(url, "short")
    holder.send_signal(signal.SIGCONT)


def test_stranger_with_the_holders_process_id_holds_nothing(url: str, database: Database) -> None:
    Lease.acquire(url, "short")
    change(database, pid_started=float(host.process_start(os.getpid()) or 0) - 1)
    Lease.acquire(url, "short").release()


def test_machine_that_was_booted_again_holds_nothing(url: str, database: Database) -> None:
    Lease.acquire(url, "short")
    change(database, boot="the boot before", heartbeat=host.booted() - 5)
    Lease.acquire(url, "short", stale_after=1e9).release()


def test_other_machine_of_the_same_name_holds_the_sweep(url: str, database: Database) -> None:
    Lease.acquire(url, "short")
    change(database, boot="of another machine")
    with pytest.raises(StoreError, match="sweep short is held by"):
        Lease.acquire(url, "short")


def test_other_container_on_the_same_machine_holds_the_sweep(url: str, database: Database) -> None:
    Lease.acquire(url, "short")
    change(database, namespace="pid:[1]", pid=2**22 + 1)
    with pytest.raises(StoreError, match="sweep short is held by"):
        Lease.acquire(url, "short")


def test_holder_on_another_host_is_gone_once_nothing_was_heard_of_it(url: str, database: Database) -> None:
    Lease.acquire(url, "short")
    change(database, host="node-9", boot="of node-9")
    with pytest.raises(StoreError, match="on node-9"):
        Lease.acquire(url, "short", stale_after=120.0)
    change(database, heartbeat=heartbeat(database) - 120)
    Lease.acquire(url, "short", stale_after=120.0).release()


def test_holder_that_lost_the_sweep_learns_who_has_it(url: str, database: Database) -> None:
    lost = Lease.acquire(url, "short")
    change(database, heartbeat=heartbeat(database) - 500)
    taken = Lease.acquire(url, "short")
    lost._heard -= 10
    with pytest.raises(LeaseLost, match=f"process {os.getpid()} on .* runs it now"):
        lost.beat()
    # and takes nothing from it
    lost.release()
    taken.beat()
    taken.release()


def test_lease_that_was_taken_away_is_lost(url: str, database: Database) -> None:
    held = Lease.acquire(url, "short")
    with database.writing() as session:
        session.delete(session.get(LeaseRow, "short"))
    held._heard -= 10
    with pytest.raises(LeaseLost, match="its lease was taken away"):
        held.beat()
    held.release()


def test_beat_writes_every_few_seconds_at_most(url: str, database: Database) -> None:
    held = Lease.acquire(url, "short")
    change(database, heartbeat=1.0)
    held.beat()
    assert heartbeat(database) == 1.0
    held._heard -= 10
    held.beat()
    assert heartbeat(database) > 1.0
    held.release()


def test_server_that_is_away_ends_no_sweep_before_another_could_take_it(postgres: str) -> None:
    held = Lease.acquire(postgres, "short", stale_after=120.0)
    server, _, name = postgres.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    held._heard -= 60
    held.beat()
    held._heard -= 121
    with pytest.raises(LeaseLost, match=f"away for more than 120 s.*PostgreSQL database {name} at 127.0.0.1:5432"):
        held.beat()
    held.release()


@pytest.mark.parametrize("before", ["free", "killed", "silent"])
def test_of_contenders_exactly_one_wins(url: str, database: Database, before: str) -> None:
    if before != "free":
        killed = process(HOLD, url)
        assert killed.stdout is not None
        killed.stdout.readline()
        if before == "killed":
            killed.kill()
            killed.wait()
        else:
            change(database, host="node-9", boot="of node-9", heartbeat=heartbeat(database) - 500)
    code = (
        "try: Lease.acquire(sys.argv[1], 'short'); print('won', flush=True)\n"
        "except StoreError as error: print(error)\n"
        # a winner that ended could be followed by another
        "sys.stdin.read()"
    )
    ended = at_once(4, "from sweeps.lease import Lease; from sweeps.stores import StoreError", code, url)
    assert [error for _, _, error in ended] == [""] * 4
    outputs = sorted(output for _, output, _ in ended)
    assert outputs.pop() == "won\n"
    assert all(output.startswith("sweep short is held by process") for output in outputs)
    if before == "silent":
        killed.communicate("\n", timeout=60)
