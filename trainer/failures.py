"""Why a launch failed, read from what its processes printed: the trial's own doing, or the host's.

The texts are a table of data, ``failures.yaml``. Judges logs of launches that failed; does not tell whether one did.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from trainer.log_text import LogText

TABLE = Path(__file__).with_suffix(".yaml")

_HITS_A_TEXT = 50  # looked at for one that is not of a handled exception
_STATED = re.compile(r"^(?:[\w.]*(?:Error|Exception|Interrupt)\b.*|\[CRITICAL\].*)$", re.MULTILINE)
_OF_MSRUN = "RuntimeError: Distributed job exited with exception"  # what it states whatever the cause
_SIGNALLED = re.compile(r"Worker process \d{1,9} exit with exception\. Error code: (-?\d{1,9})\.")
_SHELL_SIGNALS = 128  # a shell says 128 + signal for a child that a signal ended
# what differs between two launches that fail the same way
_PARTICULAR = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,40}\b|(?:/[^\s/:'\"]+)+/?|\d+(?:\.\d+)?")


class Kind(StrEnum):
    """Whose doing a failure is."""

    CONFIGURATION = "configuration"
    HOST = "host"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Failure:
    """Why a launch failed.

    Attributes:
        kind: configuration: the same everywhere; host: worth another try elsewhere.
        name: short, such as "out of device memory"; for an unknown failure the exception's type.
        reason: the line of the log that shows it, at most 500 characters.
        log: the file that it stands in.
        advice: what the user can do.
    """

    kind: Kind
    name: str
    reason: str
    log: Path
    advice: str

    @property
    def signature(self) -> str:
        """What two launches that fail the same way have in common."""
        if self.kind is not Kind.UNKNOWN:
            return f"{self.kind}: {self.name}"
        return f"{self.kind}: {self.name}: {_PARTICULAR.sub('*', self.reason)}"


@dataclass(frozen=True)
class Row:
    """One row of the table; its fields are described at the head of ``failures.yaml``."""

    kind: Kind
    name: str
    root: bool
    advice: str
    example: str
    source: str
    codes: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    @cached_property
    def searches(self) -> tuple[re.Pattern[str], ...]:
        """The compiled texts. Each begins with plain text, for which ``re`` searches some 50 times as fast."""
        # hence a look back at the code's end, not a boundary at its start, and a line's end for ``^``
        words = [rf"{code}(?<![0-9A-Za-z_]{code})(?![0-9A-Za-z_])" for code in self.codes]
        return tuple(re.compile(re.sub(r"^\^", r"\n", pattern)) for pattern in (*words, *self.patterns))

    def positions(self, text: str) -> list[int]:
        """Return where it stands in a text that begins with a line's end: ends of matches, for ``^`` is that end."""
        matches = (islice(search.finditer(text), _HITS_A_TEXT) for search in self.searches)
        return sorted(match.end() - 1 for found in matches for match in found)


@dataclass(frozen=True)
class _Hit:
    """A row that matched, and where."""

    row: Row
    text: LogText
    position: int
    root: bool


@cache
def rows() -> tuple[Row, ...]:
    """Return the table's rows in their order."""
    return tuple(Row(**{**row, "kind": Kind(row["kind"])}) for row in _table()["rows"])


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return table


def classify(logs: Sequence[Path], returncode: int | None, default: Path) -> Failure:
    """Say why a launch failed.

    One of several workers fails first, and the others report that it went silent. So a root cause comes before a
    signal, a signal before an exception that the table does not know, and that before symptoms.

    Args:
        logs: the workers' in order, ``scheduler.log``, msrun's own; those that do not exist are passed over.
            Of each the first megabyte and the last three are read.
        returncode: msrun's; negative where a signal ended it; None where it is not known.
        default: the log to point at where none says anything.
    """
    texts = [LogText.read(log, place) for place, log in enumerate(logs)]
    hits = sorted(_hits(texts), key=lambda hit: (not hit.root, hit.text.key(hit.position), rows().index(hit.row)))
    if hits and hits[0].root:
        return _of(hits[0])
    if (killed := _killed(texts, returncode, default)) is not None:
        return killed
    # what such a worker states is what the symptom did to it
    secondary = {hit.text.log for hit in hits if not hit.row.root}
    if (stated := _stated([text for text in texts if text.log not in secondary])) is not None:
        return stated
    if hits:
        return _of(hits[0])
    ended = "ended without a result" if not returncode else f"msrun exited with {returncode}"
    return Failure(Kind.UNKNOWN, "no error stated", ended, default, "See the log; nothing in it states an error.")


def _hits(texts: Sequence[LogText]) -> Iterator[_Hit]:
    """Yield each row's first hit in each text; within a handled exception it is no root."""
    for text in texts:
        spans = text.handled()
        for row in rows():
            found = None
            for position in row.positions(text.text):
                caught = any(start <= position < end for start, end in spans)
                if found is None or not caught:
                    found = _Hit(row, text, position, row.root and not caught)
                if not caught:
                    break
            if found is not None:
                yield found


def _of(hit: _Hit) -> Failure:
    return Failure(hit.row.kind, hit.row.name, hit.text.line(hit.position), hit.text.log, hit.row.advice)


def _killed(texts: Sequence[LogText], returncode: int | None, default: Path) -> Failure | None:
    """Return the failure of a launch whose msrun or worker was ended by a signal, None for another."""
    for text in texts:
        for match in _SIGNALLED.finditer(text.text):
            code = int(match[1])
            if name := _signal(-code if code < 0 else code - _SHELL_SIGNALS):
                return _by_signal(name, text.line(match.start()), text.log)
    if returncode is not None and returncode < 0 and (name := _signal(-returncode)):
        return _by_signal(name, f"msrun was killed by {name}", default)
    return None


def _by_signal(name: str, reason: str, log: Path) -> Failure:
    advice = _table()["signals"]
    return Failure(Kind.HOST, f"killed by {name}", reason, log, advice.get(name, advice["other"]))


def _signal(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None


def _stated(texts: Sequence[LogText]) -> Failure | None:
    """Return the failure by the last exception of the text whose last exception is the earliest."""
    last = [
        (text, [match.start() for match in _STATED.finditer(text.text) if not match[0].startswith(_OF_MSRUN)])
        for text in texts
    ]
    found = sorted((text.key(positions[-1]), text) for text, positions in last if positions)
    if not found:
        return None
    (_, _, position), text = found[0]
    reason = text.line(position)
    name = reason.split(":", 1)[0].rpartition(".")[2] if not reason.startswith("[") else "critical error"
    return Failure(Kind.UNKNOWN, name[:80], reason, text.log, "See the log; the table of failures does not know this.")


def find_reason(logs: Sequence[Path], default: Path) -> tuple[str, Path]:
    """Return the last line that states an error in the first of ``logs`` that has one, and that log.

    Returns:
        ``("", default)`` where no log states one.
    """
    for place, log in enumerate(logs):
        text = LogText.read(log, place)
        if stated := [match.start() for match in _STATED.finditer(text.text)]:
            return text.line(stated[-1]), log
    return "", default
