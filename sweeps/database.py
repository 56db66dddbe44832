"""The database of studies and ledgers: a URL that was checked, sessions on it, errors that name it but no password."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from sweeps.stores import BUSY_SECONDS, StoreError, write_ahead

# "lorasweep" in ASCII: who else uses advisory locks in the same database takes other numbers
ADVISORY_LOCK = int.from_bytes(b"lorasw", "big")
_WRITES = "lorasweep_writes"
_DRIVERS = ("postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2")
_POSTGRES = "postgresql+psycopg"
# of libpq: a server that is away is told within seconds, one that goes away amid a statement within half a minute
_TIMEOUTS = {"connect_timeout": "10", "tcp_user_timeout": "30000"}
_EXPECTED = "expected postgresql://USER@HOST:5432/DATABASE or sqlite:////FOLDER/FILE.db"


def parse(url: str) -> URL:
    """Return the URL of a study's database as SQLAlchemy, Optuna and the ledger take it.

    Raises:
        StoreError: it is none, of another kind of database, or the driver is not installed. A password is not shown.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # not the value itself: it may hold a password where no one would look for it
        raise StoreError(f"database: what was given is no database URL; {_EXPECTED}") from None
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if parsed.database in (None, "", ":memory:") or parsed.query.get("uri"):
            raise StoreError(f"database: SQLite needs a file that other processes can open; {_EXPECTED}")
        return URL.create("sqlite", database=str(Path(str(parsed.database)).absolute()))
    if parsed.drivername not in _DRIVERS:
        raise StoreError(f"database: {parsed.drivername}: SQLite and PostgreSQL (psycopg 3) are supported; {_EXPECTED}")
    if importlib.util.find_spec("psycopg") is None:
        raise StoreError("database: PostgreSQL's driver is not installed: pip install 'lorasweep[postgres]'")
    query = {**_TIMEOUTS, **parsed.query}
    password = query.pop("password", parsed.password)
    return parsed.set(drivername=_POSTGRES, password=None if password is None else str(password), query=query)


def named(url: URL) -> str:
    """Return what messages call a database: a file, or a database's name and its server's address."""
    if url.drivername == "sqlite":
        return str(url.database)
    host = url.host or url.query.get("host") or "the local socket"
    return f"PostgreSQL database {url.database or url.username} at {host}:{url.port or 5432}"


@contextmanager
def told(url: URL) -> Iterator[None]:
    """Raise ``StoreError`` that names the database in place of SQLAlchemy's errors, which show whole statements."""
    try:
        yield
    except SQLAlchemyError as error:
        raise trouble(url, error) from error


def trouble(url: URL, error: BaseException) -> StoreError:
    """Return the ``StoreError`` for what a database driver, SQLAlchemy or Optuna on top of it raised."""
    first: BaseException = error
    # Optuna's error says that there is one; what it was is its cause
    while not isinstance(first, DBAPIError) and first.__cause__ is not None:
        first = first.__cause__
    cause = " ".join(str(first.orig if isinstance(first, DBAPIError) else first).split())
    if url.password:
        cause = cause.replace(str(url.password), "***")
    if url.drivername == "sqlite":
        advice = "check the file, its disk, and which process holds it"
    else:
        advice = "check that the server runs, can be reached from here and lets this user in"
    return StoreError(f"{named(url)}: cannot be read or written: {cause}; {advice}, then try again")


class Database:
    """An opened database; nothing is sent to it before the first session.

    Sessions give objects that stay readable after their end. All of a session is one transaction.

    Args:
        url: as ``parse`` takes it.
    """

    def __init__(self, url: str) -> None:
        self.url = parse(url)
        self._engine = _engine(self.url)

    def __repr__(self) -> str:
        return f"Database({named(self.url)})"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that reads; on SQLite it waits for no writer."""
        with told(self.url), Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that writes, committed at the end; on SQLite it waits for other writers before it reads."""
        engine = self._engine.execution_options(**{_WRITES: True})
        with told(self.url), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A transaction to change tables in, which only one process is in at a time."""
        with told(self.url), self._engine.execution_options(**{_WRITES: True}).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
            yield connection

    def now(self, session: Session) -> float:
        """Return UTC epoch seconds by one clock for all hosts that share the database: the server's, if it has one."""
        if self.url.drivername == "sqlite":
            return time.time()
        return float(session.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


@contextmanager
def alone(url: URL) -> Iterator[None]:
    """Hold the database against other processes that are in here too, as long as the block lasts."""
    if url.drivername == "sqlite":
        try:
            with FileLock(f"{url.database}.lock"):
                yield
        except OSError as error:
            raise StoreError(f"{error.filename}: cannot be locked: {error.strerror}; choose another --runs") from error
        return
    engine = create_engine(url, poolclass=NullPool)
    with told(url), engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK + 1)))
        yield


def engine_options(url: URL) -> dict[str, Any]:
    """Return what ``create_engine`` needs to wait for locks and to notice that a server was started anew."""
    if url.drivername == "sqlite":
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    return {"pool_pre_ping": True}


def _engine(url: URL) -> Engine:
    engine = create_engine(url, **engine_options(url))
    if url.drivername == "sqlite":
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _: object) -> None:
    # the driver begins no transactions of its own: it would begin none before a CREATE TABLE
    connection.isolation_level = None
    write_ahead(connection)
    # FULL: in WAL mode, NORMAL loses the last commits at a power cut
    for pragma in ("foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # a transaction that turns from reading to writing fails at once where another has written meanwhile
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
