from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from sweeps.stores import StoreError, Stores


def test_databases_are_in_wal_mode(tmp_path: Path) -> None:
    stores = Stores(tmp_path / "a'; echo 训练")
    stores.create()
    for name in ("sweeps.db", "mlflow.db"):
        with sqlite3.connect(stores.root / name) as database:
            assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("folder", ["a'; echo 训练", "what?#100%41"])
def test_url_leads_to_the_file_whatever_the_folder_is_called(tmp_path: Path, folder: str) -> None:
    stores = Stores(tmp_path / folder)
    stores.create()
    with create_engine(stores.study_url).begin() as connection:
        connection.execute(text("CREATE TABLE found (id INTEGER)"))
    with sqlite3.connect(stores.root / "sweeps.db") as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("found",)]


def test_file_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(StoreError, match=r"runs.*choose another --runs"):
        Stores(tmp_path / "runs").create()


def test_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "sweeps.db").write_text("this is no database, only text that is long enough to be read as a header")
    with pytest.raises(StoreError, match=r"sweeps\.db: cannot be written"):
        Stores(tmp_path).create()


def test_folder_without_a_sweep_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no sweep was started here"):
        Stores(tmp_path).check()
