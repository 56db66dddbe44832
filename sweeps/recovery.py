"""What follows when a job fails: its trial fails, the job is done again elsewhere, or the sweep stops. Decides only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated

from pydantic import Field

from search_spaces.section import Section
from trainer.failures import Failure, Kind

_SAME = 3
_LONGEST = 600.0


class Retries(Section):
    """What is done about failures that are the host's, not the configuration's.

    Attributes:
        attempts: a job is launched so often at most.
        backoff: seconds before the second attempt, twice as many before each one after, 600 at most.
        quarantine: a slot where so many launches in a row failed gets no more.
    """

    attempts: Annotated[int, Field(ge=1)] = 4
    backoff: Annotated[float, Field(ge=0, le=_LONGEST)] = 15.0
    quarantine: Annotated[int, Field(ge=1)] = 2


class Step(Enum):
    """What is to be done."""

    FAIL = "the trial fails"
    RETRY = "the job is done again"
    STOP = "the sweep stops"


@dataclass(frozen=True)
class Verdict:
    """What follows a failure.

    Attributes:
        wait: seconds before the job is done again.
        quarantine: whether the slot gets no more jobs.
        reason: why the sweep stops; else empty.
    """

    step: Step
    wait: float = 0.0
    quarantine: bool = False
    reason: str = ""


@dataclass
class Recovery:
    """Remembers how the launches of one orchestrator ended.

    Args:
        settings: of the sweep file.
        slots: those that may get jobs.
    """

    settings: Retries
    slots: set[int]
    _in_a_row: Counter[int] = field(default_factory=Counter)
    _first: list[str] = field(default_factory=list)
    _succeeded: bool = False
    _refused: int = 0

    def succeeded(self, slot: int) -> None:
        """Take note that a launch did what it should."""
        self._succeeded = True
        self._in_a_row[slot] = 0

    def launched(self) -> None:
        """Take note that a launch could be started."""
        self._refused = 0

    def refused(self) -> Verdict:
        """Decide what follows where the host could not start a launch: a full disk, no more processes."""
        self._refused += 1
        if self._refused >= self.settings.attempts:
            return Verdict(Step.STOP, reason="mend the host, then `lorasweep resume`")
        return Verdict(Step.RETRY, self._wait(self._refused))

    def failed(self, slot: int, failure: Failure, failures: int, *, base: bool) -> Verdict:
        """Decide what follows.

        Args:
            failures: how often this job failed, this time included.
            base: the job measures the untouched base, which no gate can do without.
        """
        self._first.append(failure.signature)
        if not self._succeeded and self._first[-_SAME:] == [failure.signature] * _SAME:
            return Verdict(Step.STOP, reason=f"the first {_SAME} launches failed the same way; {failure.advice}")
        if failure.kind is not Kind.HOST:
            self._in_a_row[slot] = 0
            # what is not known may be the host's fault; the base has no configuration to blame
            if base and failure.kind is Kind.UNKNOWN and failures < self.settings.attempts:
                return Verdict(Step.RETRY)
            return Verdict(Step.STOP, reason=failure.advice) if base else Verdict(Step.FAIL)
        return self._elsewhere(slot, failures, base=base)

    def _elsewhere(self, slot: int, failures: int, *, base: bool) -> Verdict:
        self._in_a_row[slot] += 1
        quarantine = self._in_a_row[slot] >= self.settings.quarantine and slot in self.slots
        if quarantine:
            self.slots.discard(slot)
            if not self.slots:
                reason = f"on every slot {self.settings.quarantine} launches in a row failed by the host's fault"
                return Verdict(Step.STOP, quarantine=True, reason=reason)
        if failures >= self.settings.attempts:
            reason = f"failed {failures} times by the host's fault"
            return Verdict(Step.STOP if base else Step.FAIL, quarantine=quarantine, reason=reason)
        return Verdict(Step.RETRY, self._wait(failures), quarantine)

    def _wait(self, failures: int) -> float:
        return min(_LONGEST, self.settings.backoff * 2.0 ** (failures - 1))
