"""Worker log -> step records, live.

Reads the lines that MindFormers' ``MFLossMonitor`` prints, in the format of 1.0 to 1.3 (``loss: 2.248``) and in that
of 1.5 and later (``loss:[last/mean]``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_NUMBER = r"(?:[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|nan|inf)|None)"
_STEP = re.compile(
    r"\{ Epoch:\[\s*(?P<epoch>\d+)/\s*(?P<epochs>\d+)\], step:\[\s*(?P<step>\d+)/\s*(?P<steps>\d+)\], "
    rf"loss:\s*(?:\[\s*(?P<last>{_NUMBER})/\s*(?P<mean>{_NUMBER})\]|(?P<loss>{_NUMBER})), "
    rf"per_step_time:\s*(?P<time>\d+)ms, lr:\s*(?P<lr>{_NUMBER}), overflow cond:\s*(?P<overflow>True|False), "
    rf"loss_scale:\s*\[?(?P<scale>{_NUMBER})\]?(?:, global_norm:\s*\[?(?P<norm>{_NUMBER})\]?)?"
)


@dataclass(frozen=True)
class StepRecord:
    """One step line of the log.

    Attributes:
        epoch: epoch that the step belongs to, from 1 to ``epochs``.
        step: step within the epoch, from 1 to ``steps``.
        loss: loss of that step; not finite in a diverged run.
        seconds: seconds a step; the first one includes the compilation of the graph.
        learning_rate: None where the log has none.
        overflow: whether a gradient was not finite (the step was then skipped).
        global_norm: norm of the gradients before clipping; None where the log has none.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    seconds: float
    learning_rate: float | None
    overflow: bool
    loss_scale: float
    global_norm: float | None

    @property
    def global_step(self) -> int:
        """Steps since the start of the training."""
        return (self.epoch - 1) * self.steps + self.step

    @property
    def total_steps(self) -> int:
        """Steps of the whole training."""
        return self.epochs * self.steps


def parse_line(line: str) -> StepRecord | None:
    """Return the record in ``line``, or None where the line is not a step line."""
    match = _STEP.search(line)
    if match is None:
        return None
    return StepRecord(
        epoch=int(match["epoch"]),
        epochs=int(match["epochs"]),
        step=int(match["step"]),
        steps=int(match["steps"]),
        loss=_number(match["last"] or match["loss"]),
        seconds=int(match["time"]) / 1000,
        learning_rate=_optional(match["lr"]),
        overflow=match["overflow"] == "True",
        loss_scale=_number(match["scale"]),
        global_norm=_optional(match["norm"]),
    )


def parse(lines: Iterable[str]) -> Iterator[StepRecord]:
    """Yield the records in ``lines``."""
    return (record for line in lines if (record := parse_line(line)) is not None)


def _number(text: str) -> float:
    return math.nan if text == "None" else float(text)


def _optional(number: str | None) -> float | None:
    return None if number in (None, "None") else float(str(number))


class StepLog:
    """Follows one log file that grows: each ``poll`` returns the records that are new since the last.

    A line that is not written to its end yet is left for the next poll. A file that does not exist yet has no records.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def poll(self) -> list[StepRecord]:
        """Return the records written since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return []
        complete = text[: text.rfind(b"\n") + 1]
        self._offset += len(complete)
        return list(parse(complete.decode("utf-8", "replace").splitlines()))
