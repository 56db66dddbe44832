"""Sends what a sweep has to tell, a thread for each way: whatever becomes of it there, the sweep goes on meanwhile.

A message is taken off the disk after it was taken there: where this process dies in between, it is sent once more, with
the same ``id``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from sweeps.notices import open_notices
from trainer.msrun import MARK

_PAUSES = (1.0, 5.0)  # seconds between the attempts
_TIMEOUT_SECONDS = 10.0
_END_SECONDS = 15.0


class NotTaken(Exception):
    """A message was not taken; why, without any secret."""


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
            raise NotTaken(f"{self._host}: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise NotTaken(f"{self._host} answers {status}")

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


class Messenger:
    """Sends, in threads of its own, what waits in a database; a context manager, which waits some seconds at its end.

    Args:
        file: database of ``sweeps.notices``.
        channels: each has a thread, so that one that hangs holds up no other.
        console: where it is said, once for each of them, that something was not taken.
    """

    def __init__(self, file: Path, channels: Sequence[Channel], console: Console) -> None:
        self._file, self._channels, self._console = file, channels, console
        self._ending, self._over = threading.Event(), threading.Event()
        self._wakes = {channel.name: threading.Event() for channel in channels}
        self._threads = [threading.Thread(target=self._run, args=(channel,), daemon=True) for channel in channels]

    def __enter__(self) -> Messenger:
        """Start; what an earlier process left is sent first."""
        self.wake()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        """Wait for what is on its way."""
        self._ending.set()
        self.wake()
        end = time.monotonic() + _END_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            self.say("not all notifications were sent; `lorasweep resume` sends them")
        self._over.set()
        for channel in self._channels:
            channel.stop()

    def wake(self) -> None:
        """Something waits."""
        for wake in self._wakes.values():
            wake.set()

    def _run(self, channel: Channel) -> None:
        try:
            self._serve(channel)
        except sqlite3.Error as error:
            self.say(f"notify: nothing is sent any more: {self._file}: {error}")

    def _serve(self, channel: Channel) -> None:
        wake, complained = self._wakes[channel.name], False
        with contextlib.closing(open_notices(self._file)) as database:
            while True:
                wake.wait()
                # before looking: whatever comes after the look sets it again
                wake.clear()
                for number, body in _waiting(database, channel.name):
                    fault = self._send(channel, body)
                    if fault and self._over.is_set():
                        return  # it is kept for the next process
                    if fault and not complained:
                        complained = True
                        self.say(f"notify: {fault}; the message is dropped, and no other of this kind is said")
                    with database:
                        database.execute("DELETE FROM waiting WHERE id = ?", (number,))
                if self._ending.is_set() and not wake.is_set():
                    return

    def _send(self, channel: Channel, body: str) -> str:
        """Send a message, some times where it is not taken; returns why it was not, or nothing."""
        fault = ""
        for pause in (*_PAUSES, None):
            try:
                channel.send(body)
                return ""
            except NotTaken as error:
                fault = str(error)
            if pause is None or self._over.is_set():
                break
            self._ending.wait(pause)
        return fault

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(Text(text), soft_wrap=True)


def _waiting(database: sqlite3.Connection, channel: str) -> Iterator[tuple[int, str]]:
    query = "SELECT id, body FROM waiting WHERE channel = ? ORDER BY id"
    yield from database.execute(query, (channel,)).fetchall()
