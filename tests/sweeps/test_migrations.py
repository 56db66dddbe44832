from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from sweeps import schema
from sweeps import study as studies
from sweeps.config import load_sweep
from sweeps.database import Database
from sweeps.ledger import Ledger
from sweeps.schema import VERSION_TABLE, migrate
from sweeps.stores import StoreError
from sweeps.tables import Base
from tests.short_sweep import write_sweep
from tests.sweeps.contest import at_once


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


def tables(database: Database) -> set[str]:
    with database.reading() as session:
        return set(inspect(session.connection()).get_table_names())


def test_migrations_make_the_tables_that_the_code_expects(database: Database) -> None:
    migrate(database)
    with database.reading() as session:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(session.connection(), opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_tables_of_optuna_and_the_ledger_are_side_by_side(url: str, database: Database, tmp_path: Path) -> None:
    config = load_sweep(write_sweep(tmp_path))[0]
    studies.open_study(config, url, {})
    before = _optunas_revision(database)
    Ledger(url, "short").close()
    studies.open_study(config, url, {})
    assert _optunas_revision(database) == before
    assert tables(database) >= {"studies", "alembic_version", VERSION_TABLE, *Base.metadata.tables}


def _optunas_revision(database: Database) -> Any:
    with database.reading() as session:
        return session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()


def test_processes_that_open_a_new_database_at_once_all_succeed(url: str, database: Database) -> None:
    ended = at_once(3, "from sweeps.ledger import Ledger", "Ledger(sys.argv[1], 'short').jobs()", url)
    assert ended == [(0, "", "")] * 3
    with database.reading() as session:
        assert session.execute(text(f"SELECT count(*) FROM {VERSION_TABLE}")).scalar_one() == 1


def test_sweeps_that_start_in_a_new_database_at_once_all_succeed(url: str, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path)
    before = (
        "import os, sys; from pathlib import Path; from sweeps.config import load_sweep; from sweeps import study\n"
        "config = load_sweep(Path(sys.argv[2]))[0].model_copy(update={'name': f's{os.getpid()}'})"
    )
    ended = at_once(3, before, "study.open_study(config, sys.argv[1], {})", url, str(sweep))
    assert ended == [(0, "", "")] * 3
    assert len(studies.study_names(url)) == 3


def test_migration_that_fails_leaves_the_database_as_it_was(database: Database) -> None:
    # the third table that the first migration makes
    with database.writing() as session:
        session.execute(text("CREATE TABLE lorasweep_leases (id INTEGER)"))
    with pytest.raises(StoreError, match=r"lorasweep_leases.*already exists"):
        migrate(database)
    assert tables(database) == {"lorasweep_leases"}


def test_database_of_a_newer_version_is_refused(database: Database) -> None:
    migrate(database)
    with database.writing() as session:
        session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"its ledger is of revision 9999, this lorasweep knows up to \d+; update"):
        migrate(database)


def test_scripts_are_found_wherever_the_package_is_installed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a'; 100% :%(here)s 训练"
    shutil.copytree(schema._SCRIPTS, folder)
    monkeypatch.setattr(schema, "_SCRIPTS", folder)
    migrate(database)
    assert tables(database) == {VERSION_TABLE, *Base.metadata.tables}
