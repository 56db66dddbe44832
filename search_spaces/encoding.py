"""Points of a search space as vectors of the unit cube, for models that know numbers only, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from search_spaces.distributions import Axis, OptunaValue, Params
from search_spaces.space import SearchSpace

Points = npt.NDArray[np.float64]
"""(points, dimensions), each value from 0 to 1."""

_ABSENT = 0.5  # of a parameter whose condition does not hold: the same for all, so that models see no difference


@dataclass(frozen=True)
class _Number:
    """The dimension of a number, in its logarithm where it is drawn so."""

    name: str
    axis: FloatDistribution | IntDistribution
    start: int
    width: ClassVar[int] = 1

    def encode(self, value: Any) -> list[float]:
        low, high = self._bounds()
        return [((math.log(value) if self.axis.log else value) - low) / (high - low)]

    def decode(self, points: Points) -> list[OptunaValue]:
        numbers = self._numbers(points)
        if isinstance(self.axis, FloatDistribution):
            return [float(number) for number in numbers]
        return [int(number) for number in numbers]

    def snap(self, points: Points) -> Points:
        numbers, (low, high) = self._numbers(points), self._bounds()
        return (((np.log(numbers) if self.axis.log else numbers) - low) / (high - low))[:, None]

    def _numbers(self, points: Points) -> npt.NDArray[np.float64]:
        low, high = self._bounds()
        values = low + points[:, self.start] * (high - low)
        values = np.clip(np.exp(values) if self.axis.log else values, self.axis.low, self.axis.high)
        if isinstance(self.axis, IntDistribution):
            values = self.axis.low + np.rint((values - self.axis.low) / self.axis.step) * self.axis.step
        return np.clip(values, self.axis.low, self.axis.high)

    def _bounds(self) -> tuple[float, float]:
        """Return the ends of the dimension; those of integers half a step beyond, so that all are equally likely."""
        half = self.axis.step / 2 if isinstance(self.axis, IntDistribution) else 0.0
        ends = (self.axis.low - half, self.axis.high + half)
        return (math.log(ends[0]), math.log(ends[1])) if self.axis.log else ends


@dataclass(frozen=True)
class _Choice:
    """The dimensions of a choice: one of 0 and 1 for two values, else one a value."""

    name: str
    axis: CategoricalDistribution
    start: int

    @property
    def width(self) -> int:
        return len(self.axis.choices) if len(self.axis.choices) > 2 else 1

    def encode(self, value: Any) -> list[float]:
        index = self.axis.choices.index(value)
        return [float(index)] if self.width == 1 else [float(i == index) for i in range(self.width)]

    def decode(self, points: Points) -> list[OptunaValue]:
        return [self.axis.choices[i] for i in self._chosen(points)]

    def snap(self, points: Points) -> Points:
        chosen = self._chosen(points)
        return chosen[:, None].astype(np.float64) if self.width == 1 else np.eye(self.width)[chosen]

    def _chosen(self, points: Points) -> npt.NDArray[np.int64]:
        own = points[:, self.start : self.start + self.width]
        chosen = own.argmax(axis=1) if self.width > 1 else (own[:, 0] > 0.5).astype(np.int64)
        return np.minimum(chosen, len(self.axis.choices) - 1)


def _column(name: str, axis: Axis, start: int) -> _Number | _Choice:
    return _Choice(name, axis, start) if isinstance(axis, CategoricalDistribution) else _Number(name, axis, start)


class Encoding:
    """The unit cube of a search space.

    Numbers take one dimension, in their logarithm where the parameter is ``log``; a choice of two one dimension of 0
    and 1; a choice of more one dimension a choice; a subset one a name. What a condition excludes lies in the middle.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._columns: dict[str, list[_Number | _Choice]] = {}
        start = 0
        for parameter, member in space.parameters.items():
            self._columns[parameter] = []
            for name, axis in member.axes(parameter).items():
                column = _column(name, axis, start)
                self._columns[parameter].append(column)
                start += column.width
        self.dimensions = start
        # by column there is no knowing what a condition excludes
        self._conditional = any(member.when for member in space.parameters.values())
        # of each subset; with no name left it is its first one
        self._subsets = [[column.start for column in own] for own in self._columns.values() if len(own) > 1]

    def encode(self, params: Params) -> npt.NDArray[np.float64]:
        """Return the vector of ``params``, shape (dimensions,)."""
        point = np.full(self.dimensions, _ABSENT)
        for columns in self._columns.values():
            for column in columns:
                if column.name in params:
                    point[column.start : column.start + column.width] = column.encode(params[column.name])
        return point

    def decode(self, points: Points) -> list[dict[str, OptunaValue]]:
        """Return the params nearest to each of ``points``; each is a point of the space."""
        columns = [column for own in self._columns.values() for column in own]
        points = self._with_subsets(points)
        values = [column.decode(points) for column in columns]
        found = [dict(zip((column.name for column in columns), row, strict=True)) for row in zip(*values, strict=True)]
        return [self._space.complete(params) for params in found] if self._conditional else found

    def sample(self, count: int, seed: int) -> list[dict[str, OptunaValue]]:
        """Return ``count`` params at random, the same for the same seed, and two corners of the cube.

        The corners, for an adapter is largest with the highest rank on all modules.
        """
        drawn = np.random.default_rng(seed).random((count, self.dimensions))
        return self.decode(np.vstack([drawn, np.zeros((1, self.dimensions)), np.ones((1, self.dimensions))]))

    def snap(self, points: Points) -> Points:
        """Return the vectors of the params nearest to each of ``points``."""
        if self._conditional:
            return np.array([self.encode(params) for params in self.decode(points)])
        points = self._with_subsets(points)
        return np.hstack([column.snap(points) for own in self._columns.values() for column in own])

    def _with_subsets(self, points: Points) -> Points:
        points = points.copy()
        for starts in self._subsets:
            points[(points[:, starts] <= 0.5).all(axis=1), starts[0]] = 1.0
        return points
