"""Where a browser finds a sweep in MLflow: printed by ``start``, ``status`` and ``ui``, sent with notifications."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from sweeps import compare
from sweeps.outbox import FOLDER, Outbox
from sweeps.stores import Stores
from sweeps.tracking_uri import TrackingUri

OWN_SERVER = "http://127.0.0.1:5000"
"""Where ``lorasweep ui`` listens unless told otherwise."""


def page(outbox: Outbox, uri: TrackingUri, own: str = OWN_SERVER) -> str | None:
    """Return the address of a sweep's saved view; None where its experiment or the server is not known.

    Args:
        uri: where the sweep is delivered to.
        own: address of the server where that is the runs folder's own database.
    """
    experiment = outbox.delivered.experiment(uri.place)
    server = own if uri.is_own else uri.shown if uri.shown.startswith("http") else None
    return None if experiment is None or server is None else server + compare.path(experiment, outbox.id)


def remote(outbox: Outbox, uri: TrackingUri) -> str | None:
    """Return the address that others than this machine may reach, as ``page``."""
    return None if uri.is_own else page(outbox, uri)


def said(outbox: Outbox, uri: TrackingUri, stores: Stores) -> str:
    """Return where the user finds a sweep in MLflow, with what has to be started for it."""
    address = page(outbox, uri)
    if uri.is_own:
        return f"lorasweep ui --runs {stores.root}" + (f" serves {address}" if address else "")
    return address or uri.shown


def of_sweep(name: str, stores: Stores) -> str | None:
    """Return what ``said`` says of a sweep; None before anything of it was delivered."""
    folder = stores.sweep(name) / FOLDER
    if not folder.exists():
        return None
    with closing(Outbox(folder)) as outbox:
        uri = TrackingUri.choose(None, outbox, stores)
        return said(outbox, uri, stores) if outbox.delivered.experiment(uri.place) else None


def own_pages(stores: Stores, server: str) -> Iterator[tuple[str, str]]:
    """Yield name and address of each sweep whose runs are in the runs folder's own database."""
    for folder in sorted(stores.sweeps.glob(f"*/{FOLDER}")):
        with closing(Outbox(folder)) as outbox:
            uri = TrackingUri.choose(None, outbox, stores)
            address = page(outbox, uri, server) if uri.is_own else None
        if address is not None:
            yield folder.parent.name, address
