"""The delivery of an outbox to MLflow: a process of its own, which may be killed at any moment.

``python -m sweeps.delivery OUTBOX SWEEP ARTIFACTS``, the store in MLFLOW_TRACKING_URI; it ends with whoever holds the
other end of its standard input, some seconds later at most.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from filelock import FileLock, Timeout

from sweeps.outbox import Outbox
from sweeps.tracking_uri import scrub

_WINDOW = 2000  # records that are looked at together; what many runs say in turns goes in few calls
_IDLE_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0
_GRACE_SECONDS = 5.0


class Delivery:
    """Delivers what is in an outbox, in order.

    Args:
        outbox: of the sweep.
        sweep: its name.
        uri: of the tracking store.
        artifacts: folder for artifacts where the store is a database.
        ending: set when nothing more is appended.
    """

    def __init__(self, outbox: Outbox, sweep: str, uri: str, artifacts: Path, ending: threading.Event) -> None:
        # two seconds and 170 MB, and only here
        from sweeps.mlflow_store import MlflowStore

        self._outbox, self._ending = outbox, ending
        self._store = MlflowStore(outbox, uri, sweep, artifacts)
        outbox.delivered.set_trouble("")

    def run(self, give_up: Callable[[str], bool]) -> bool:
        """Deliver until all is told and nothing more can come; returns whether all is told.

        Args:
            give_up: whether to end for this reason, for which nothing could be delivered just now.
        """
        wait = 0.0
        while True:
            try:
                if wait:
                    self._store.recover()
                told = self._step()
                wait = 0.0
            except _unavailable() as error:
                reason = scrub(str(error))
                self._outbox.delivered.set_trouble(reason)
                if give_up(reason):
                    return False
                wait = min(max(0.5, 2 * wait), _LONGEST_WAIT_SECONDS)
                self._ending.wait(wait) if not self._ending.is_set() else time.sleep(min(wait, 1.0))
                continue
            if not told:
                if self._ending.is_set():
                    return True
                self._ending.wait(_IDLE_SECONDS)

    def _step(self) -> bool:
        """Tell the next records; returns whether there were any."""
        records, delivered = self._outbox.waiting(_WINDOW), self._outbox.delivered
        for record in self._store.apply(records):
            delivered.move(record.id)
            if record.kind == "file" and not delivered.is_refused(record.id):
                self._outbox.remove_file(record.id)
        if not records:
            self._store.settle()
        if delivered.trouble() is not None:
            delivered.set_trouble("")
        return bool(records)


def _unavailable() -> type[Exception]:
    from sweeps.mlflow_calls import Unavailable

    return Unavailable


def deliver(outbox: Outbox, sweep: str, uri: str, artifacts: Path, patience: float) -> str:
    """Deliver all that waits now, in this process; returns why not all could be, or nothing.

    Args:
        patience: seconds without any progress after which it is given up.
    """
    ending = threading.Event()
    ending.set()
    seen = [outbox.delivered.position(), time.monotonic()]

    def give_up(reason: str) -> bool:
        said.append(reason)
        if outbox.delivered.position() != seen[0]:
            seen[:] = [outbox.delivered.position(), time.monotonic()]
        return time.monotonic() - seen[1] > patience

    said: list[str] = [""]
    try:
        with lock(outbox).acquire(timeout=0):
            done = Delivery(outbox, sweep, uri, artifacts, ending).run(give_up)
    except Timeout:
        return "another process delivers it now, that of a running `lorasweep start` or `deliver`"
    return "" if done else said[-1]


def lock(outbox: Outbox) -> FileLock:
    """Return the lock of whoever delivers an outbox."""
    return FileLock(outbox.folder / "delivery.lock")


class _Scrubbed:
    """A stream that no secret passes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(scrub(text))

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def _watch(ending: threading.Event) -> None:
    """Wait for the end of the orchestrator, however it ends; then this process may not stay."""
    while os.read(0, 1):
        pass
    ending.set()
    time.sleep(_GRACE_SECONDS)
    # even amid a request: whatever was not marked is told again
    os._exit(3)


def main(folder: str, sweep: str, artifacts: str) -> None:
    """Deliver for an orchestrator until it ends."""
    sys.stdout, sys.stderr = _Scrubbed(sys.stdout), _Scrubbed(sys.stderr)
    ending = threading.Event()
    threading.Thread(target=_watch, args=(ending,), daemon=True).start()
    outbox = Outbox(Path(folder))
    with lock(outbox):
        outbox.delivered.set_process(os.getpid())
        Delivery(outbox, sweep, os.environ["MLFLOW_TRACKING_URI"], Path(artifacts), ending).run(lambda _: False)
    # not by way of threads and pools that mlflow may have left
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
