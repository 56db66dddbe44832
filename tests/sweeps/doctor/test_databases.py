from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sweeps.database import parse
from sweeps.doctor import databases
from sweeps.doctor.finding import Finding
from sweeps.doctor.subject import Subject
from sweeps.lease import Lease
from sweeps.outbox import FOLDER, Outbox
from sweeps.stores import Stores
from tests.sweeps.doctor.made import examined, said
from trainer.slots import free_port


def run(subject: Subject, name: str) -> list[Finding]:
    (check,) = [check for check in databases.checks(subject) if check.name == name]
    return check.run()


@contextmanager
def server(code: int) -> Iterator[str]:
    """Serve what answers every request with ``code``; gives its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            # MLflow's own: a user and password, or none
            self.send_response(200 if self.headers.get("Authorization") == "Basic YW5uOnNlY3JldA==" else code)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    served = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{served.server_port}"
    finally:
        served.shutdown()
        thread.join()
        served.server_close()


def test_databases_that_are_not_there_yet_are_well(tmp_path: Path) -> None:
    subject = Subject(Stores(tmp_path / "runs"))
    assert [f.level for name in ("studies", "MLflow") for f in run(subject, name)] == ["ok", "ok"]
    assert not (tmp_path / "runs").exists()


def test_database_without_a_sweep_is_reachable_and_left_empty(tmp_path: Path, url: str) -> None:
    if url.startswith("sqlite"):
        (tmp_path / "sweeps.db").touch()
    subject = Subject(Stores(tmp_path / "runs", parse(url)))
    for _ in range(2):
        (finding,) = run(subject, "studies")
        assert finding.level == "ok"
        assert finding.text.endswith("reachable; no sweep was started in it yet")


def test_sweep_that_runs_is_warned_of_with_who_runs_it(tmp_path: Path, url: str) -> None:
    read = examined(tmp_path)
    subject = Subject(Stores(tmp_path / "runs", parse(url)), read.config, read.plan)
    with Lease.acquire(url, "short"):
        _, held = run(subject, "studies")
    assert (held.level, held.text.split(" since")[0]) == (
        "warn",
        f"short is run by process {os.getpid()} on {os.uname().nodename}",
    )
    assert said(run(subject, "studies"))[1] == ("ok", "no process runs short")


def test_database_that_is_away_fails_without_the_password(tmp_path: Path) -> None:
    away = parse(f"postgresql://ann:s3cret@127.0.0.1:{free_port()}/sweeps")
    (finding,) = run(Subject(Stores(tmp_path, away)), "studies")
    assert finding.level == "fail"
    assert "cannot be read or written" in finding.text
    assert "s3cret" not in finding.text


@pytest.mark.parametrize(("file", "name"), [("sweeps.db", "studies"), ("mlflow.db", "MLflow")])
def test_file_that_is_no_database_fails(tmp_path: Path, file: str, name: str) -> None:
    (tmp_path / file).write_text("no database at all, but long enough to be taken for one" * 20)
    assert [f.level for f in run(Subject(Stores(tmp_path)), name)] == ["fail"]


@pytest.mark.parametrize(
    ("code", "level", "text"),
    [
        (200, "ok", "reachable"),
        (401, "fail", "refuses this user: 401"),
        (404, "fail", "answers 404, as no MLflow server"),
    ],
)
def test_server_is_asked_as_this_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, level: str, text: str
) -> None:
    with server(code) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        (finding,) = run(Subject(Stores(tmp_path)), "MLflow")
    assert finding.level == level
    assert finding.text.startswith(f"{address}: {text}")


def test_password_in_the_address_is_used_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(401) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("//", "//ann:secret@"))
        assert said(run(Subject(Stores(tmp_path)), "MLflow")) == [("ok", f"{address}: reachable")]


def test_server_that_is_away_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    (finding,) = run(Subject(Stores(tmp_path)), "MLflow")
    assert finding.level == "warn"
    assert "records of a sweep wait on disk" in finding.advice


def test_server_that_the_sweep_remembers_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    subject = examined(tmp_path)
    outbox = Outbox(subject.stores.sweep("short") / FOLDER)
    with server(200) as address:
        outbox.remember("uri", address)
        outbox.close()
        assert said(run(subject, "MLflow")) == [("ok", f"{address}: reachable")]


def test_tracking_uri_that_is_none_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "somewhere")
    (finding,) = run(Subject(Stores(tmp_path)), "MLflow")
    assert finding.level == "fail"
    assert finding.text.startswith("tracking URI: expected http(s)://")


def test_database_of_mlflow_elsewhere_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgres.replace("postgresql:", "postgresql+psycopg:"))
    (finding,) = run(Subject(Stores(tmp_path)), "MLflow")
    assert finding.level == "ok"
