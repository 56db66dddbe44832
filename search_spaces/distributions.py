"""The kinds of parameters: what each accepts, and how it is put to Optuna and read back.

A parameter's *value* is what the user writes and reads; its *params* are what Optuna stores for it, by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import BeforeValidator, Field

from search_spaces.section import Items, Scalar, Section, shown

OptunaValue: TypeAlias = bool | int | float | str | None
Params: TypeAlias = Mapping[str, Any]
"""Optuna's name -> value, as in ``trial.params``."""

Axis: TypeAlias = FloatDistribution | IntDistribution | CategoricalDistribution
"""What Optuna draws one of its parameters from."""

_EXACT = 2**53
"""Optuna computes with floats: integers beyond are not exact."""

Bound = Annotated[int, Field(ge=-_EXACT, le=_EXACT)]


def _as_paths(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Paths = Annotated[Items[str], BeforeValidator(_as_paths)]
"""One dotted path of the recipe, or a list of them."""


class _Parameter(Section):
    """What all kinds have.

    Attributes:
        sets: dotted paths of the recipe that get the value; empty: it only feeds derived values.
        when: other parameter -> the values with which this one is present; always present where empty.
    """

    sets: Paths = ()
    when: dict[str, Items[Scalar]] = Field(default_factory=dict)

    def axes(self, name: str) -> dict[str, Axis]:
        """Return Optuna's parameters that stand for it: name -> distribution."""
        raise NotImplementedError

    def suggest(self, trial: optuna.Trial, name: str) -> dict[str, OptunaValue]:
        """Ask the trial for a value; returns the params."""
        drawn = {axis: _draw(trial, axis, distribution) for axis, distribution in self.axes(name).items()}
        return self.encode(name, self.decode(name, drawn))

    def encode(self, name: str, value: object) -> dict[str, OptunaValue]:
        """Return the params of ``value``; raises ``ValueError`` saying what was expected where it is none of these."""
        raise NotImplementedError

    def decode(self, name: str, params: Params) -> object:
        """Return the value that ``params`` stand for; raises ``KeyError`` where they hold none."""
        return params[name]

    def setting(self, value: Any) -> object:
        """Return the value as the recipe has it."""
        return value

    def faults(self) -> Iterator[tuple[str, str]]:
        """Say what is wrong with it by itself: key, message."""
        raise NotImplementedError

    def extremes(self) -> tuple[OptunaValue, ...]:
        """Return the values between which all others lie, for expressions to be tried on; empty: no numbers."""
        raise NotImplementedError


class _Range(_Parameter):
    log: bool = False

    def _range_faults(self, low: float, high: float) -> Iterator[tuple[str, str]]:
        if not low < high:
            yield "low", f"`low < high` must hold, but got low={low!r}, high={high!r}"
        elif not math.isfinite(high - low):
            yield "high", f"`high - low` must be a finite number, but got low={low!r}, high={high!r}; narrow the range"
        if self.log and low <= 0:
            yield "low", f"`low > 0` must hold where `log: true`, but got low={low!r}"


class FloatParameter(_Range):
    """A number from ``low`` to ``high``, both included; uniform, or uniform in its logarithm."""

    type: Literal["float"]
    low: float
    high: float

    def axes(self, name: str) -> dict[str, Axis]:
        """Return the range."""
        return {name: FloatDistribution(self.low, self.high, log=self.log)}

    def encode(self, name: str, value: object) -> dict[str, OptunaValue]:
        """Return the params of a number within the range."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self.low <= value <= self.high:
            raise ValueError(f"expected a number from {self.low!r} to {self.high!r}, got {shown(value)}")
        return {name: float(value)}

    def faults(self) -> Iterator[tuple[str, str]]:
        """Say what is wrong with the range."""
        return self._range_faults(self.low, self.high)

    def extremes(self) -> tuple[OptunaValue, ...]:
        """Return the ends of the range."""
        return self.low, self.high


class IntParameter(_Range):
    """An integer from ``low`` to ``high``, both included; in steps, or uniform in its logarithm."""

    type: Literal["int"]
    low: Bound
    high: Bound
    step: Annotated[int, Field(ge=1)] = 1

    def axes(self, name: str) -> dict[str, Axis]:
        """Return the range."""
        return {name: IntDistribution(self.low, self.high, log=self.log, step=self.step)}

    def encode(self, name: str, value: object) -> dict[str, OptunaValue]:
        """Return the params of an integer of the range."""
        if type(value) is int and value in range(self.low, self.high + 1, self.step):
            return {name: value}
        steps = f" in steps of {self.step}" if self.step > 1 else ""
        raise ValueError(f"expected an integer from {self.low} to {self.high}{steps}, got {shown(value)}")

    def faults(self) -> Iterator[tuple[str, str]]:
        """Say what is wrong with the range."""
        yield from self._range_faults(self.low, self.high)
        if self.log and self.step != 1:
            yield "step", f"`log: true` and a step exclude each other, but got step={self.step}; delete one"
        elif self.low < self.high and (self.high - self.low) % self.step:
            reached = self.high - (self.high - self.low) % self.step
            yield "step", f"steps of {self.step} from {self.low} end at {reached}, not at high={self.high}"

    def extremes(self) -> tuple[OptunaValue, ...]:
        """Return the ends of the range."""
        return self.low, self.high


class CategoricalParameter(_Parameter):
    """One of some values."""

    type: Literal["categorical"]
    choices: Items[Scalar]

    def axes(self, name: str) -> dict[str, Axis]:
        """Return the choices."""
        return {name: CategoricalDistribution(self.choices)}

    def encode(self, name: str, value: object) -> dict[str, OptunaValue]:
        """Return the params of one of the choices."""
        for choice in self.choices:
            # to Python, and so to Optuna, True is 1
            if choice == value and isinstance(choice, bool) == isinstance(value, bool):
                return {name: choice}
        raise ValueError(f"expected one of {', '.join(map(shown, self.choices))}, got {shown(value)}")

    def faults(self) -> Iterator[tuple[str, str]]:
        """Say what is wrong with the choices."""
        if not self.choices:
            yield "choices", "expected at least one choice"
        yield from _repeated("choices", self.choices)

    def extremes(self) -> tuple[OptunaValue, ...]:
        """Return all choices, if all are numbers."""
        return self.choices if all(isinstance(choice, (int, float)) for choice in self.choices) else ()


class SubsetParameter(_Parameter):
    """Some of the names in ``of``, at least one, in that order; in the recipe MindFormers' pattern ``.*wq|.*wo``.

    To Optuna it is one false/true parameter a name, ``target_modules.wq``. One categorical over all subsets would give
    TPE 127 unrelated choices for 7 names, each seen hardly ever; with one parameter a name, what was learned of ``wq``
    counts in every subset that has it, and the multivariate TPE still models which ones go together. All of them are
    always asked for, so that NSGA-II, which crosses only what all trials have, crosses them too.

    No name at all (1 of ``2 ** len(of)`` at random) would train nothing. It is read as the first name of ``of``
    alone, the same each time: the trial runs like any other, and what it tells is put one flip away from where it
    belongs. ``suggest`` and ``encode`` return the params of the subset that was run.
    """

    type: Literal["subset"]
    of: Items[str]

    def axes(self, name: str) -> dict[str, Axis]:
        """Return false or true for each name."""
        return {f"{name}.{member}": CategoricalDistribution((False, True)) for member in self.of}

    def encode(self, name: str, value: object) -> dict[str, OptunaValue]:
        """Return the params of a list of names, in any order."""
        given = value if isinstance(value, (list, tuple)) else []
        if not given or any(member not in self.of for member in given) or len(set(given)) < len(given):
            raise ValueError(f"expected a list of some of {', '.join(self.of)}, none twice, got {shown(value)}")
        return {f"{name}.{member}": member in given for member in self.of}

    def decode(self, name: str, params: Params) -> list[str]:
        """Return the names that are true; the first one alone where none is."""
        return [member for member in self.of if params[f"{name}.{member}"]] or [self.of[0]]

    def setting(self, value: Any) -> object:
        """Return the pattern that MindFormers matches on the names of cells."""
        return "|".join(f".*{member}" for member in value)

    def faults(self) -> Iterator[tuple[str, str]]:
        """Say what is wrong with the names."""
        if len(self.of) < 2:
            yield "of", f"expected at least two names, got {len(self.of)}; a single one belongs under `fixed`"
        yield from _repeated("of", self.of)
        for member in self.of:
            if not re.fullmatch(r"\w+", member):
                yield "of", f"{member!r} is no module name; expected letters, digits and _ only, such as wq"

    def extremes(self) -> tuple[OptunaValue, ...]:
        """Return nothing: subsets are no numbers."""
        return ()


def _draw(trial: optuna.Trial, name: str, axis: Axis) -> OptunaValue:
    if isinstance(axis, CategoricalDistribution):
        return trial.suggest_categorical(name, axis.choices)
    if isinstance(axis, IntDistribution):
        return trial.suggest_int(name, axis.low, axis.high, step=axis.step, log=axis.log)
    return trial.suggest_float(name, axis.low, axis.high, log=axis.log)


def _repeated(key: str, values: tuple[object, ...]) -> Iterator[tuple[str, str]]:
    for i, value in enumerate(values):
        if value in values[:i]:
            first = values[values.index(value)]
            same = "" if repr(first) == repr(value) else f" (to Optuna the same as {shown(first)})"
            yield key, f"{shown(value)} stands there twice{same}; delete one"


Parameter = Annotated[
    FloatParameter | IntParameter | CategoricalParameter | SubsetParameter, Field(discriminator="type")
]
