"""Ways by which a sweep tells somebody: a webhook, a program."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from trainer.msrun import MARK

_BUSY = (408, 429)  # HTTP: a request that took too long, too many requests
_TIMEOUT_SECONDS = 10.0


class NotTaken(Exception):
    """A message was not taken; why, without any secret.

    Attributes:
        later: the same may be taken later: whoever takes it is away or too busy.
    """

    def __init__(self, reason: str, *, later: bool = False) -> None:
        super().__init__(reason)
        self.later = later


class Channel(Protocol):
    """One way to tell somebody.

    Attributes:
        name: by which what waits for it is kept.
    """

    name: str

    def send(self, body: str) -> None:
        """Hand over one message, JSON; raises ``NotTaken``."""

    def stop(self) -> None:
        """Give up what is being sent in another thread."""


class Webhook:
    """Posts to a URL.

    Args:
        url: shown to nobody but for the host.
    """

    name = "webhook"

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, body: str) -> None:
        """Post a message; any answer but a 2xx means that it was not taken."""
        import requests

        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "lorasweep"}
        try:
            # what is answered is of no interest; a redirect would hand the message to somebody else
            with requests.post(
                self._url, body.encode(), headers=headers, timeout=_TIMEOUT_SECONDS, allow_redirects=False, stream=True
            ) as answer:
                status = answer.status_code
        except (requests.RequestException, OSError, ValueError) as error:
            # its text quotes the URL
            raise NotTaken(f"{self._host}: {type(error).__name__}", later=True) from None
        if not 200 <= status < 300:
            raise NotTaken(f"{self._host} answers {status}", later=status >= 500 or status in _BUSY)

    def stop(self) -> None:
        """Leave it to its time-out."""

    @property
    def _host(self) -> str:
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.hostname}"


@dataclass
class Command:
    """Runs a program for each message, which gets it on its standard input.

    Attributes:
        log: what the program prints.
    """

    argv: Sequence[str]
    log: Path
    name: str = "command"
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def send(self, body: str) -> None:
        """Run the program; any exit code but 0 means that the message was not taken."""
        environment = {name: value for name, value in os.environ.items() if name != MARK}
        try:
            with self.log.open("ab") as log:
                self._process = process = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    # Ctrl-C is for the sweep
                    start_new_session=True,
                )
            process.communicate(body.encode(), _TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.stop()
            raise NotTaken(f"{self.argv[0]} took more than {_TIMEOUT_SECONDS:.0f} s") from None
        except OSError as error:
            raise NotTaken(f"{self.argv[0]}: {error.strerror}") from None
        if process.returncode:
            raise NotTaken(f"{self.argv[0]} ended with {process.returncode}; see {self.log}")

    def stop(self) -> None:
        """End the program and what it started."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
