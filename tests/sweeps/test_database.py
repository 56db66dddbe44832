from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from sweeps import study as studies
from sweeps.config import load_sweep
from sweeps.database import Database, named, parse
from sweeps.ledger import Ledger
from sweeps.start import End
from sweeps.stores import StoreError, Stores
from tests.short_sweep import write_sweep
from trainer.slots import free_port

Cli = Callable[..., tuple[int, str, str]]
SECRET = "p@ss/w0rd%41"
QUOTED = "p%40ss%2Fw0rd%2541"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_postgresql_is_spoken_to_by_psycopg_3(scheme: str) -> None:
    url = parse(f"{scheme}://me@db.example.org/sweeps")
    assert url.drivername == "postgresql+psycopg"
    assert named(url) == "PostgreSQL database sweeps at db.example.org:5432"


@pytest.mark.parametrize("url", [f"postgresql://me:{QUOTED}@db/sweeps", f"postgresql://me@db/sweeps?password={QUOTED}"])
def test_password_is_kept_but_not_shown(url: str, tmp_path: Path) -> None:
    stores = Stores(tmp_path, parse(url))
    assert parse(stores.study_url).password == SECRET
    shown = f"{stores!r} {stores} {parse(url)} {Database(url)!r} {named(parse(url))}"
    assert SECRET not in shown
    assert QUOTED not in shown


@pytest.mark.parametrize("given", ["s3cret", "://s3cret", "postgresql://me:s3cret@db:port/x", "mysql://me:s3cret@db/x"])
def test_what_is_no_url_of_a_supported_database_is_refused_without_showing_it(cli: Cli, given: str) -> None:
    code, output, error = cli("status", "--database", given)
    assert (code, output) == (2, "")
    assert "expected postgresql://USER@HOST:5432/DATABASE" in error
    assert "s3cret" not in error


@pytest.mark.parametrize("given", ["sqlite://", "sqlite:///:memory:"])
def test_database_that_no_other_process_can_open_is_refused(given: str) -> None:
    with pytest.raises(StoreError, match="SQLite needs a file"):
        parse(given)


def test_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(StoreError, match=r"pip install 'lorasweep\[postgres\]'"):
        parse("postgresql://db/x")


@pytest.mark.parametrize("arguments", [("status",), ("front",), ("export",), ("start",)])
def test_server_that_is_away_is_bad_input_and_no_traceback(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("LORASWEEP_DATABASE", f"postgresql://me:{QUOTED}@127.0.0.1:{port}/sweeps")
    sweep = [str(write_sweep(tmp_path))] if arguments == ("start",) else []
    command = [sys.executable, "-m", "sweeps.cli", *arguments, *sweep, "--runs", str(tmp_path / "runs")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"PostgreSQL database sweeps at 127.0.0.1:{port}: ")
    assert "check that the server runs" in line
    assert SECRET not in ended.stdout + ended.stderr
    assert QUOTED not in ended.stdout + ended.stderr


def test_missing_postgresql_database_is_named(postgres: str) -> None:
    with pytest.raises(StoreError, match=r'database "missing" does not exist'):
        Ledger(f"{postgres.rpartition('/')[0]}/missing", "short")


def test_password_in_a_servers_answer_is_not_shown(postgres: str) -> None:
    database = Database(parse(postgres).set(password=SECRET).render_as_string(hide_password=False))
    with pytest.raises(StoreError, match=r'relation "\*\*\*" does not exist') as raised, database.reading() as session:
        session.execute(text(f'SELECT * FROM "{SECRET}"'))
    database.close()
    assert SECRET not in str(raised.value)


def test_database_that_comes_back_is_used_again(postgres: str) -> None:
    ledger = Ledger(postgres, "short")
    server, _, name = postgres.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    ledger.request("stop")
    assert [request.action for request in ledger.take_requests()] == ["stop"]
    ledger.close()


def test_study_is_read_by_its_database_alone(postgres: str, tmp_path: Path, cli: Cli) -> None:
    studies.open_study(load_sweep(write_sweep(tmp_path))[0], postgres, {})
    code, output, error = cli("status", "--runs", tmp_path / "none", "--database", postgres, "--json")
    assert (code, error) == (0, "")
    assert '"sweep": "short"' in output


def test_database_that_holds_another_programs_tables_is_refused(url: str, tmp_path: Path) -> None:
    database = Database(url)
    with database.writing() as session:
        session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        session.execute(text("INSERT INTO alembic_version VALUES ('of mlflow')"))
    database.close()
    with pytest.raises(StoreError, match="name a database of its own with --database"):
        studies.open_study(load_sweep(write_sweep(tmp_path))[0], url, {})


def test_study_lies_in_any_folder(tmp_path: Path) -> None:
    stores = Stores(tmp_path / "{a} %s 100% ?#'; 训练")
    stores.create()
    studies.open_study(load_sweep(write_sweep(tmp_path))[0], stores.study_url, {})
    Ledger(stores.study_url, "short").close()
    assert studies.study_names(stores.study_url) == ["short"]
    assert stores.study_file is not None
    assert stores.study_file.exists()


def test_environment_of_the_jobs_does_not_hold_the_url(
    cli: Cli, postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def run_file(*_: object) -> End:
        seen.append(os.environ.get("LORASWEEP_DATABASE"))
        return End.DONE

    monkeypatch.setenv("LORASWEEP_DATABASE", postgres)
    monkeypatch.setattr("sweeps.start.run_file", run_file)
    cli("start", tmp_path / "sweep.yaml", "--runs", tmp_path)
    assert seen == [None]


def test_study_waits_for_a_locked_database_as_long_as_the_ledger(tmp_path: Path) -> None:
    with studies._storage(f"sqlite:///{tmp_path}/sweeps.db").engine.connect() as connection:
        assert connection.execute(text("PRAGMA busy_timeout")).scalar_one() == 30_000
