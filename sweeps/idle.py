"""How a sweep stands that no process runs, in one line: complete, or what `lorasweep resume` would go on with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing

from sweeps.entries import Attempt, Job
from sweeps.ledger import QUEUED
from sweeps.outbox import FOLDER, PARENT, Outbox
from sweeps.results import Result
from sweeps.stores import Stores
from sweeps.tracking import STATE

_STATES = ("complete", "stopped", "failed", "cancelled", "running", "waiting")


def last_state(stores: Stores, name: str) -> str | None:
    """Return the ``tracking.STATE`` that the last process left a sweep in; None where it ran on another host."""
    folder = stores.sweep(name) / FOLDER
    if not folder.exists():
        return None
    with closing(Outbox(folder)) as outbox:
        return outbox.tags(PARENT).get(STATE)


def idle_text(
    name: str,
    state: str | None,
    results: Sequence[Result],
    jobs: Sequence[Job],
    attempts: Sequence[Attempt],
    to_start: int,
) -> str:
    """Return how a sweep stands.

    Args:
        state: by ``last_state``.
        results: every trial as it is now.
        attempts: those that have not ended.
        to_start: trials that were not started.
    """
    counts = Counter(result.state for result in results)
    # what is running as far as the study knows has no process that sees to it
    named = ((counts[known], "interrupted" if known == "running" else known) for known in _STATES)
    trials = ", ".join(f"{count} {known}" for count, known in named if count) or "no trial was started"
    if state == "complete" and not attempts:
        return f"{name} is complete: {trials}"
    left = [f"{attempt.label} did not end" for attempt in attempts]
    if waiting := sum(job.state == QUEUED for job in jobs):
        left.append(f"{waiting} job{'s wait' if waiting > 1 else ' waits'}")
    if to_start > 0:
        left.append(f"{to_start} trial{'s are' if to_start > 1 else ' is'} still to start")
    if state is not None or left:
        left.append(f"`lorasweep resume {name}` goes on")
    return "; ".join([f"{name} {'gave up' if state == 'failed' else 'is not running'}: {trials}", *left])
