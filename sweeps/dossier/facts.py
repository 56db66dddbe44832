"""Facts with their sources: what a file says of a run, and in which line."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

PATHS: Mapping[str, str] = {
    "lora_rank": "model.model_config.pet_config.lora_rank",
    "lora_alpha": "model.model_config.pet_config.lora_alpha",
    "lora_dropout": "model.model_config.pet_config.lora_dropout",
    "target_modules": "model.model_config.pet_config.target_modules",
    "seq_length": "model.model_config.seq_length",
    "seed": "seed",
    "epochs": "runner_config.epochs",
    "batch_size": "runner_config.batch_size",
    "learning_rate": "lr_schedule.learning_rate",
}
"""Name of a setting -> its dotted path in a MindFormers YAML."""

TARGETS = "target_modules"
SCORES = ("f1", "em", "accuracy")

_MODULE = re.compile(
    r"(?<![A-Za-z0-9])(?:w_?qkv|w_gate_hidden|w[qkvo]|w[123]|linear_(?:qkv|proj|fc1|fc2))(?![A-Za-z0-9])"
)
NUMBER = (
    r"(?:(?:\d{1,3}(?:,\d{3})+(?![\d])|\d+)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
    r"(?:\s*(?:%|％|‰|万|亿|[KMB](?![A-Za-z])))?"
)
"""A number as reports write it: thousands separated or not, with an exponent, a percent sign or a factor."""
# nothing that is counted or measured has more; floats hold the square
_MOST_DIGITS = 100
_SCALES = {"%": "0.01", "％": "0.01", "‰": "0.001", "万": "1e4", "亿": "1e8", "K": "1e3", "M": "1e6", "B": "1e9"}

Value = float | str | frozenset[str]


@dataclass(frozen=True, order=True)
class Source:
    """A place in a file; lines count from 1, 0 is the file as a whole."""

    file: Path
    line: int

    def __str__(self) -> str:
        """Return ``FILE:LINE``."""
        return f"{self.file}:{self.line}" if self.line else str(self.file)


@dataclass(frozen=True)
class Fact:
    """What a file says.

    Attributes:
        name: a key of ``PATHS``, ``cards``, ``trainable``, ``total``, ``ratio``, one of ``SCORES``, or ``items``.
        value: scores are in percent, a ratio is a share; target modules are a pattern (YAML, logs) or names (reports).
        text: as it stands there.
        unit: size of the last digit that was written; 0: the value is exact.
        prose: whether it stands in a sentence of a report, which may be about something else.
    """

    name: str
    value: Value
    source: Source
    text: str
    unit: float = 0.0
    prose: bool = False

    @property
    def number(self) -> float:
        """The value of a fact that is a number; NaN where it is none, infinite where it is beyond all floats."""
        try:
            return float(self.value) if isinstance(self.value, (int, float)) else math.nan
        except OverflowError:
            return math.inf

    def agrees(self, actual: float) -> bool:
        """Whether ``actual``, rounded or cut off where this number ends, is this number."""
        said = self.number
        if math.isclose(said, actual, rel_tol=1e-9, abs_tol=1e-300):
            return True
        if not self.unit or not math.isfinite(actual):
            return False
        digits = actual / self.unit
        here = said / self.unit
        return any(math.isclose(here, place, rel_tol=1e-12, abs_tol=1e-6) for place in (_round(digits), int(digits)))


def _round(value: float) -> float:
    # half away from zero, as people do
    return math.copysign(math.floor(abs(value) + 0.5), value)


def read_number(name: str, text: str, source: Source) -> Fact | None:
    """Return the fact that ``text``, a ``NUMBER``, states of ``name``; None where it is no number after all.

    A percent sign makes a ratio a share, and leaves a score in percent.
    """
    digits, scale = text.strip().replace(",", ""), Decimal(1)
    if digits[-1:] in _SCALES:
        scale = Decimal(_SCALES[digits[-1]])
        digits = digits[:-1].strip()
    try:
        value = Decimal(digits)
        exponent = value.as_tuple().exponent
    except InvalidOperation:
        return None
    if not isinstance(exponent, int) or abs(value.adjusted()) > _MOST_DIGITS:
        return None
    unit = Decimal(1).scaleb(exponent)
    if name in SCORES:
        scale *= 100 if scale != 1 else 1
    return Fact(name, float(value * scale), source, text.strip(), float(unit * scale))


def modules(text: str) -> frozenset[str]:
    """Return the module names, such as ``wq``, that a text has."""
    return frozenset(_MODULE.findall(text))


def shown(value: Value) -> str:
    """Return a value as a table shows it."""
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) < 1e15 and value == int(value) else f"{value:.15g}"
