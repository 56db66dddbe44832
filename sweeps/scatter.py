"""Results over two metrics, drawn with letters: on any terminal, without colours as well."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from sweeps.cells import literal
from sweeps.config import Objective
from sweeps.results import Front, Result
from sweeps.view import number

_KINDS = {
    "x": ("misses a gate", "dim"),
    ".": ("dominated", ""),
    "B": ("base", "blue"),
    "o": ("front", "green"),
    "K": ("knee", "bold red"),
}
"""Mark -> its meaning and style; where several are in the same place, the last of them is drawn."""

_HEIGHT, _LEAST_HEIGHT, _LEAST_WIDTH = 20, 5, 10
# of the plot and the shell: title, axis, its ends, its name, legend, prompt
_OTHER_LINES = 6


@dataclass(frozen=True)
class Scatter:
    """A plot, for rich: as wide as its console, 20 lines high, or as high as the console where that is less.

    Args:
        measured: what is drawn of it: what is comparable and has a finite value of both metrics.
        base: drawn likewise, if it is given.
    """

    x: Objective
    y: Objective
    measured: Sequence[Result]
    base: Result | None
    front: Front

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines from top to bottom."""
        points = list(self._points())
        if not points:
            yield literal(f"nothing to draw yet: no trial was measured in both {self.x.metric} and {self.y.metric}")
            return
        (left, right), (bottom, top) = _span([x for x, _, _ in points]), _span([y for _, y, _ in points])
        ticks = [number(top), number((bottom + top) / 2), number(bottom)]
        margin = max(map(len, ticks))
        width = max(_LEAST_WIDTH, options.max_width - margin - 3)
        height = max(_LEAST_HEIGHT, min(_HEIGHT, console.size.height - _OTHER_LINES))
        rows = [[" "] * width for _ in range(height)]
        for x, y, mark in sorted(points, key=lambda point: list(_KINDS).index(point[2])):
            row, column = (top - y) / (top - bottom) * (height - 1), (x - left) / (right - left) * (width - 1)
            rows[round(row)][round(column)] = mark
        yield literal(f"{self.y.metric} ({_better(self.y, 'up', 'down')})")
        for i, row_of_marks in enumerate(rows):
            tick = {0: ticks[0], (height - 1) // 2: ticks[1], height - 1: ticks[2]}.get(i, "")
            yield Text(f"{tick:>{margin}} | ").append_text(_styled(row_of_marks))
        yield Text(f"{'':>{margin}} +{'-' * (width + 1)}")
        low, high = number(left), number(right)
        yield Text(f"{'':>{margin}}   {low}{high:>{max(len(high) + 1, width - len(low))}}")
        yield literal(f"{'':>{margin}}   {self.x.metric} ({_better(self.x, 'right', 'left')})")
        yield Text("  ").join(Text(f"{mark} {meaning}", style) for mark, (meaning, style) in reversed(_KINDS.items()))

    def _points(self) -> Iterator[tuple[float, float, str]]:
        """Yield x, y and mark."""
        for result in (*self.measured, *([] if self.base is None else [self.base])):
            x, y = (result.values.get(axis.metric, math.nan) for axis in (self.x, self.y))
            if result.comparable and math.isfinite(x) and math.isfinite(y):
                yield x, y, self._mark(result)

    def _mark(self, result: Result) -> str:
        if result.number is None:
            return "B"
        if result in self.front.results:
            return "K" if result == self.front.knee else "o"
        return "." if result.feasible else "x"


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Return what an axis reaches over."""
    low, high = min(values), max(values)
    return (low, high) if low < high else (low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2)


def _better(axis: Objective, up: str, down: str) -> str:
    return f"better {up if axis.direction == 'maximize' else down}"


def _styled(row: Sequence[str]) -> Text:
    text = Text()
    for mark in row:
        text.append(mark, _KINDS[mark][1] if mark in _KINDS else None)
    return text
