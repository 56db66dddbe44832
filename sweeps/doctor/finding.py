"""What is looked at, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from evaluation.items import DataError
from search_spaces.load import FileFaults
from sweeps.doctor.npu_smi import NpuSmiError
from sweeps.stores import StoreError
from trainer.lora import LoraError
from trainer.memory import EstimateError
from trainer.recipe import RecipeError
from trainer.slots import SlotError

Level = Literal["ok", "warn", "fail"]

_TOLD = (DataError, EstimateError, FileFaults, LoraError, NpuSmiError, RecipeError, SlotError, StoreError)
"""Errors whose messages say what to do."""


@dataclass(frozen=True)
class Finding:
    """One line.

    Attributes:
        level: ``fail`` where a sweep would not run, ``warn`` where it may not, or not as its user thinks.
        text: what was found.
        advice: what to do; empty where nothing is to be done, or ``text`` says it.
    """

    level: Level
    text: str
    advice: str = ""


def ok(text: str) -> Finding:
    """Return that all is well."""
    return Finding("ok", text)


def warn(text: str, advice: str = "") -> Finding:
    """Return what may go wrong."""
    return Finding("warn", text, advice)


def fail(text: str, advice: str = "") -> Finding:
    """Return what goes wrong."""
    return Finding("fail", text, advice)


@dataclass(frozen=True)
class Check:
    """One thing to look at.

    Attributes:
        look: gives the findings; may raise.
    """

    group: str
    name: str
    look: Callable[[], Iterable[Finding]]

    def run(self) -> list[Finding]:
        """Return what was found; never raises: that a check broke is a finding, too."""
        found: list[Finding] = []
        try:
            found.extend(self.look())
        except Exception as error:
            found.append(fail(reason(error)))
        return found


def reason(error: Exception) -> str:
    """Return why something broke, in one paragraph."""
    return str(error) if isinstance(error, _TOLD) else f"this check broke: {type(error).__name__}: {error}"
