"""A line of log now and then while a worker decodes: a log that grows is how its launch is seen to live."""

from __future__ import annotations

import time
from collections.abc import Callable

_EVERY_SECONDS = 30.0


class Progress:
    """Prints how many items are decoded: at the first call, then every 30 s at most, and at the last item.

    Args:
        name: of what is measured.
        total: items in all.
        clock: seconds, never going back.
    """

    def __init__(self, name: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._total, self._clock = name, total, clock
        self._printed: float | None = None

    def __call__(self, done: int) -> None:
        """Say that ``done`` items are decoded."""
        now = self._clock()
        if self._printed is None or now - self._printed >= _EVERY_SECONDS or done == self._total:
            self._printed = now
            print(f"{self._name}: {done} of {self._total} items decoded", flush=True)
