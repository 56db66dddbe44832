"""Databases for tests: a new one each, on SQLite and, where there is a server, on PostgreSQL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

_SERVER = "LORASWEEP_TEST_POSTGRES"


@pytest.fixture
def postgres() -> Iterator[str]:
    """Give the URL of a new PostgreSQL database, as a user writes it."""
    server = os.environ.get(_SERVER)
    if not server:
        pytest.skip(f"no PostgreSQL server: {_SERVER} is not set")
    name = f"lorasweep_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield f"{server.rpartition('/')[0]}/{name}"
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database that does not exist yet, or is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sweeps.db"
    found: str = request.getfixturevalue("postgres")
    return found
