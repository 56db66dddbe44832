"""The description that MLflow shows of a sweep: its front as a Markdown table. What users wrote is no markup in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from sweeps.config import Objective
from sweeps.results import Front, Result, shown

LENGTH = 8000
"""So many characters MLflow keeps of a description; what is beyond is cut off without a word."""

# a point between digits is a number's; elsewhere it may make a link, as do : and @
_MARKUP = re.compile(r"[\\`*_{}\[\]()#|~:@]|(?<!\d)\.|\.(?!\d)")


def note(
    objectives: Sequence[Objective], results: Sequence[Result], base: Result | None, front: Front, page: str
) -> str:
    """Return the description of a sweep; the front's last points are left out where it would be too long.

    Args:
        results: every trial as it is now.
        page: name of the artifact that shows everything.
    """
    names = list(dict.fromkeys(name for result in front.results for name in result.configuration))
    states = ", ".join(f"{count} {state}" for state, count in _counted(results).items()) or "none yet"
    head = [
        f"Trials: {states}. On the front: {len(front.results)}. All of them, with intervals: artifact `{page}`.",
        "Filters: `tags.pareto = 'true'`, `tags.knee = 'true'`, `tags.rank = '0002'` (the front of all the others).",
        "Colours: red the front, orange what is on it by an earlier rung (tag `front`) and not by the values shown, "
        "dark grey other feasible trials, light grey those that miss a gate, light blue those that stopped at a rung, "
        "dark blue the untouched base.",
        "",
        _row(["trial", "", *(f"{_escaped(o.metric)} ({o.direction})" for o in objectives), *map(_escaped, names)]),
        _row(["---"] * (2 + len(objectives) + len(names))),
    ]
    rows = [_cells(result, objectives, names, front) for result in ([base] if base else []) + list(front.results)]
    return _fitting(head, [_row(row) for row in rows])


def _fitting(head: Sequence[str], rows: Sequence[str]) -> str:
    for kept in range(len(rows), -1, -1):
        more = [] if kept == len(rows) else ["", f"{len(rows) - kept} more do not fit here."]
        text = "\n".join([*head, *rows[:kept], *more])
        if len(text) <= LENGTH:
            return text
    return head[0]


def _counted(results: Iterable[Result]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for result in results:
        counts[result.state] = counts.get(result.state, 0) + 1
    return counts


def _cells(result: Result, objectives: Sequence[Objective], names: Sequence[str], front: Front) -> list[str]:
    values = [f"{result.values[o.metric]:.6g}" if o.metric in result.values else "" for o in objectives]
    settings = [shown(result.configuration.get(name, "")) for name in names]
    mark = "base" if result.number is None else "knee" if result == front.knee else ""
    return ["" if mark == "base" else result.point, mark, *values, *map(_escaped, settings)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Return a text that Markdown and the HTML in it leave as it is."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", escape(" ".join(text.split()), quote=False))
