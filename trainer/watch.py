"""Whether a running launch still makes progress, from its step records and the growth of its logs. No I/O, no clock."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pydantic import BaseModel, ConfigDict, Field

from trainer.step_log import StepRecord

# a median of so many is steady, and follows a training whose steps change in length
_TIMES, _LOSSES = 64, 15
# cross-entropy in nats; a loss near 0 is soon many times as large, and means nothing then
_LEAST_LOSS = 0.1
# seconds between two looks that count as watched at most: a process or host that slept saw no one's progress
_LONGEST_GAP = 60.0


class Limits(BaseModel):
    """When a launch counts as hung, diverged or exploded.

    Attributes:
        hang_steps: medians of the step time without a step and a byte of log, after which a launch is hung, ...
        hang_seconds: ... but never before so many seconds. It alone counts where there is no step time: before the
            second step (the first one's holds the compilation), and once training is over.
        nan_steps: steps in a row, each with a loss that is not finite or with overflow, after which it is stopped.
        explode: times the least median of the loss so far, beyond which a loss counts as exploded.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    hang_steps: float = Field(default=30, gt=0)
    hang_seconds: float = Field(default=1800, gt=0)
    nan_steps: int = Field(default=20, ge=1)
    explode: float = Field(default=10, gt=1)


class Kind(Enum):
    """What is wrong with a launch that is to be stopped."""

    HANG = "hang"
    DIVERGED = "diverged"


@dataclass(frozen=True)
class Finding:
    """Why a launch is to be stopped.

    Attributes:
        reason: one line.
    """

    kind: Kind
    reason: str


class Watch:
    """Looks at one launch; its memory does not grow with the training, and a look is linear in the new steps."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._silence = _Silence(limits)
        self._streak = _Streak(limits.nan_steps)
        self._explosion = _Explosion(limits.explode)

    @property
    def remark(self) -> str:
        """What is odd, but no reason to stop: the gates decide. Empty where nothing is."""
        return self._explosion.remark

    def observe(
        self, now: float, steps: Sequence[StepRecord], output_bytes: int, trained: bool = False
    ) -> Finding | None:
        """Return why the launch is to be stopped, or None.

        Args:
            now: seconds of a clock that does not go back.
            steps: records that are new since the last call.
            output_bytes: size of all the workers' logs.
            trained: whether training is over, so that no more steps are to come.
        """
        for step in steps:
            self._explosion.add(step)
            self._streak.add(step)
            if self._streak.reason:
                return Finding(Kind.DIVERGED, self._streak.reason)
        hang = self._silence.look(now, steps, output_bytes, trained)
        return Finding(Kind.HANG, hang) if hang else None


class _Silence:
    """Watched seconds since the last step or byte of log."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._times: deque[float] = deque(maxlen=_TIMES)
        self._last: StepRecord | None = None
        self._looked: float | None = None
        self._bytes, self._seconds = 0, 0.0

    def look(self, now: float, steps: Sequence[StepRecord], output_bytes: int, trained: bool) -> str:
        for step in steps:
            if self._last is not None:
                # with data sinking a line stands for several steps, and its time is that of one of them
                self._times.append(step.seconds * max(1, step.global_step - self._last.global_step))
            self._last = step
        watched = 0.0 if self._looked is None else min(now - self._looked, _LONGEST_GAP)
        quiet = not steps and output_bytes == self._bytes
        self._seconds = self._seconds + watched if quiet else 0.0
        self._looked, self._bytes = now, output_bytes
        return self._reason(trained)

    def _reason(self, trained: bool) -> str:
        median = statistics.median(self._times) if self._times and not trained else 0.0
        stepwise = self._limits.hang_steps * median
        if self._seconds < max(self._limits.hang_seconds, stepwise):
            return ""
        said = f"no step and no log line for {self._seconds:.0f} s"
        if stepwise > self._limits.hang_seconds:
            return f"{said} ({self._limits.hang_steps:g} x the median step of {median:.3g} s)"
        return f"{said} (hang_seconds is {self._limits.hang_seconds:g})"


class _Streak:
    """Steps in a row that taught nothing.

    Dynamic loss scaling begins with a scale that overflows, and lowers it at each step that does, down to 1: as long
    as it falls, overflow is a matter of course, and such a step neither counts nor ends a streak. It counts where the
    scale stays, so where it is fixed or cannot fall any more. A streak that ends is forgotten.
    """

    def __init__(self, longest: int) -> None:
        self.reason = ""
        self._longest = longest
        self._scale = math.nan
        self._length = self._first = 0

    def add(self, step: StepRecord) -> None:
        falling, self._scale = step.loss_scale < self._scale, step.loss_scale
        finite = math.isfinite(step.loss)
        if finite and not step.overflow:
            self._length = 0
        elif not finite or not falling:
            self._first = self._first if self._length else step.global_step
            self._length += 1
        if self._length >= self._longest:
            what = "gradients overflowed" if finite else f"loss was {step.loss}"
            self.reason = f"{what} on {self._length} steps in a row, from step {self._first} to {step.global_step}"


class _Explosion:
    """A median of the last losses that is many times the least one before it; one outlier does not move a median."""

    def __init__(self, times: float) -> None:
        self.remark = ""
        self._times = times
        self._losses: deque[float] = deque(maxlen=_LOSSES)
        self._least, self._at = math.inf, 0

    def add(self, step: StepRecord) -> None:
        if self.remark or not math.isfinite(step.loss):
            return
        self._losses.append(step.loss)
        if len(self._losses) < _LOSSES:
            return
        median = statistics.median(self._losses)
        if median < self._least:
            self._least, self._at = median, step.global_step
        elif median > self._times * max(self._least, _LEAST_LOSS):
            self.remark = (
                f"loss exploded: {self._least:.3g} at step {self._at} -> {median:.3g} at step {step.global_step}"
            )
