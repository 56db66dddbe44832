"""What a user asks of a running sweep from another shell: to stop, or to cancel a trial."""

from __future__ import annotations

from sweeps.lease import Lease, holder_of
from sweeps.ledger import CANCEL, STOP, STOP_NOW, Ledger
from sweeps.read import Known
from sweeps.results import trial_label
from sweeps.stores import StoreError, Stores
from trainer.processes import kill_all


def ask_to_stop(stores: Stores, name: str | None, now: bool) -> str:
    """Ask a sweep to stop; returns what will come of it.

    Args:
        now: not to wait for running rungs. Then also what an orchestrator that is gone left running is stopped.

    Raises:
        StoreError: there is no such sweep, or it does not run.
    """
    sweep = Known.open(stores, name).config.name
    holder = holder_of(stores.study_url, sweep)
    if holder is not None:
        Ledger(stores.study_url, sweep).request(STOP_NOW if now else STOP)
        return f"asked {holder} to stop {sweep}{' now' if now else ' when its running rungs have ended'}"
    if not now:
        raise StoreError(f"sweep {sweep} is not running; `lorasweep stop {sweep} --now` ends what may be left of it")
    with Lease.acquire(stores.study_url, sweep):
        kill_all(stores.sweep(sweep))
    return f"sweep {sweep} is not running; nothing of it runs on this host any more"


def ask_to_cancel(stores: Stores, name: str, number: int) -> str:
    """Ask a running sweep to end one trial for good; returns what will come of it.

    Raises:
        StoreError: there is no such sweep or trial, the trial has ended, or the sweep does not run.
    """
    known = Known.open(stores, name)
    found = next((result for result in known.results if result.number == number), None)
    if found is None or found.state not in ("running", "stopped"):
        state = "there is none" if found is None else f"it is {found.state}"
        raise StoreError(f"{trial_label(number)} of {name} cannot be cancelled: {state}")
    holder = holder_of(stores.study_url, name)
    if holder is None:
        raise StoreError(f"sweep {name} is not running; cancel the trial once `lorasweep resume {name}` has started")
    Ledger(stores.study_url, name).request(CANCEL, trial_label(number))
    return f"asked {holder} to cancel {trial_label(number)}"
