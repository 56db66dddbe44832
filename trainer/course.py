"""Where a launch's training stands, from its step records: its last step, its losses as a short row, its time left."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable

from trainer.step_log import StepRecord

BINS = 24
"""The training of a launch in so many equal parts, each with the mean of its losses."""

# a median of so many is steady, and follows a training whose steps change in length
_TIMES = 64


class Course:
    """The training of one launch; its memory does not grow with the steps.

    Args:
        rung: to which it trains; None: to the end of the training.
        unit: what rungs count, ``epochs`` or ``steps``.

    Attributes:
        last: the last record; None before the first.
    """

    def __init__(self, rung: int | None, unit: str) -> None:
        self.last: StepRecord | None = None
        self._rung, self._unit = rung, unit
        self._before = 0
        self._times: deque[float] = deque(maxlen=_TIMES)
        self._sums, self._counts = [0.0] * BINS, [0] * BINS

    def add(self, steps: Iterable[StepRecord]) -> None:
        """Take note of records that are new."""
        for step in steps:
            if self.last is None:
                # of a launch that goes on from a rung: what was trained before is none of its course
                self._before = step.global_step - 1
            else:
                # not the first, which holds the compilation
                self._times.append(step.seconds)
            self.last = step
            length = max(1, self._end(step) - self._before)
            part = min(BINS - 1, max(0, (step.global_step - 1 - self._before) * BINS // length))
            self._sums[part] += step.loss
            self._counts[part] += 1

    @property
    def end(self) -> int:
        """The step to which it trains; 0 before the first record."""
        return 0 if self.last is None else self._end(self.last)

    @property
    def losses(self) -> tuple[float | None, ...]:
        """Mean loss of each of ``BINS`` parts of the training; None: no record; not finite where one was not."""
        return tuple(total / count if count else None for total, count in zip(self._sums, self._counts, strict=True))

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the rest of the training takes at the median step's time; None before the second record."""
        if self.last is None or not self._times:
            return None
        return max(0, self.end - self.last.global_step) * statistics.median(self._times)

    def _end(self, step: StepRecord) -> int:
        if self._rung is None:
            return step.total_steps
        return min(step.total_steps, self._rung if self._unit == "steps" else self._rung * step.steps)
