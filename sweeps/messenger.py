"""Sends what a sweep has to tell, a thread for each way: whatever becomes of it there, the sweep goes on meanwhile.

A message is taken off the disk after it was taken there: where this process dies in between, it is sent once more, with
the same ``id``.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.text import Text

from sweeps.channels import Channel, NotTaken
from sweeps.notices import open_notices

_PAUSES = (1.0, 5.0)  # seconds between the first attempts
_LATER, _LATEST = 30.0, 600.0  # seconds between those after, doubled each time
_END_SECONDS = 15.0


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
        self._complained: set[str] = set()
        self._left = False
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
        if any(thread.is_alive() for thread in self._threads) or self._left:
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
        wake, pause = self._wakes[channel.name], _LATER
        with contextlib.closing(open_notices(self._file)) as database:
            while True:
                # before looking: whatever comes after the look sets it again
                wake.clear()
                away = self._send_all(database, channel)
                if self._ending.is_set() and (away or not wake.is_set()):
                    self._left = self._left or away
                    return
                wake.wait(pause if away else None)
                pause = min(2 * pause, _LATEST) if away else _LATER

    def _send_all(self, database: sqlite3.Connection, channel: Channel) -> bool:
        """Send what waits, in order; returns whether something is left that may be taken later."""
        for number, body in _waiting(database, channel.name):
            fault = self._send(channel, body)
            if fault is not None and (fault.later or self._over.is_set()):
                self._complain(
                    channel, f"{fault}; tried again until it is taken, after the sweep by `lorasweep resume`"
                )
                return True
            if fault is not None:
                self._complain(channel, f"{fault}; the message is dropped")
            with database:
                database.execute("DELETE FROM waiting WHERE id = ?", (number,))
        return False

    def _complain(self, channel: Channel, text: str) -> None:
        if channel.name not in self._complained:
            self._complained.add(channel.name)
            self.say(f"notify: {text}; no other fault of this kind is said")

    def _send(self, channel: Channel, body: str) -> NotTaken | None:
        """Send a message, some times where it is not taken; returns why it was not."""
        for pause in (*_PAUSES, None):
            try:
                channel.send(body)
                return None
            except NotTaken as error:
                fault = error
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
