"""What a sweep has run and runs now: jobs and their attempts, requests of users, slots in quarantine.

Every change is committed when its call returns, so that a process that is killed right after left it in the database.
Times are UTC epoch seconds. Only the process that holds the sweep's lease writes, but for ``request``.
"""

from __future__ import annotations

import math
from pathlib import Path

from sqlalchemy import ColumnElement, Select, delete, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from sweeps.database import Database, named
from sweeps.entries import Attempt, Job, Quarantine, Request, attempt_of
from sweeps.host import here
from sweeps.schema import migrate
from sweeps.stores import StoreError
from sweeps.tables import AttemptRow, JobRow, QuarantineRow, RequestRow
from trainer.slots import Placement

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
CLOSED = (DONE, FAILED, CANCELLED)
STOP, STOP_NOW, CANCEL = "stop", "stop-now", "cancel"


class Ledger:
    """The ledger of one sweep, opened and brought up to date.

    Args:
        url: of the study's database.

    Raises:
        StoreError: by every method: the database cannot be reached or written.
    """

    def __init__(self, url: str, sweep: str) -> None:
        self.sweep = sweep
        self._database = Database(url)
        migrate(self._database)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    # -- jobs and attempts -------------------------------------------------------------------------------------------

    def begin(self, label: str, rung: int | None, placement: Placement, folder: Path) -> Attempt:
        """Enter a job's next attempt, before its process starts; the job is made where it is new.

        Raises:
            StoreError: the job's last attempt has not ended.
        """
        this = here()
        with self._database.writing() as session:
            now = self._database.now(session)
            job = session.scalars(self._jobs(label, rung)).one_or_none()
            if job is None:
                job = JobRow(sweep=self.sweep, label=label, rung=rung, created=now)
                session.add(job)
            job.state = RUNNING
            before = list(session.scalars(self._attempts(label, rung)))
            if before and before[-1].ended is None:
                raise StoreError(
                    f"{named(self._database.url)}: {label}: attempt {before[-1].number} on {before[-1].host} has not "
                    f"ended; end it before another begins"
                )
            row = AttemptRow(
                job=job,
                number=before[-1].number + 1 if before else 1,
                host=this.name,
                boot=this.boot,
                slot=placement.slot,
                workers=placement.workers,
                devices=list(placement.devices),
                cores=list(placement.cores),
                scheduler_port=placement.scheduler_port,
                hccl_port=placement.hccl_port,
                folder=str(folder),
                started=now,
            )
            session.add(row)
            session.flush()
            return attempt_of(row)

    def started(self, attempt_id: int, pid: int, pid_started: float) -> None:
        """Keep which process an attempt is.

        Args:
            pid_started: as ``Launcher.pid_started``.
        """
        with self._database.writing() as session:
            row = self._open(session, attempt_id)
            row.pid, row.pid_started = pid, pid_started

    def ended(
        self,
        attempt_id: int,
        outcome: str,
        seconds: float,
        kind: str = "",
        signature: str = "",
        reason: str = "",
    ) -> None:
        """Keep how an attempt ended; its job is queued until it is closed or begun again.

        Args:
            seconds: that it held its placement.
        """
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"seconds >= 0 must hold, but got {seconds}")
        with self._database.writing() as session:
            row = self._open(session, attempt_id)
            row.ended, row.seconds = self._database.now(session), seconds
            row.outcome, row.kind, row.signature, row.reason = outcome, kind, signature, reason
            row.job.state = QUEUED

    def close_job(self, label: str, rung: int | None, state: str) -> None:
        """Keep that a job needs no further attempt: ``done``, ``failed`` or ``cancelled``.

        A job that was never begun is made: a trial may be cancelled before it runs.

        Raises:
            StoreError: an attempt of the job has not ended.
        """
        if state not in CLOSED:
            raise ValueError(f"a job is closed as one of {', '.join(CLOSED)}, but got {state!r}")
        with self._database.writing() as session:
            job = session.scalars(self._jobs(label, rung)).one_or_none()
            if job is None:
                job = JobRow(sweep=self.sweep, label=label, rung=rung, created=self._database.now(session))
                session.add(job)
            elif job.state == RUNNING:
                raise StoreError(f"{label}: cannot be closed as {state}: its attempt has not ended")
            job.state = state

    def jobs(self) -> list[Job]:
        """Return all jobs, oldest first."""
        with self._database.reading() as session:
            rows = session.scalars(select(JobRow).where(JobRow.sweep == self.sweep).order_by(JobRow.id))
            return [Job(row.label, row.rung, row.state, row.created) for row in rows]

    def open_attempts(self) -> list[Attempt]:
        """Return the attempts that were begun and have not ended, oldest first."""
        return self._read(self._all_attempts().where(AttemptRow.ended.is_(None)))

    def attempts(self, label: str | None = None, rung: int | None = None) -> list[Attempt]:
        """Return the attempts of one job, or of all jobs, oldest first.

        Args:
            label: None: of all jobs.
            rung: None with a label: of the job without a rung.
        """
        return self._read(self._all_attempts() if label is None else self._attempts(label, rung))

    def attempts_since(self, moment: float) -> list[Attempt]:
        """Return the attempts of all jobs that were begun or ended after ``moment``, oldest first."""
        return self._read(self._all_attempts().where((AttemptRow.started > moment) | (AttemptRow.ended > moment)))

    def card_seconds(self) -> float:
        """Return the seconds that ended attempts held their workers' cards, summed exactly (``math.fsum``)."""
        spent = self._all_attempts().with_only_columns(AttemptRow.seconds, AttemptRow.workers).order_by(None)
        with self._database.reading() as session:
            # by whole numbers of workers: a product would be rounded before it is summed
            return math.fsum(seconds for seconds, workers in session.execute(spent) if seconds for _ in range(workers))

    def costs(self) -> list[tuple[str, int | None, float, float]]:
        """Return what each ended attempt cost, in the order in which they ended: label, rung, time, card-seconds."""
        columns = (JobRow.label, JobRow.rung, AttemptRow.ended, AttemptRow.seconds, AttemptRow.workers)
        query = self._all_attempts().where(AttemptRow.ended.is_not(None)).with_only_columns(*columns)
        with self._database.reading() as session:
            rows = session.execute(query.order_by(None).order_by(AttemptRow.ended, AttemptRow.id))
            return [
                (label, rung, ended or 0.0, (seconds or 0.0) * workers) for label, rung, ended, seconds, workers in rows
            ]

    # -- requests of users -------------------------------------------------------------------------------------------

    def request(self, action: str, label: str | None = None) -> None:
        """Ask the process that runs the sweep for something: ``stop``, ``stop-now``, or to ``cancel`` a trial."""
        if action not in (STOP, STOP_NOW, CANCEL) or (action == CANCEL) != (label is not None):
            raise ValueError(f"stop, stop-now, or cancel with a label is asked for, but got {action!r} and {label!r}")
        with self._database.writing() as session:
            made = self._database.now(session)
            session.add(RequestRow(sweep=self.sweep, action=action, label=label, made=made))

    def take_requests(self) -> list[Request]:
        """Return what was asked for since the last call, each request once, oldest first."""
        mine = (RequestRow.sweep == self.sweep, RequestRow.taken.is_(None))
        with self._database.reading() as session:
            # asked several times a second, so no lock is taken for nothing
            if session.scalars(select(RequestRow.id).where(*mine).limit(1)).first() is None:
                return []
        with self._database.writing() as session:
            taken = update(RequestRow).where(*mine).values(taken=self._database.now(session)).returning(RequestRow)
            rows = sorted(session.scalars(taken), key=lambda row: row.id)
            return [Request(row.action, row.label, row.made) for row in rows]

    # -- quarantine --------------------------------------------------------------------------------------------------

    def quarantine(self, host: str, slot: int | None, reason: str) -> None:
        """Keep that a slot, or with None a whole host, gets no more jobs; one that is there already stays as it is."""
        with self._database.writing() as session:
            if session.scalars(self._quarantine(host, slot)).first() is None:
                since = self._database.now(session)
                session.add(QuarantineRow(sweep=self.sweep, host=host, slot=slot, since=since, reason=reason))

    def quarantined(self) -> list[Quarantine]:
        """Return what is in quarantine, oldest first."""
        with self._database.reading() as session:
            mine = select(QuarantineRow).where(QuarantineRow.sweep == self.sweep).order_by(QuarantineRow.id)
            return [Quarantine(row.host, row.slot, row.since, row.reason) for row in session.scalars(mine)]

    def release_quarantine(self, host: str, slot: int | None) -> None:
        """Let a slot, or a host that was put in quarantine whole, have jobs again."""
        with self._database.writing() as session:
            ids = self._quarantine(host, slot).with_only_columns(QuarantineRow.id)
            session.execute(delete(QuarantineRow).where(QuarantineRow.id.in_(ids)))

    # -- queries -----------------------------------------------------------------------------------------------------

    def _jobs(self, label: str, rung: int | None) -> Select[JobRow]:
        return select(JobRow).where(JobRow.sweep == self.sweep, JobRow.label == label, _is(JobRow.rung, rung))

    def _all_attempts(self) -> Select[AttemptRow]:
        return select(AttemptRow).join(AttemptRow.job).where(JobRow.sweep == self.sweep).order_by(AttemptRow.id)

    def _attempts(self, label: str, rung: int | None) -> Select[AttemptRow]:
        return self._all_attempts().where(JobRow.label == label, _is(JobRow.rung, rung))

    def _quarantine(self, host: str, slot: int | None) -> Select[QuarantineRow]:
        mine = select(QuarantineRow).where(QuarantineRow.sweep == self.sweep, QuarantineRow.host == host)
        return mine.where(_is(QuarantineRow.slot, slot))

    def _read(self, query: Select[AttemptRow]) -> list[Attempt]:
        with self._database.reading() as session:
            return [attempt_of(row) for row in session.scalars(query)]

    def _open(self, session: Session, attempt_id: int) -> AttemptRow:
        row = session.scalars(self._all_attempts().where(AttemptRow.id == attempt_id)).one_or_none()
        if row is None or row.ended is not None:
            state = "is none of its" if row is None else "has ended"
            raise ValueError(f"sweep {self.sweep}: attempt {attempt_id} must be open, but {state}")
        return row


def _is(column: InstrumentedAttribute[int | None], value: int | None) -> ColumnElement[bool]:
    return column.is_(None) if value is None else column == value
