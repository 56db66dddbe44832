"""The Pareto page: one HTML file with its data and plotly inside, so that it opens without a network."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from sweeps.config import Objective
from sweeps.fidelity import Halving
from sweeps.results import Front, Result, shown
from sweeps.rungs_chart import rungs_chart

_KINDS = {
    "front": ("#d62728", "circle"),
    "dominated": ("#7f7f7f", "circle"),
    "misses a gate": ("#7f7f7f", "circle-open"),
    "base": ("#1f77b4", "star"),
}
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(28rem, 1fr)); gap: 1rem; }
.plots > * { min-width: 0; }
.scroll { overflow-x: auto; }
"""


def html(
    sweep: str,
    objectives: Sequence[Objective],
    results: Sequence[Result],
    measured: Sequence[Result],
    base: Result | None,
    front: Front,
    halving: Halving | None = None,
) -> str:
    """Return the page of a sweep: a chart a pair of objectives, one of the rungs, then the table of what was measured.

    Args:
        results: every trial as it is now.
        measured: every trial at every rung.
    """
    comparable = [result for result in measured if result.comparable]
    figures = [_chart(x, y, comparable, base, front) for x, y in itertools.combinations(objectives, 2)]
    if halving is not None:
        # what is the same at all rungs, as the ratio, makes no picture
        learned = [o for o in objectives if _changes(o, measured)]
        figures += [rungs_chart(halving, objective, results, measured, front) for objective in learned]
    charts = [
        figure.to_html(full_html=False, include_plotlyjs=False, div_id=f"chart{i}", config={"responsive": True})
        for i, figure in enumerate(figures)
    ]
    name = escape(sweep)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name}: Pareto front</title>
<style>{_STYLE}</style><script>{get_plotlyjs()}</script></head><body>
<h1>{name}</h1>
<p>{_summary(results, comparable, front)} Bars are 95 % intervals.
Knee: the front's point that gains most in all objectives together, over the worst that was tried.</p>
<div class="plots">{"".join(charts)}</div>
<h2>Trials</h2><div class="scroll">{_table(objectives, comparable, base, front)}</div>
</body></html>
"""


def _changes(objective: Objective, measured: Sequence[Result]) -> bool:
    seen: dict[int | None, set[float]] = {}
    for result in measured:
        seen.setdefault(result.number, set()).add(result.values[objective.metric])
    return not measured or any(len(values) > 1 for values in seen.values())


def _summary(results: Sequence[Result], comparable: Sequence[Result], front: Front) -> str:
    counts = {state: sum(result.state == state for result in results) for state in ("complete", "stopped", "failed")}
    trials = ", ".join(f"{count} {state}" for state, count in counts.items() if count or state == "complete")
    missing = sum(not result.feasible for result in comparable)
    found = f"{len(front.results)} are on the front, {missing} miss a gate"
    return f"Trials: {trials}. Of {len(comparable)} measurements {found}."


def _chart(x: Objective, y: Objective, complete: Sequence[Result], base: Result | None, front: Front) -> go.Figure:
    groups: dict[str, list[Result]] = {kind: [] for kind in _KINDS}
    for result in complete:
        groups[_kind(result, front)].append(result)
    if base is not None and x.metric in base.values and y.metric in base.values:
        groups["base"].append(base)
    figure = go.Figure()
    for kind, members in groups.items():
        color, symbol = _KINDS[kind]
        figure.add_scatter(
            x=[r.values[x.metric] for r in members],
            y=[r.values[y.metric] for r in members],
            error_x=_bars(members, x.metric),
            error_y=_bars(members, y.metric),
            mode="markers",
            name=kind,
            marker={"color": color, "symbol": symbol, "size": [14 if r == front.knee else 9 for r in members]},
            hovertext=[_hover(r, r == front.knee) for r in members],
            hoverinfo="text",
        )
    arrow = {"maximize": "higher is better", "minimize": "lower is better"}
    figure.update_layout(
        xaxis_title=f"{escape(x.metric)} ({arrow[x.direction]})",
        yaxis_title=f"{escape(y.metric)} ({arrow[y.direction]})",
        template="plotly_white",
        margin={"l": 60, "r": 20, "t": 30, "b": 50},
        legend={"orientation": "h", "y": 1.12},
        height=420,
    )
    return figure


def _kind(result: Result, front: Front) -> str:
    if result in front.results:
        return "front"
    return "dominated" if result.feasible else "misses a gate"


def _bars(members: Sequence[Result], metric: str) -> dict[str, object]:
    scores = [r.scores.get(metric) for r in members]
    return {
        "type": "data",
        "symmetric": False,
        "array": [0.0 if score is None else score.high - score.value for score in scores],
        "arrayminus": [0.0 if score is None else score.value - score.low for score in scores],
        "thickness": 1,
    }


def _hover(result: Result, knee: bool) -> str:
    lines = [f"<b>{result.point}{' (knee)' if knee else ''}</b>"]
    lines += [f"{escape(name)}: {value:.6g}" for name, value in result.values.items()]
    lines += [f"<i>{escape(name)}: {escape(shown(value))}</i>" for name, value in result.configuration.items()]
    return "<br>".join(lines)


def _table(objectives: Sequence[Objective], complete: Sequence[Result], base: Result | None, front: Front) -> str:
    names = list(dict.fromkeys(name for result in complete for name in result.configuration))
    head = ["trial", "", *(o.metric for o in objectives), *names]
    rows = [
        [
            result.point,
            "knee" if result == front.knee else "base" if result is base else _kind(result, front),
            *(f"{result.values[o.metric]:.6g}" if o.metric in result.values else "" for o in objectives),
            *(shown(result.configuration.get(name, "")) for name in names),
        ]
        for result in ([base] if base else []) + list(complete)
    ]
    cells = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>{cells}</table>"
