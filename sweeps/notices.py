"""What happened in a sweep that somebody wants to be told of: each once, on disk until it was sent.

What is told of trials follows from what the sweep knows and what was told before, so that a crash loses and doubles
nothing; a quarantine is kept here before it is done.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sweeps.config import Objective
from sweeps.notify import Happening
from sweeps.results import Front, Result
from sweeps.stores import StoreError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS told (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_BEGUN = "begun"


@dataclass(frozen=True)
class Notice:
    """One thing that happened; what does not apply is null in the message.

    Attributes:
        text: it as a sentence, as chat programs show it.
        trial: name of the trial.
        rung: that the trial was measured at, below the last.
        values: objective -> value, of the trial or, at the end, of the knee.
        state: how the sweep ended: ``complete``, ``stopped`` (by the user) or ``failed``.
        reason: why it failed.
    """

    event: Happening
    text: str
    trial: str | None = None
    rung: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    state: str | None = None
    reason: str | None = None
    host: str | None = None
    slot: int | None = None


class Notices:
    """What of one sweep is to be told, and was.

    Args:
        file: database; made where it is not there.
        sweep: its name.
        objectives: whose values are told.
        events: what is told of; of the rest is only kept that it happened.
        channels: ways by which everything is sent.
        url: where a browser finds the sweep in MLflow, if that is known.
        wake: called when something waits to be sent.
        say: called with what concerns the user.

    Raises:
        StoreError: the database cannot be opened. If it cannot be written later, that is said and the sweep goes on.
    """

    def __init__(
        self,
        file: Path,
        sweep: str,
        objectives: Sequence[Objective],
        events: Collection[Happening],
        channels: Sequence[str],
        url: Callable[[], str | None],
        wake: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._file, self._sweep, self._objectives = file, sweep, objectives
        self._events, self._channels, self._url, self._wake = events, channels, url, wake
        self._say, self._complained = say, False
        self._ended = 0
        self._knee: Result | None = None
        try:
            self._database = open_notices(file)
            self._told = dict(self._database.execute("SELECT name, value FROM told").fetchall())
        except sqlite3.Error as error:
            raise StoreError(f"{file}: cannot be opened: {error}; mend or remove it") from error

    def look(self, results: Sequence[Result], front: Front) -> None:
        """Tell what is new: trials that failed, another knee; at the first look of all, nothing.

        Args:
            results: every trial as it is now.
        """
        self._knee = front.knee
        self._ended = sum(bool(result.values) or result.state == "failed" for result in results)
        fresh: list[tuple[str, str, Notice]] = []
        for result in results:
            if result.state == "failed" and f"failed {result.label}" not in self._told:
                text = f"{self._sweep}: {result.label} failed: {result.reason}"
                notice = Notice("failed", text, result.label, result.rung, reason=result.reason)
                fresh.append((f"failed {result.label}", result.reason, notice))
        if front.knee is not None and self._told.get("knee") != front.knee.point:
            text = f"{self._sweep}: the knee of the front is now {front.knee.point}: {self._values_text()}"
            notice = Notice("knee", text, front.knee.label, self._rung(), self._values())
            fresh.append(("knee", front.knee.point, notice))
        if _BEGUN in self._told:
            self._keep({name: value for name, value, _ in fresh}, [notice for *_, notice in fresh])
        else:
            self._keep({_BEGUN: "", **{name: value for name, value, _ in fresh}}, [])

    def quarantined(self, host: str, slot: int, reason: str) -> None:
        """Tell that a slot gets no more jobs."""
        text = f"{self._sweep}: slot {slot} of {host} gets no more jobs: {reason}"
        self._keep({}, [Notice("quarantined", text, reason=reason, host=host, slot=slot)])

    def ended(self, state: str, reason: str | None) -> None:
        """Tell that the sweep ended; of one that was complete, once, unless more trials ended since."""
        now = f"{state} {self._ended}"
        if state == "complete" and self._told.get("ended") == now:
            return
        knee = f"knee {self._knee.point}: {self._values_text()}" if self._knee else "no trial holds all gates"
        text = f"{self._sweep}: {state}; {knee}" + (f"; {reason}" if reason else "")
        label = None if self._knee is None else self._knee.label
        self._keep({"ended": now}, [Notice("done", text, label, self._rung(), self._values(), state, reason)])

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _keep(self, told: Mapping[str, str], notices: Sequence[Notice]) -> None:
        wanted = [(channel, self._body(n)) for n in notices if n.event in self._events for channel in self._channels]
        if not told and not wanted:
            return
        try:
            with self._database:
                self._database.executemany("INSERT OR REPLACE INTO told VALUES (?, ?)", told.items())
                self._database.executemany("INSERT INTO waiting (channel, body) VALUES (?, ?)", wanted)
        except sqlite3.Error as error:
            # what follows from the state of the sweep is told at the next look
            if not self._complained:
                self._complained = True
                self._say(f"notify: {self._file}: cannot be written: {error}; the sweep goes on")
            return
        self._told |= told
        if wanted:
            self._wake()

    def _body(self, notice: Notice) -> str:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        head = {"id": uuid.uuid4().hex, "sweep": self._sweep, "time": now, "url": self._url()}
        return json.dumps({**head, **asdict(notice)}, ensure_ascii=False)

    def _rung(self) -> int | None:
        return None if self._knee is None or self._knee.point == self._knee.label else self._knee.rung

    def _values(self) -> dict[str, float]:
        return {} if self._knee is None else {o.metric: self._knee.values[o.metric] for o in self._objectives}

    def _values_text(self) -> str:
        return ", ".join(f"{metric} {value:.4g}" for metric, value in self._values().items())


def open_notices(file: Path) -> sqlite3.Connection:
    """Open the database, once a thread; raises ``sqlite3.Error``."""
    database = sqlite3.connect(file, timeout=30)
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript(_SCHEMA)
    return database
