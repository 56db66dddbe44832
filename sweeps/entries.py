"""What the ledger's rows say, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sweeps.tables import AttemptRow
from trainer.slots import Placement


@dataclass(frozen=True)
class Job:
    """What is to be run until it is closed.

    Attributes:
        rung: fidelity; None where the sweep has no rungs, and for the untouched base.
        state: queued (no attempt runs), running, done, failed or cancelled.
    """

    label: str
    rung: int | None
    state: str
    created: float


@dataclass(frozen=True)
class Attempt:
    """One process tree of a job.

    Attributes:
        number: from 1, within the job.
        host: name of the machine that it was begun on.
        boot: id of that machine's boot; process ids mean nothing after another one.
        pid: of the tree's first process; None where the orchestrator ended before it could say.
        pid_started: seconds since the boot, as ``Launcher.pid_started``.
        ended: None: it runs, or its orchestrator was killed.
        outcome: how it ended; empty while it runs, as all that follow.
        kind: whose fault a failure was; ``host``: another attempt may do better.
        signature: what failures of the same cause have in common.
        seconds: that the placement was held.
    """

    id: int
    label: str
    rung: int | None
    number: int
    host: str
    boot: str
    placement: Placement
    folder: Path
    pid: int | None
    pid_started: float | None
    started: float
    ended: float | None
    outcome: str
    kind: str
    signature: str
    reason: str
    seconds: float | None


@dataclass(frozen=True)
class Request:
    """What a user asked of the process that runs the sweep; ``label`` names the trial to cancel."""

    action: str
    label: str | None
    made: float


@dataclass(frozen=True)
class Quarantine:
    """Where no job of the sweep is to run; ``slot`` None: nowhere on the host."""

    host: str
    slot: int | None
    since: float
    reason: str


def attempt_of(row: AttemptRow) -> Attempt:
    """Return what a row says."""
    return Attempt(
        id=row.id,
        label=row.job.label,
        rung=row.job.rung,
        number=row.number,
        host=row.host,
        boot=row.boot,
        placement=Placement(
            slot=row.slot,
            workers=row.workers,
            devices=tuple(row.devices),
            cores=tuple(row.cores),
            scheduler_port=row.scheduler_port,
            hccl_port=row.hccl_port,
        ),
        folder=Path(row.folder),
        pid=row.pid,
        pid_started=row.pid_started,
        started=row.started,
        ended=row.ended,
        outcome=row.outcome or "",
        kind=row.kind or "",
        signature=row.signature or "",
        reason=row.reason or "",
        seconds=row.seconds,
    )
