"""The MLflow server on the sweep's own stores: open on this machine's loopback, behind a password anywhere else."""

from __future__ import annotations

import errno
import ipaddress
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from werkzeug.security import check_password_hash, generate_password_hash

from sweeps.signals import end_like_ctrl_c
from sweeps.stores import StoreError, Stores

PASSWORD = "LORASWEEP_UI_PASSWORD"
"""Environment variable that holds the password of the user ``admin``."""

RUNS, DATABASE = "LORASWEEP_UI_RUNS", "LORASWEEP_DATABASE"
"""Environment variables by which the server's process knows the stores of the Pareto page."""

_APP, _APP_WITH_LOGIN = "lorasweep", "lorasweep-with-login"
_SHORTEST = 12  # characters; MLflow takes none that is shorter
_CONFIG, _USERS = "basic_auth.ini", "basic_auth.db"


@dataclass(frozen=True)
class Server:
    """A server to be started.

    Attributes:
        host: address to listen on.
        names: hosts that browsers may ask for, beside those that are known of this machine.
        password: of the user ``admin``; None: everybody who reaches the port may read and write.
    """

    stores: Stores
    host: str
    port: int
    names: Sequence[str] = ()
    password: str | None = None

    @classmethod
    def plan(cls, stores: Stores, host: str, port: int, names: Sequence[str], environment: Mapping[str, str]) -> Server:
        """Decide whether a password is needed: for any host but the loopback, and wherever one is set.

        Raises:
            StoreError: one is needed and none is set, or it is too short.
        """
        password = environment.get(PASSWORD)
        if password is None and is_loopback(host):
            return cls(stores, host, port, names)
        if password is None:
            raise StoreError(
                f"--host {host}: others could read and change all runs, so a password is needed: "
                f"set {PASSWORD} (at least {_SHORTEST} characters), or leave --host out and use an SSH tunnel"
            )
        if len(password) < _SHORTEST:
            raise StoreError(f"{PASSWORD}: expected at least {_SHORTEST} characters, got {len(password)}")
        return cls(stores, host, port, names, password)

    def argv(self) -> list[str]:
        """Return the command line; it holds no secret."""
        return [
            # by this very python, which exports name; -P: nothing is imported from where the user happens to be
            *(sys.executable, "-P", "-m", "mlflow", "server"),
            f"--backend-store-uri={self.stores.tracking_uri}",
            f"--artifacts-destination={self.stores.artifacts}",
            f"--host={self.host}",
            f"--port={self.port}",
            "--workers=1",
            f"--allowed-hosts={','.join(self.allowed_hosts())}",
            # MLflow's own apps with the Pareto page in them
            f"--app-name={_APP if self.password is None else _APP_WITH_LOGIN}",
        ]

    def allowed_hosts(self) -> list[str]:
        """Return the hosts that a request may name; any other is that of a page which was rebound to this server."""
        hosts = ["localhost", "127.0.0.1", "[::1]", *self.names]
        if not is_loopback(self.host):
            hosts += [self.host, socket.gethostname(), socket.getfqdn(), *_addresses()]
        bracketed = [f"[{name}]" if _is_ipv6(name) else name for name in dict.fromkeys(hosts)]
        # with the port and, where something stands in front of this server, without; [ is a pattern's character
        return [form for name in bracketed for form in (name, f"{name.replace('[', '[[]')}:*")]

    def environment(self) -> dict[str, str]:
        """Return the variables of the server's process, secrets among them."""
        own = {
            # eight more processes that a sweep has no use for
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            RUNS: str(self.stores.root),
        }
        if self.stores.database is not None:
            own[DATABASE] = self.stores.study_url
        if self.password is not None:
            own |= {
                "MLFLOW_AUTH_CONFIG_PATH": str(self.stores.root / _CONFIG),
                "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
                # not in the file: there it would stay
                "MLFLOW_AUTH_ADMIN_PASSWORD": self.password,
                "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
                # what has no rule of its own is refused
                "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
                "MLFLOW_SERVER_ENABLE_GRAPHQL_AUTH": "true",
            }
        kept = {name: value for name, value in os.environ.items() if name != PASSWORD}
        return {**kept, **own}

    def check_port(self) -> None:
        """Raise ``StoreError`` where nothing can listen on host and port: MLflow would say so late, and end with 0."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except OSError as error:
            raise StoreError(f"--host {self.host}: no address of this machine: {error.strerror}") from error
        errors = [failed for address in found if (failed := _cannot_bind(*address)) is not None]
        # localhost may have an IPv6 address that the machine does not
        if errors and (len(errors) == len(found) or errors[0].errno == errno.EADDRINUSE):
            raise StoreError(self._not_bound(errors[0]))

    def _not_bound(self, error: OSError) -> str:
        if error.errno == errno.EADDRINUSE:
            return f"--port {self.port}: in use on {self.host}; end what listens there, or name another --port"
        if error.errno == errno.EACCES:
            return f"--port {self.port}: not allowed to this user; name one from 1024 on"
        return f"--host {self.host}: cannot be listened on: {error.strerror}; name an address of this machine"

    def prepare(self) -> None:
        """Write what the login needs, for this user's eyes only; a password that was changed replaces the old one."""
        if self.password is None:
            return
        users = self.stores.root / _USERS
        # % is a pattern's character in this format
        uri = str(users).replace("%", "%%")
        text = (
            f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{uri}\nadmin_username = admin\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )
        for file in (self.stores.root / _CONFIG, users):
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
            file.chmod(0o600)
        (self.stores.root / _CONFIG).write_text(text, encoding="utf-8")
        _change_password(users, self.password)

    def serve(self) -> int:
        """Run the server until it ends or the user stops it; returns its exit code."""
        self.prepare()
        end_like_ctrl_c()
        with subprocess.Popen(self.argv(), env=self.environment()) as server:
            try:
                return server.wait()
            except KeyboardInterrupt:
                server.terminate()
                server.wait()
                return 0


def _cannot_bind(family: int, kind: int, protocol: int, _: str, address: tuple[Any, ...]) -> OSError | None:
    with socket.socket(family, kind, protocol) as probe:
        # as the server does: what a closed connection left behind is no one who listens
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return error
    return None


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach what listens on ``host``."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _addresses() -> list[str]:
    found = [address for addresses in psutil.net_if_addrs().values() for address in addresses]
    kinds = (socket.AF_INET, socket.AF_INET6)
    return [address.address.partition("%")[0] for address in found if address.family in kinds]


def _change_password(users: Path, password: str) -> None:
    """Set the password of a user that is there already: MLflow looks at the configured one at the first start only."""
    try:
        with closing(sqlite3.connect(users, timeout=30)) as database, database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'users'").fetchone():
                return
            found = database.execute("SELECT password_hash FROM users WHERE username = 'admin'").fetchone()
            if found is not None and not check_password_hash(found[0], password):
                made = generate_password_hash(password)
                database.execute("UPDATE users SET password_hash = ? WHERE username = 'admin'", (made,))
    except sqlite3.Error as error:
        raise StoreError(f"{users}: cannot be written: {error}; mend or remove it") from error
