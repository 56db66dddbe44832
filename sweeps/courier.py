"""Keeps a delivery process alive beside a sweep, says when MLflow is away, and waits for the rest at the end."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from types import TracebackType

import psutil
from rich.console import Console
from rich.text import Text

from sweeps import address
from sweeps.outbox import PARENT, Outbox
from sweeps.stores import Stores
from sweeps.tracking_uri import TrackingUri
from trainer.msrun import MARK

_CHECK_SECONDS = 2.0
_SAY_AFTER_SECONDS = 10.0
_SAY_AGAIN_SECONDS = 10.0
_LONGEST_REST_SECONDS = 60.0
_END_SECONDS = 10.0


class Courier:
    """Delivers a sweep's outbox while it runs; a context manager, which at its end waits until all is delivered.

    Args:
        outbox: of the sweep, held by this process.
        stores: of the runs folder.
        sweep: name of the sweep.
        uri: where to deliver to.
        console: where to say what concerns the user.
        patience: seconds without progress after which the end waits no longer; a quarter of it after a failure.
    """

    def __init__(
        self, outbox: Outbox, stores: Stores, sweep: str, uri: TrackingUri, console: Console, patience: float = 60.0
    ) -> None:
        self._outbox, self._stores, self._sweep, self._uri = outbox, stores, sweep, uri
        self._console, self._patience = console, patience
        self._process: subprocess.Popen[bytes] | None = None
        self._rest, self._started, self._checked = 0.0, 0.0, 0.0
        self._away, self._found = False, False
        self._refusals = max((times for times, *_ in outbox.delivered.new_refusals(0)), default=0)
        self._said: set[tuple[str, ...]] = set()

    def __enter__(self) -> Courier:
        """Start delivering; what an orchestrator that was killed left delivering is ended first."""
        self._end_stray()
        self._outbox.clean()
        self.check()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        """Wait for the rest and end the process."""
        try:
            self._drain(self._patience if kind is None else self._patience / 4)
        finally:
            self._end()

    @property
    def pid(self) -> int | None:
        """Process that delivers, if there is one."""
        return None if self._process is None else self._process.pid

    def check(self) -> None:
        """Start the process again where it died, and say what is new; cheap enough for every turn of a loop."""
        if time.monotonic() - self._checked < _CHECK_SECONDS:
            return
        self._checked = time.monotonic()
        try:
            self._revive()
            self._say_trouble()
            self._say_refused()
            self._say_where()
        except (OSError, sqlite3.Error) as error:
            # whatever is wrong with the delivery is no reason to stop a training
            self._say_once(f"MLflow is told nothing now: {error}; records wait on disk, the sweep goes on")

    def _revive(self) -> None:
        if self._process is not None and (code := self._process.poll()) is not None:
            self._process = None
            if self._rest:
                log = self._outbox.folder / "delivery.log"
                self._say_once(f"what delivers to MLflow ended with {code} twice and is started again; see {log}")
            # the longer, the more often it dies
            self._rest = min(max(1.0, 2 * self._rest), _LONGEST_REST_SECONDS)
        if self._process is None and time.monotonic() - self._started > self._rest:
            self._start()

    def _start(self) -> None:
        self._started = time.monotonic()
        environment = {**os.environ, **self._uri.environment}
        # its end is no matter of a trial's
        environment.pop(MARK, None)
        command = [sys.executable, "-m", "sweeps.delivery", self._outbox.folder, self._sweep, self._stores.artifacts]
        with (self._outbox.folder / "delivery.log").open("ab") as log:
            self._process = subprocess.Popen(
                list(map(str, command)),
                env=environment,
                # closed by the kernel, however this process ends
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the sweep, which then waits for the rest to be delivered
                start_new_session=True,
            )

    def _say_trouble(self) -> None:
        trouble = self._outbox.delivered.trouble()
        if trouble is None:
            if self._away:
                self._say(f"MLflow is back; {_records(self._outbox.count_waiting())} to deliver")
            self._away = False
        elif not self._away and time.time() - trouble[0] > _SAY_AFTER_SECONDS:
            self._away = True
            self._say(
                f"MLflow takes nothing now: {trouble[1]} ({self._uri.shown}); records wait on disk, the sweep goes on"
            )

    def _say_refused(self) -> None:
        for times, label, what, error in self._outbox.delivered.new_refusals(self._refusals):
            self._refusals = times
            of = self._sweep if label == PARENT else label
            # a run that somebody deleted refuses every step of its training
            self._say_once(f"MLflow refused {what} of {of} for good: {error}", of, error)

    def _say_where(self) -> None:
        # the experiment is made when the first record is delivered
        if not self._found and address.page(self._outbox, self._uri):
            self._found = True
            self._say(f"MLflow: {address.said(self._outbox, self._uri, self._stores)}")

    def _drain(self, patience: float) -> None:
        waiting, moved, said = self._outbox.count_waiting(), time.monotonic(), time.monotonic()
        while waiting:
            self.check()
            time.sleep(0.1)
            before, waiting = waiting, self._outbox.count_waiting()
            now = time.monotonic()
            if waiting != before:
                moved = now
            if waiting and now - moved > patience:
                trouble = self._outbox.delivered.trouble()
                reason = trouble[1] if trouble else f"see {self._outbox.folder / 'delivery.log'}"
                self._say(
                    f"not delivered to MLflow: {_records(waiting)}: {reason}; they are kept, and "
                    f"`lorasweep deliver {self._sweep} --runs {self._stores.root}` delivers them"
                )
                return
            if waiting and now - said > _SAY_AGAIN_SECONDS:
                said = now
                self._say(f"waiting for MLflow: {_records(waiting)}")
        self._say_trouble()
        self._say_refused()

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._process = None

    def _end_stray(self) -> None:
        """End the process of an orchestrator that is gone: one that was stopped (SIGSTOP) would hold the lock."""
        pid = self._outbox.delivered.process()
        # by what it runs: the number may be another's by now
        with contextlib.suppress(psutil.Error):
            stray = psutil.Process(pid) if pid is not None else None
            if stray is not None and {"sweeps.delivery", str(self._outbox.folder)} <= set(stray.cmdline()):
                stray.kill()
                stray.wait(_END_SECONDS)

    def _say_once(self, text: str, *about: str) -> None:
        about = about or (text,)
        if about not in self._said:
            self._said.add(about)
            self._say(text)

    def _say(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)


def _records(count: int) -> str:
    return f"{count} record{'' if count == 1 else 's'}"
