"""The front of a running sweep in few lines that fit their terminal: what has no room goes whole, nothing is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sweeps.cells import Cell, literal, width_of
from sweeps.config import Objective
from sweeps.results import Front, Result
from sweeps.view import metric_cell, settings_cell, value_cell

_GAP = 2
# behind the last parameter that has room: how many more there are
_MORE = len("  +99")


def front_lines(front: Front, objectives: Sequence[Objective], lines: int, width: int) -> Iterator[RenderableType]:
    """Yield the front's first points and its knee: a line each, of a very narrow terminal several.

    Args:
        lines: that there is room for.
    """
    results = _first(front, lines)
    looks = ((True, True), (False, True), (False, False))
    tables = (_table(results, front, objectives, width, intervals=i, settings=s) for i, s in looks)
    table = next((table for table in tables if table is not None), None)
    if table is not None:
        yield table
    else:
        entries = [_entry(result, front, objectives, width) for result in results]
        results = _first(front, max(1, lines // max(entry.plain.count("\n") + 1 for entry in entries)))
        yield Text(_head(front), "dim")
        for result in results:
            yield _entry(result, front, objectives, width)
    if len(results) < len(front.results):
        yield Text(f"and {len(front.results) - len(results)} more: `lorasweep front`", style="dim")


def _first(front: Front, count: int) -> Sequence[Result]:
    results = front.results[:count]
    return results if front.knee is None or front.knee in results else (*results[:-1], front.knee)


def _table(
    results: Sequence[Result],
    front: Front,
    objectives: Sequence[Objective],
    width: int,
    *,
    intervals: bool,
    settings: bool,
) -> Table | None:
    """Return a table of a line a point; None where ``width`` has no room for it."""
    names = [_head(front), *(_name(result, front) for result in results)]
    widths = [max(map(width_of, names))]
    heads = [metric_cell(objective) for objective in objectives]
    cells = [[value_cell(result, objective.metric) for objective in objectives] for result in results]
    values = [[cell.line if intervals else cell.parts[0] for cell in row] for row in cells]
    for i, head in enumerate(heads):
        widths.append(max(head.least, *(width_of(row[i]) for row in values)))
    configurations = [settings_cell(result.configuration) for result in results]
    left = width - sum(widths) - _GAP * len(widths) + (0 if settings else _GAP)
    if left < (max(cell.least for cell in configurations) + _MORE if settings else 0):
        return None
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    table.add_column(names[0], width=widths[0])
    for head, wide in zip(heads, widths[1:], strict=True):
        table.add_column(literal(head.folded(wide)), justify="right", width=wide)
    if settings:
        table.add_column("configuration")
    for result, name, row, configuration in zip(results, names[1:], values, configurations, strict=True):
        begun = [configuration.begun(left)] if settings else []
        table.add_row(*map(literal, (name, *row, *begun)), style=_style(result, front))
    return table


def _entry(result: Result, front: Front, objectives: Sequence[Objective], width: int) -> Text:
    values = (f"{o.metric} {value_cell(result, o.metric).parts[0]}" for o in objectives)
    folded = Cell((_name(result, front), *values), gap="  ").folded(width - _GAP)
    return literal(folded.replace("\n", "\n" + " " * _GAP), _style(result, front))


def _head(front: Front) -> str:
    return f"front ({len(front.results)})"


def _name(result: Result, front: Front) -> str:
    return f"{result.point} knee" if result == front.knee else result.point


def _style(result: Result, front: Front) -> str:
    return "bold" if result == front.knee else ""
