"""Signals that end a command."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_like_ctrl_c() -> None:
    """Make SIGTERM and a lost connection raise ``KeyboardInterrupt``, so that no server is left behind.

    What is ignored stays so: that is how ``nohup`` asks to be left running.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


class Asked:
    """Counts the signals that ask a sweep to stop: Ctrl-C, SIGTERM, a lost connection; a context manager.

    Once: running jobs finish their rung. Twice: they are stopped now. What is ignored stays so.
    """

    def __init__(self) -> None:
        self.times = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Asked:
        """Count from now on."""
        for number in _ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._count)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        """Let signals do what they did."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _count(self, number: int, frame: FrameType | None) -> None:
        self.times += 1
