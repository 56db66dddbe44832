"""The ledger's tables. Times are UTC epoch seconds; a change here needs a migration beside it.

Each name begins with ``lorasweep_``: Optuna's and MLflow's tables (MLflow has one called ``jobs``) may be in the same
database.
"""

from __future__ import annotations

from sqlalchemy import JSON, Dialect, Double, ForeignKey, Index, String, Text, TypeDecorator, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Line(TypeDecorator[str]):
    """Text out of a log: what a database refuses in a text (NUL, half a surrogate pair) is replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return what is stored."""
        return None if value is None else value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


class Base(DeclarativeBase):
    """All tables of the ledger."""

    type_annotation_map = {float: Double(), str: Text()}  # noqa: RUF012 - SQLAlchemy reads it as it is


class JobRow(Base):
    """One launch for one trial and rung (or the base): done again until it is done, failed or cancelled."""

    __tablename__ = "lorasweep_jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    sweep: Mapped[str]
    label: Mapped[str]
    rung: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(16))
    created: Mapped[float]

    # NULL equals no NULL, so one index would let two jobs without a rung have the same label
    __table_args__ = (
        Index(
            "lorasweep_job_of_rung",
            "sweep",
            "label",
            "rung",
            unique=True,
            sqlite_where=text("rung IS NOT NULL"),
            postgresql_where=text("rung IS NOT NULL"),
        ),
        Index(
            "lorasweep_job_without_rung",
            "sweep",
            "label",
            unique=True,
            sqlite_where=text("rung IS NULL"),
            postgresql_where=text("rung IS NULL"),
        ),
    )


class AttemptRow(Base):
    """One process tree that ran, or runs, a job; the row is there before the process is."""

    __tablename__ = "lorasweep_attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("lorasweep_jobs.id"))
    number: Mapped[int]
    host: Mapped[str]
    boot: Mapped[str]
    slot: Mapped[int]
    workers: Mapped[int]
    devices: Mapped[list[int]] = mapped_column(JSON)
    cores: Mapped[list[int]] = mapped_column(JSON)
    scheduler_port: Mapped[int]
    hccl_port: Mapped[int]
    folder: Mapped[str]
    pid: Mapped[int | None]
    pid_started: Mapped[float | None]
    started: Mapped[float]
    ended: Mapped[float | None]
    outcome: Mapped[str | None]
    kind: Mapped[str | None]
    signature: Mapped[str | None] = mapped_column(Line)
    reason: Mapped[str | None] = mapped_column(Line)
    seconds: Mapped[float | None]

    job: Mapped[JobRow] = relationship(lazy="joined", innerjoin=True)

    __table_args__ = (
        Index("lorasweep_attempt_number", "job_id", "number", unique=True),
        # whoever begins a job that still runs is refused by the database itself
        Index(
            "lorasweep_attempt_open",
            "job_id",
            unique=True,
            sqlite_where=text("ended IS NULL"),
            postgresql_where=text("ended IS NULL"),
        ),
    )


class LeaseRow(Base):
    """Which process runs a sweep."""

    __tablename__ = "lorasweep_leases"

    sweep: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    boot: Mapped[str]
    namespace: Mapped[str]
    pid: Mapped[int]
    pid_started: Mapped[float]
    token: Mapped[str] = mapped_column(String(36))
    since: Mapped[float]
    heartbeat: Mapped[float]


class RequestRow(Base):
    """What a user asked the process that runs a sweep to do."""

    __tablename__ = "lorasweep_requests"

    id: Mapped[int] = mapped_column(primary_key=True)
    sweep: Mapped[str] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(String(16))
    label: Mapped[str | None]
    made: Mapped[float]
    taken: Mapped[float | None]


class QuarantineRow(Base):
    """A slot, or a whole host, that gets no more jobs of a sweep."""

    __tablename__ = "lorasweep_quarantine"

    id: Mapped[int] = mapped_column(primary_key=True)
    sweep: Mapped[str] = mapped_column(index=True)
    host: Mapped[str]
    slot: Mapped[int | None]
    since: Mapped[float]
    reason: Mapped[str] = mapped_column(Line)
