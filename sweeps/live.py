"""What the user sees while a sweep runs: a live picture on a terminal, plain lines in a pipe or a log."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.live import Live

from sweeps.cells import literal
from sweeps.config import Objective
from sweeps.picture import Picture
from sweeps.snapshot import Snapshot
from sweeps.view import number, settings_text

_PLAIN_SECONDS, _DAY_SECONDS = 30.0, 24 * 3600.0


class View:
    """Shows a running sweep; a context manager.

    Args:
        console: where to write; a live picture where it is a terminal, else a line an event.
        unit: what rungs count.
    """

    def __init__(self, console: Console, objectives: Sequence[Objective], unit: str) -> None:
        self._console, self._objectives, self._unit = console, objectives, unit
        self._is_over = False
        # not by rich's word alone: where FORCE_COLOR is set, as CI does, it takes a log for a terminal
        redraws = console.is_interactive and console.file.isatty()
        self._live = Live(console=console, refresh_per_second=2, transient=True) if redraws else None
        self._spoken = time.monotonic()

    def __enter__(self) -> View:
        """Start the live picture."""
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        if self._live:
            self._live.stop()

    def say(self, text: str, at: float | None = None) -> None:
        """Print one line that stays.

        Args:
            at: when it happened, UTC epoch seconds, for the line to tell; None: now. So of every event below.
        """
        self._console.print(literal(text if at is None else f"{clock(at)}  {text}"), soft_wrap=True)

    def started(
        self, label: str, configuration: Mapping[str, object], rung: int | None, at: float | None = None
    ) -> None:
        """A job was launched."""
        configured = settings_text(configuration) or "the untouched base model"
        self.say(f"{label} started{self._to(rung, 'to')}  {configured}", at)

    def finished(
        self, label: str, values: Mapping[str, float], seconds: float, rung: int | None, at: float | None = None
    ) -> None:
        """A job measured its values."""
        measured = "  ".join(f"{o.metric}={number(values.get(o.metric))}" for o in self._objectives)
        self.say(f"{label} done{self._to(rung, 'at')} in {seconds:.0f} s  {measured}", at)

    def over(self, part: str) -> None:
        """A part of the budget is used up; said once."""
        if not self._is_over:
            self.say(f"budget: no {part} left; running jobs finish, nothing new starts")
        self._is_over = True

    def _to(self, rung: int | None, word: str) -> str:
        return "" if rung is None else f" {word} {self._unit.removesuffix('s')} {rung}"

    def failed(self, label: str, reason: str, at: float | None = None) -> None:
        """A job ended without a measurement."""
        self.say(f"{label} failed: {reason}", at)

    def show(self, snapshot: Snapshot) -> None:
        """Show the state of now: redrawn on a terminal, a line every half minute elsewhere."""
        if self._live:
            self._live.update(Picture(snapshot))
        elif time.monotonic() - self._spoken > _PLAIN_SECONDS:
            self._spoken = time.monotonic()
            self.say(snapshot.line)


def clock(at: float) -> str:
    """Return the local time of day of UTC epoch seconds, with the date where that is more than a day ago."""
    return time.strftime("%H:%M" if time.time() - at < _DAY_SECONDS else "%Y-%m-%d %H:%M", time.localtime(at))
