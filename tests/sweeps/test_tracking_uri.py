from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.outbox import Outbox
from sweeps.stores import StoreError, Stores
from sweeps.tracking_uri import TrackingUri, scrub

SECRET = "s3cr/t@:"
QUOTED = "s3cr%2Ft%40%3A"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://mlflow:5000", "http://mlflow:5000"),
        (f"https://ann:{QUOTED}@mlflow.lab/prefix/", "https://mlflow.lab/prefix"),
        (f"http://ann:{QUOTED}@[::1]:5000", "http://[::1]:5000"),
        (f"postgresql://ann:{QUOTED}@db/mlflow?sslmode=require", "postgresql://ann@db/mlflow?sslmode=require"),
        (f"mysql+pymysql://db/mlflow?password={QUOTED}", "mysql+pymysql://db/mlflow"),
        ("sqlite:////srv/what%3F.db", "sqlite:////srv/what%3F.db"),
    ],
)
def test_what_is_shown_and_kept_has_no_secret(tmp_path: Path, text: str, shown: str) -> None:
    outbox, stores = Outbox(tmp_path / "outbox"), Stores(tmp_path)
    chosen = TrackingUri.choose(text, outbox, stores)
    chosen.keep(outbox)
    assert chosen.shown == shown
    assert outbox.fact("uri") == shown
    assert TrackingUri.choose(None, outbox, stores).shown == shown


def test_password_of_a_server_goes_to_mlflow_by_its_own_variables() -> None:
    assert TrackingUri.parse(f"http://ann:{QUOTED}@mlflow:5000").environment == {
        "MLFLOW_TRACKING_URI": "http://mlflow:5000",
        "MLFLOW_TRACKING_USERNAME": "ann",
        "MLFLOW_TRACKING_PASSWORD": SECRET,
    }


def test_password_of_a_database_goes_where_it_is_needed_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = TrackingUri.parse(f"postgresql://ann:{QUOTED}@db/mlflow")
    for name, value in chosen.environment.items():
        monkeypatch.setenv(name, value)
    assert scrub(f"no connection to {chosen.environment['MLFLOW_TRACKING_URI']} with {SECRET}") == (
        "no connection to postgresql://ann:***@db/mlflow with ***"
    )


def test_sweep_has_the_own_store_of_its_runs_folder_at_first(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    chosen = TrackingUri.choose(None, outbox, Stores(tmp_path))
    chosen.keep(outbox)
    assert chosen.is_own
    # wherever that folder is moved to
    assert TrackingUri.choose(None, outbox, Stores(tmp_path / "moved")).shown == f"sqlite:///{tmp_path}/moved/mlflow.db"


def test_database_is_the_same_one_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert TrackingUri.parse("sqlite:///mlflow.db").shown == f"sqlite:///{tmp_path}/mlflow.db"


@pytest.mark.parametrize(
    "text", ["./mlruns", "file:///mlruns", "databricks", f"http://ann:{SECRET}", "http://", "mlflow:5000"]
)
def test_what_is_no_store_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(StoreError, match="mend --tracking-uri or MLFLOW_TRACKING_URI") as refused:
        TrackingUri.parse(text)
    assert SECRET not in str(refused.value)
