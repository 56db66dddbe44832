"""Trials with their values, as a table or, where the terminal is too narrow for one, as records; no value is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sweeps.cells import Cell, literal, width_of

_INDENT = 2


@dataclass(frozen=True)
class Row:
    """One trial, or the untouched base.

    Attributes:
        values: one for each metric: the value, then its interval where there is one.
        reason: why it failed; else empty.
        is_base: a line divides it from the trials.
    """

    name: str
    state: str
    values: Sequence[Cell]
    settings: Cell
    reason: str
    style: str
    is_base: bool = False


@dataclass(frozen=True)
class TrialTable:
    """Draws trials, for rich: by what they measure and by its console's width.

    Where it is narrow the lines between columns go first, then the intervals; where even so the longest parameter does
    not fit beside the values, each trial is a record.

    Attributes:
        metrics: of each its name, then its direction.
    """

    title: str
    metrics: Sequence[Cell]
    rows: Sequence[Row]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield title, trials, and what is to be known of their intervals."""
        looks = [_Look(self, boxed=True), _Look(self), _Look(self, intervals=False)]
        look = next((look for look in looks if look.least <= options.max_width), None)
        yield Text(self.title, "table.title")
        if look is None:
            yield from self._records(options.max_width)
        else:
            yield look.table(options.max_width)
        if look is looks[-1]:
            yield Text(f"95 % intervals: from {looks[-2].least} columns on.", "table.caption")
        else:
            yield Text("In brackets: 95 % intervals.", "table.caption")

    def _records(self, width: int) -> Iterator[RenderableType]:
        longest = max(width_of(metric.parts[0]) for metric in self.metrics)
        yield literal(Cell(tuple(metric.line for metric in self.metrics), "  ").folded(width), "dim")
        for row in self.rows:
            yield literal(f"{row.name}  {row.state}".rstrip(), f"bold {row.style}")
            for metric, value in zip(self.metrics, row.values, strict=True):
                name = metric.parts[0]
                padded = name + " " * (longest - width_of(name) + 1)
                if value.line:
                    yield _indented(Cell((padded, *value.parts)).folded(width - _INDENT), row.style)
            for text in (row.settings.folded(width - _INDENT), row.reason):
                if text:
                    yield _indented(text, row.style)


class _Look:
    """A table's columns, each of them cells below its head, and the widths that they need."""

    def __init__(self, trials: TrialTable, *, boxed: bool = False, intervals: bool = True) -> None:
        self._trials, self._boxed = trials, boxed
        rows = trials.rows
        values = [[metric, *(row.values[i] for row in rows)] for i, metric in enumerate(trials.metrics)]
        if not intervals:
            values = [[metric, *(Cell(cell.parts[:1]) for cell in cells)] for metric, *cells in values]
        self._columns: list[list[Cell]] = [
            [Cell((text,)) for text in ("trial", *(row.name for row in rows))],
            [Cell(tuple(text.split())) for text in ("state", *(row.state for row in rows))],
            *values,
            [Cell(("configuration",)), *(row.settings for row in rows)],
        ]
        self._edges = 3 * len(self._columns) + 1 if boxed else 2 * (len(self._columns) - 1)
        self._least = [max(cell.least for cell in column) for column in self._columns]

    @property
    def least(self) -> int:
        """The width at which no part of any cell is broken."""
        return self._edges + sum(self._least)

    def table(self, width: int) -> Table:
        """Return the table, ``width`` wide at most."""
        if self._boxed:
            table = Table(box=box.HEAVY_HEAD)
        else:
            table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        folded = []
        for i, (column, wide) in enumerate(zip(self._columns, self._widths(width), strict=True)):
            head, *cells = (cell.folded(wide) for cell in column)
            is_value = 2 <= i < len(self._columns) - 1
            table.add_column(literal(head), width=wide, justify="right" if is_value else "left", overflow="fold")
            folded.append(cells)
        for row, (*cells, settings) in zip(self._trials.rows, zip(*folded, strict=True), strict=True):
            last = "\n".join(filter(None, (settings, row.reason)))
            table.add_row(*map(literal, (*cells, last)), style=row.style, end_section=row.is_base)
        return table

    def _widths(self, width: int) -> list[int]:
        """Return the columns' widths: to spare first for the state, then for values on one line, then parameters."""
        natural = [max(cell.natural for cell in column) for column in self._columns]
        name, state, *values, settings = self._least
        spare = width - self.least
        # half of it at most: parameters need more lines than words
        grown = min(natural[1] - state, spare // 2)
        state, spare = state + grown, spare - grown
        # all or none: in one column alone no row would be lower for it
        if (wanted := sum(natural[2:-1]) - sum(values)) <= spare:
            values, spare = natural[2:-1], spare - wanted
        return [name, state, *values, min(natural[-1], settings + spare)]


def _indented(text: str, style: str) -> Padding:
    return Padding(literal(text, style), (0, 0, 0, _INDENT), expand=False)
