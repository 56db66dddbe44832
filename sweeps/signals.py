"""Signals that end a command."""

from __future__ import annotations

import signal


def end_like_ctrl_c() -> None:
    """Make SIGTERM and a lost connection raise ``KeyboardInterrupt``, so that no worker or server is left behind.

    What is ignored stays so: that is how ``nohup`` asks to be left running.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
