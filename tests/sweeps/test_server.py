from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.server import PASSWORD, Server
from sweeps.stores import StoreError, Stores
from tests.serving import running, status
from trainer.slots import free_port

SECRET = "correct horse % battery"


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    stores = Stores(tmp_path / "a'; echo 训练 50%")
    stores.create()
    return stores


def test_server_with_a_password_lets_nobody_in_without_it(stores: Stores) -> None:
    server = Server.plan(stores, "127.0.0.1", free_port(), (), {PASSWORD: SECRET})
    # what an attacker is after: pages, data, files
    paths = ("/", "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0", "/get-artifact?path=x&run_uuid=y")
    answers = ("importance.json", "export.zip", "sweeps.json")
    pages = ("/pareto", "/pareto.json", "/pareto/page.js", *(f"/pareto/{answer}" for answer in answers))
    with running(server) as address:
        assert {status(address + path) for path in (*paths, *pages)} == {401}
        assert status(address + "/pareto", SECRET) == 200
        assert status(address + "/pareto.json", SECRET, "evil.example") == 403
        assert status(address + paths[0], "password1234") == 401
        assert status(address + paths[1], SECRET) == 200
        assert status(address + paths[1], SECRET, "evil.example") == 403
        # at the next start another password is set, and that is the one that counts
        Server.plan(stores, "127.0.0.1", server.port, (), {PASSWORD: SECRET[::-1]}).prepare()
        assert status(address + paths[1], SECRET) == 401
        assert status(address + paths[1], SECRET[::-1]) == 200
    for name in ("basic_auth.ini", "basic_auth.db"):
        assert (stores.root / name).stat().st_mode & 0o777 == 0o600
        assert SECRET.encode() not in (stores.root / name).read_bytes()


def test_port_in_use_and_host_of_another_machine_are_said_before_anything_starts(
    stores: Stores, cli: Callable[..., tuple[int, str, str]]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, error = cli("ui", "--runs", stores.root, "--port", port)
        assert (code, out) == (2, "")
        assert f"--port {port}: in use on 127.0.0.1; end what listens there, or name another --port" in error
    Server.plan(stores, "localhost", port, (), {}).check_port()
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(StoreError, match=f"--host {host}: "):
            Server.plan(stores, host, port, (), {PASSWORD: SECRET}).check_port()


def test_secrets_are_in_no_command_line(stores: Stores) -> None:
    server = Server.plan(stores, "0.0.0.0", 5000, (), {PASSWORD: SECRET})
    assert SECRET not in " ".join(server.argv())
    assert PASSWORD not in server.environment()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "gpu-box"])
def test_other_hosts_than_the_loopback_need_a_password(
    cli: Callable[..., tuple[int, str, str]], stores: Stores, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PASSWORD, raising=False)
    (stores.root / "sweeps.db").touch()
    code, _, error = cli("ui", "--runs", stores.root, "--host", host)
    assert code == 2
    assert f"set {PASSWORD}" in error


def test_short_password_is_refused_and_not_shown(stores: Stores) -> None:
    with pytest.raises(StoreError, match="at least 12 characters, got 6") as refused:
        Server.plan(stores, "0.0.0.0", 5000, (), {PASSWORD: "s3cret"})
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_needs_none(stores: Stores, host: str) -> None:
    assert Server.plan(stores, host, 5000, (), {}).password is None


def test_only_names_of_this_machine_and_those_given_are_answered_to(stores: Stores) -> None:
    loopback = Server.plan(stores, "127.0.0.1", 5000, ("mlflow.lab",), {}).allowed_hosts()
    assert {"localhost:*", "127.0.0.1:*", "mlflow.lab"} <= set(loopback)
    assert os.uname().nodename not in loopback
    assert os.uname().nodename in Server.plan(stores, "0.0.0.0", 5000, (), {PASSWORD: SECRET}).allowed_hosts()
