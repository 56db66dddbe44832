"""Waiting for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

DEADLINE = 900.0
T = TypeVar("T")


def until(condition: Callable[[], T | None]) -> T:
    """Wait for a condition; only a hang makes the test fail."""
    deadline = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.05)
    return found
