"""One log of a launch, as far as it is read: its text, what time it was at a place, the line that stands there."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# A root cause may stand before hours of noise, and a log of days must not be read whole: its first part holds what
# went wrong at the start, its last part what ended it. Real logs of 5 epochs (0.8 MB) are read whole.
HEAD_BYTES, TAIL_BYTES = 1_000_000, 3_000_000

_LINE_LENGTH = 500
_NEAR = 20_000  # characters looked back for the time, the line's start or the start of a traceback
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[- ]\d\d:\d\d:\d\d[.,]\d{3}")
_TRACEBACK = "Traceback (most recent call last):"
_HANDLED = "During handling of the above exception, another exception occurred:"


@dataclass(frozen=True)
class LogText:
    """What was read of one log.

    Attributes:
        place: the log's among those of its launch.
        text: begins with a line's end, so that every line does.
    """

    log: Path
    place: int
    text: str

    @classmethod
    def read(cls, log: Path, place: int) -> LogText:
        """Read the first and the last part of a log, all of a short one, nothing of one that cannot be read."""
        data = b"\n"
        with contextlib.suppress(OSError), log.open("rb") as file:
            data += file.read(HEAD_BYTES)
            # where they meet, nothing is read twice, and lines that were cut are not joined
            rest = max(HEAD_BYTES, file.seek(0, os.SEEK_END) - TAIL_BYTES)
            file.seek(rest)
            data += (b"\n" if rest > HEAD_BYTES else b"") + file.read(TAIL_BYTES)
        text = data.decode("utf-8", "replace")
        return cls(log, place, text.replace("\r\n", "\n").replace("\r", "\n"))

    def key(self, position: int) -> tuple[str, int, int]:
        """Sort positions by time, then by log, then by place; the time is the last one logged up to there.

        Python's tracebacks have no time of their own. A log without any comes first: its process ended before MindSpore
        logged.
        """
        end = self.text.find("\n", position)
        stamps = _STAMP.findall(self.text, max(0, position - _NEAR), len(self.text) if end < 0 else end)
        time = re.sub(r"\D", "", stamps[-1]) if stamps else ""
        # the line's start: of two rows that match one line the table's order decides
        return time, self.place, self._start(position)

    def handled(self) -> list[tuple[int, int]]:
        """Return where tracebacks of exceptions stand that were caught before the one that ended the process."""
        spans, at = [], self.text.find(_HANDLED)
        while at >= 0:
            spans.append((self.text.rfind(_TRACEBACK, max(0, at - _NEAR), at), at))
            at = self.text.find(_HANDLED, at + 1)
        return [span for span in spans if span[0] >= 0]

    def _start(self, position: int) -> int:
        """Return where the line begins, or a long line's part that is looked at."""
        floor = max(0, position - _NEAR)
        return max(floor, self.text.rfind("\n", floor, position + 1) + 1)

    def line(self, position: int) -> str:
        """Return the line at ``position``, with what stands below it where it is a heading."""
        start = self._start(position)
        if position - start > _LINE_LENGTH // 2:
            start = position - _LINE_LENGTH // 2
        said = _statement(self.text[start : start + 4 * _LINE_LENGTH].splitlines())
        return "".join(c if c.isprintable() else " " for c in said)[:_LINE_LENGTH]


def _statement(lines: Sequence[str]) -> str:
    """Return the error that begins in the first line; MindSpore's own stand lines below a bare ``RuntimeError:``."""
    first = lines[0].strip()
    if not first.endswith(":"):
        return first
    # headings are framed by dashes
    said = (line.strip() for line in lines[1:] if line.strip() and not line.startswith("-"))
    return f"{first} {next(said, '')}".rstrip(": ")
