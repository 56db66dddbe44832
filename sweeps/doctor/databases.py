"""The databases: the studies' with the sweep's lease, and MLflow's."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import requests
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from sweeps.database import Database, named, told
from sweeps.doctor.finding import Check, Finding, fail, ok, warn
from sweeps.doctor.subject import Subject
from sweeps.lease import holder_of
from sweeps.outbox import FOLDER, Outbox
from sweeps.schema import revision
from sweeps.stores import Stores
from sweeps.tracking_uri import TrackingUri, scrub

_SECONDS = 10
_REFUSED = (401, 403)


def checks(subject: Subject) -> list[Check]:
    """Return the checks of this group."""
    return [
        Check("databases", "studies", lambda: studies(subject)),
        Check("databases", "MLflow", lambda: tracking(subject)),
    ]


def studies(subject: Subject) -> Iterator[Finding]:
    """Say whether the studies' database can be reached, and who runs the sweep.

    Raises:
        StoreError: it cannot.
    """
    stores = subject.stores
    if stores.study_file is not None and not stores.study_file.exists():
        yield ok(f"{stores.study_file}: not there yet; made when a sweep starts")
        return
    database = Database(stores.study_url)
    try:
        with database.reading() as session:
            begun = revision(session.connection()) is not None
    finally:
        database.close()
    yield ok(f"{named(database.url)}: reachable" + ("" if begun else "; no sweep was started in it yet"))
    if begun and subject.config is not None:
        name = subject.config.name
        if (holder := holder_of(stores.study_url, name)) is None:
            yield ok(f"no process runs {name}")
        else:
            advice = f"wait for it, stop it with `lorasweep stop {name}`, or give this sweep another name"
            yield warn(f"{name} is run by {holder}", advice)


def tracking(subject: Subject) -> Iterator[Finding]:
    """Say whether MLflow takes records: at ``MLFLOW_TRACKING_URI``, where the sweep remembers, or in the runs folder.

    Raises:
        StoreError: it is a database and cannot be reached, or ``MLFLOW_TRACKING_URI`` is none.
    """
    uri = _uri(subject)
    if uri is None:
        yield from _own(subject.stores)
    elif uri.shown.startswith("http"):
        yield _server(uri)
    else:
        url = make_url(uri.environment["MLFLOW_TRACKING_URI"])
        engine = create_engine(url, poolclass=NullPool)
        with told(url), engine.connect():
            yield ok(f"{uri.shown}: reachable")


def _uri(subject: Subject) -> TrackingUri | None:
    """Return where records go; None: to the runs folder's own database."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    if subject.config is not None:
        folder = subject.stores.sweep(subject.config.name) / FOLDER
        if folder.exists():
            with closing(Outbox(folder)) as outbox:
                chosen = TrackingUri.choose(given, outbox, subject.stores)
            return None if chosen.is_own else chosen
    return TrackingUri.parse(given) if given else None


def _own(stores: Stores) -> Iterator[Finding]:
    file = stores.root / "mlflow.db"
    if not file.exists():
        yield ok(f"{file}: not there yet; made when a sweep starts")
        return
    try:
        with closing(sqlite3.connect(file, timeout=_SECONDS)) as database:
            runs = database.execute("SELECT count(*) FROM runs").fetchone()[0]
        yield ok(f"{file}: {runs} runs")
    except sqlite3.Error as error:
        yield fail(f"{file}: cannot be read: {error}", "mend the file, or choose another --runs")


def _server(uri: TrackingUri) -> Finding:
    """Ask the server for one experiment, as this user."""
    known = {**os.environ, **uri.environment}
    user, token = known.get("MLFLOW_TRACKING_USERNAME"), known.get("MLFLOW_TRACKING_TOKEN")
    try:
        answer = requests.post(
            f"{uri.shown}/api/2.0/mlflow/experiments/search",
            json={"max_results": 1},
            auth=(user, known.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None,
            headers={"Authorization": f"Bearer {token}"} if token and not user else None,
            timeout=_SECONDS,
        )
    except requests.RequestException as error:
        # a sweep trains on without it
        advice = "start it, or check the address; until it is back the records of a sweep wait on disk"
        return warn(f"{uri.shown}: cannot be reached: {scrub(str(error))}", advice)
    if answer.status_code in _REFUSED:
        advice = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        return fail(f"{uri.shown}: refuses this user: {answer.status_code}", advice)
    if not answer.ok:
        return fail(f"{uri.shown}: answers {answer.status_code}, as no MLflow server does", "check MLFLOW_TRACKING_URI")
    return ok(f"{uri.shown}: reachable")
