"""One orchestrator per sweep: a lease in the study's database, kept by a heartbeat."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import suppress
from types import TracebackType

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sweeps import host
from sweeps.database import Database
from sweeps.schema import migrate
from sweeps.stores import StoreError
from sweeps.tables import LeaseRow

_BEAT_SECONDS = 5.0


class LeaseLost(StoreError):
    """Another process runs the sweep now, or may: this one must start and write nothing more."""


class Lease:
    """The right to run a sweep, held from ``acquire`` to ``release``.

    Not a fence: a process that stood still longer than ``stale_after`` learns at its next ``beat`` that it lost the
    lease, so it beats before it starts or writes anything.
    """

    def __init__(self, database: Database, sweep: str, token: str, stale_after: float) -> None:
        self.sweep = sweep
        self._database = database
        self._token = token
        self._stale_after = stale_after
        self._heard = _now()

    @classmethod
    def acquire(cls, url: str, sweep: str, *, stale_after: float = 120.0) -> Lease:
        """Take the lease of a sweep that no one holds, or whose holder is gone.

        A holder is gone where nothing was heard of it for ``stale_after`` seconds; where it ran on this host and its
        process, told by id and start time, has ended; and where this host was booted since it was last heard.

        Raises:
            StoreError: another process holds it; the message says which, since when and what to do.
        """
        database = Database(url)
        token = str(uuid.uuid4())
        try:
            migrate(database)
            while True:
                with database.writing() as session:
                    holder, now = session.get(LeaseRow, sweep), database.now(session)
                    if holder is not None and not _gone(holder, now, stale_after):
                        raise StoreError(_held(holder, now, stale_after))
                    taken = _take(session, sweep, token, now, holder)
                # only once it is committed
                if taken:
                    return cls(database, sweep, token, stale_after)
        except BaseException:
            database.close()
            raise

    def beat(self) -> None:
        """Say that this process still runs; call it often, it writes every five seconds at most.

        A database that is away is no error as long as no one else can have taken the lease.

        Raises:
            LeaseLost: another process holds it, it was taken away, or it is stale because the database is away.
        """
        since = _now() - self._heard
        if since < min(_BEAT_SECONDS, self._stale_after / 4):
            return
        asked = _now()
        try:
            with self._database.writing() as session:
                mine = update(LeaseRow).where(LeaseRow.sweep == self.sweep, LeaseRow.token == self._token)
                held = session.execute(
                    mine.values(heartbeat=self._database.now(session)).returning(LeaseRow.sweep)
                ).first()
                other = None if held else session.get(LeaseRow, self.sweep)
        except StoreError as error:
            if _now() - self._heard < self._stale_after:
                return
            raise LeaseLost(
                f"sweep {self.sweep}: its database was away for more than {self._stale_after:.0f} s, so another "
                f"process may run it now: {error}"
            ) from error
        if not held:
            who = "its lease was taken away" if other is None else f"{_named(other)} runs it now"
            raise LeaseLost(f"sweep {self.sweep}: {who}; this process, {os.getpid()}, ends")
        # by when it was asked, not answered: the row may hold an earlier time than now
        self._heard = asked

    def release(self) -> None:
        """Give the lease back; where the database is away it goes stale by itself."""
        with suppress(StoreError), self._database.writing() as session:
            session.execute(delete(LeaseRow).where(LeaseRow.sweep == self.sweep, LeaseRow.token == self._token))
        self._database.close()

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def _now() -> float:
    """Seconds that go on while the machine is suspended, as they do for others."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def holder_of(url: str, sweep: str, *, stale_after: float = 120.0) -> str | None:
    """Return who runs a sweep, in words; None where no one does."""
    database = Database(url)
    migrate(database)
    try:
        with database.reading() as session:
            holder, now = session.get(LeaseRow, sweep), database.now(session)
            return None if holder is None or _gone(holder, now, stale_after) else _named(holder)
    finally:
        database.close()


def _take(session: Session, sweep: str, token: str, now: float, before: LeaseRow | None) -> bool:
    """Write this process into the row unless it changed since it was read; returns whether it did."""
    this, pid = host.here(), os.getpid()
    values = {
        "host": this.name,
        "boot": this.boot,
        "namespace": this.namespace,
        "pid": pid,
        "pid_started": host.process_start(pid),
        "token": token,
        "since": now,
        "heartbeat": now,
    }
    if before is None:
        try:
            with session.begin_nested():
                session.add(LeaseRow(sweep=sweep, **values))
        except IntegrityError:
            return False
        return True
    # by its heartbeat too: a holder that was only slow has just been heard
    unchanged = (LeaseRow.sweep == sweep, LeaseRow.token == before.token, LeaseRow.heartbeat == before.heartbeat)
    swap = update(LeaseRow).where(*unchanged).values(values).returning(LeaseRow.sweep)
    return session.execute(swap, execution_options={"synchronize_session": False}).first() is not None


def _gone(holder: LeaseRow, now: float, stale_after: float) -> bool:
    this = host.here()
    if now - holder.heartbeat >= stale_after:
        return True
    if (holder.host, holder.boot, holder.namespace) == (this.name, this.boot, this.namespace):
        return not host.is_running(holder.pid, holder.pid_started)
    # a machine of this name that was heard after this one booted is another of the same name
    return holder.host == this.name and holder.boot != this.boot and holder.heartbeat < host.booted()


def _held(holder: LeaseRow, now: float, stale_after: float) -> str:
    heard = max(0.0, now - holder.heartbeat)
    return (
        f"sweep {holder.sweep} is held by {_named(holder)} (last heard {heard:.0f} s ago): wait for it, stop it with "
        f"`lorasweep stop {holder.sweep}`, or give this sweep another name; if that process is gone, the sweep is free "
        f"{stale_after:.0f} s after it was last heard"
    )


def _named(holder: LeaseRow) -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(holder.since))
    return f"process {holder.pid} on {holder.host} since {since}"
