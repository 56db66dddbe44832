"""Where the records of a sweep are delivered to, its secrets apart from all that is shown or kept."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from sweeps.outbox import Outbox
from sweeps.stores import StoreError, Stores

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_SECRET = re.compile(r"pass|secret|token|key", re.IGNORECASE)


@dataclass(frozen=True)
class TrackingUri:
    """A tracking store.

    Attributes:
        shown: without secrets; for messages, and to be remembered.
        environment: variables that a process needs to open it; may hold secrets.
        is_own: whether it is the runs folder's own database.
    """

    shown: str
    environment: Mapping[str, str]
    is_own: bool = False

    @property
    def place(self) -> str:
        """The store's name in what is kept of a delivery; an SQLite file may be moved with its folder."""
        return self.shown.partition("://")[0] if self.shown.startswith("sqlite") else self.shown

    @classmethod
    def parse(cls, text: str) -> TrackingUri:
        """Read a URI; ``user:password@`` in one of a server becomes MLflow's own variables for them.

        Raises:
            StoreError: it is no server's and no database's.
        """
        scheme = text.partition("://")[0].partition("+")[0]
        try:
            if scheme in ("http", "https"):
                return cls._server(text)
            if scheme in _DATABASES:
                return cls._database(text)
        except (ValueError, ArgumentError):
            # the reasons that the parsers give quote what they read
            pass
        raise StoreError(
            "tracking URI: expected http(s)://HOST:PORT of an MLflow server or a database URL of MLflow's "
            f"({', '.join(_DATABASES)}); mend --tracking-uri or MLFLOW_TRACKING_URI"
        )

    @classmethod
    def _server(cls, text: str) -> TrackingUri:
        parts = urlsplit(text)
        if not parts.hostname or parts.query or parts.fragment:
            raise ValueError
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = "" if parts.port is None else f":{parts.port}"
        shown = urlunsplit((parts.scheme, host + port, parts.path.rstrip("/"), "", ""))
        environment = {"MLFLOW_TRACKING_URI": shown}
        if parts.username is not None:
            environment["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username)
            environment["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password or "")
        return cls(shown, environment)

    @classmethod
    def _database(cls, text: str) -> TrackingUri:
        url = make_url(text)
        if url.get_backend_name() == "sqlite" and url.database:
            # whoever delivers later may do so from another folder
            url = url.set(database=str(Path(url.database).absolute()))
        query = {name: value for name, value in url.query.items() if not _SECRET.search(name)}
        shown = URL.create(url.drivername, url.username, None, url.host, url.port, url.database, query)
        full = url.render_as_string(hide_password=False)
        return cls(shown.render_as_string(), {"MLFLOW_TRACKING_URI": full})

    @classmethod
    def choose(cls, given: str | None, outbox: Outbox, stores: Stores) -> TrackingUri:
        """Return the store of a sweep: the given one, else the one it had before, else the runs folder's own."""
        known = outbox.fact("uri")
        chosen = cls(stores.tracking_uri, {"MLFLOW_TRACKING_URI": stores.tracking_uri}, is_own=True)
        if given or known:
            chosen = cls.parse(given or str(known))
        return chosen

    def keep(self, outbox: Outbox) -> None:
        """Keep it for the sweep's later commands, without its secrets."""
        kept = "" if self.is_own else self.shown
        if outbox.fact("uri") != kept:
            outbox.forget_tags()
        outbox.remember("uri", kept)


def scrub(text: str) -> str:
    """Return a text without the secrets that this process was given for its tracking store."""
    secrets = [os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("PASSWORD", "TOKEN")]
    parts = urlsplit(os.environ.get("MLFLOW_TRACKING_URI", ""))
    secrets += [parts.password or "", unquote(parts.password or "")]
    secrets += [pair.partition("=")[2] for pair in parts.query.split("&") if _SECRET.search(pair.partition("=")[0])]
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return text
