"""``lorasweep deliver``: what an ended sweep could not tell MLflow is told now, in the foreground."""

from __future__ import annotations

import os

import typer

from sweeps.delivery import deliver
from sweeps.outbox import FOLDER, Outbox
from sweeps.read import Known
from sweeps.stores import StoreError, Stores
from sweeps.tracking_uri import TrackingUri


def deliver_rest(stores: Stores, name: str | None, given: str | None, patience: float) -> int:
    """Deliver all that waits; returns the exit code: 0 all was told, 1 not all, for a reason that is printed.

    Args:
        stores: where databases, artifacts and trials lie.
        name: of the sweep; None: the only one there.
        given: tracking URI; None: the sweep's own.
        patience: seconds without progress after which it is given up.

    Raises:
        StoreError: there is no such sweep, or it has nothing to deliver from.
    """
    sweep = Known.open(stores, name).config.name
    folder = stores.sweep(sweep) / FOLDER
    if not folder.exists():
        raise StoreError(f"{folder}: is gone, and with it whatever was not delivered; `lorasweep status` has the rest")
    outbox = Outbox(folder)
    uri = TrackingUri.choose(given, outbox, stores)
    os.environ.update(uri.environment)
    before = outbox.count_waiting()
    reason = deliver(outbox, sweep, uri.environment["MLFLOW_TRACKING_URI"], stores.artifacts, patience)
    waiting = outbox.count_waiting()
    for _, label, what, error in outbox.delivered.refused():
        typer.echo(f"MLflow refused {what} of {label} for good: {error}", err=True)
    if waiting or reason:
        typer.echo(f"not delivered to {uri.shown}: {waiting} of {before} records: {reason}", err=True)
        return 1
    typer.echo(f"delivered to {uri.shown}: {before} records")
    return 0
