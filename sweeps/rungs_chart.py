"""The picture of the rungs: each trial's way from rung to rung, who went on and who stopped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from sweeps.config import Objective
from sweeps.fidelity import Halving
from sweeps.results import Front, Result

_KINDS = {
    "on the front": ("#d62728", 2.0),
    "complete": ("#1f77b4", 1.5),
    "running": ("#2ca02c", 1.5),
    "stopped": ("#7f7f7f", 1.0),
    "failed": ("#9467bd", 1.0),
}


def rungs_chart(
    halving: Halving, objective: Objective, results: Sequence[Result], measured: Sequence[Result], front: Front
) -> go.Figure:
    """Return a chart of one objective over the rungs, a line a trial; the lines end where trials stopped."""
    ways: dict[int | None, list[Result]] = {}
    for result in measured:
        ways.setdefault(result.number, []).append(result)
    states = {result.number: result.state for result in results}
    figure = go.Figure()
    for kind in _KINDS:
        members = [way for number, way in ways.items() if _kind(number, states, front) == kind]
        figure.add_trace(_trace(kind, members, halving.unit, objective.metric))
    counts = {rung: sum(r.rung == rung for r in measured) for rung in halving.at}
    figure.update_layout(
        xaxis={
            "title": f"rung, {halving.unit} (trials measured)",
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [str(rung) for rung in halving.at],
            "tickvals": [str(rung) for rung in halving.at],
            "ticktext": [f"{rung} ({count})" for rung, count in counts.items()],
        },
        yaxis_title=escape(objective.metric),
        template="plotly_white",
        margin={"l": 60, "r": 20, "t": 30, "b": 50},
        legend={"orientation": "h", "y": 1.12},
        height=420,
    )
    return figure


def _trace(kind: str, ways: Sequence[Sequence[Result]], unit: str, metric: str) -> go.Scatter:
    """Return the trials of one kind as one trace, not as one each: a gap ends each line."""
    color, width = _KINDS[kind]
    xs: list[str | None] = []
    ys: list[float | None] = []
    texts: list[str | None] = []
    for way in ways:
        xs += [*(str(r.rung) for r in way), None]
        ys += [*(r.values[metric] for r in way), None]
        texts += [*(f"{r.label}, {r.rung} {unit}" for r in way), None]
    return go.Scatter(
        x=xs,
        y=ys,
        hovertext=texts,
        hoverinfo="text+y",
        mode="lines+markers",
        name=f"{kind} ({len(ways)})",
        line={"color": color, "width": width},
        marker={"size": 6},
        opacity=0.8,
    )


def _kind(number: int | None, states: dict[int | None, str], front: Front) -> str:
    if front.of(number):
        return "on the front"
    return states.get(number, "stopped") if states.get(number) in _KINDS else "stopped"
