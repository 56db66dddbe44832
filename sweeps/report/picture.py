"""The front as a picture: SVG by hand, so that it opens anywhere without a network, a script or a font of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from sweeps.config import Objective
from sweeps.report.texts import Texts
from sweeps.results import Front, Result

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 20, 20, 60
_TICKS = 5


@dataclass(frozen=True)
class _Axis:
    """Values from ``low`` to ``high`` on the picture's pixels from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> _Axis:
        low, high = min(values), max(values)
        room = 0.05 * (high - low) or 0.5 * abs(high) or 1.0
        return cls(low - room, high + room, start, end)

    def __call__(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    def ticks(self) -> Iterator[float]:
        """Yield round values: a step of 1, 2 or 5 times a power of ten."""
        rough = (self.high - self.low) / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
        for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1):
            yield i * step


def svg(
    x: Objective,
    y: Objective,
    measured: Sequence[Result],
    base: Result | None,
    front: Front,
    selected: Result,
    say: Texts,
) -> str:
    """Return the picture of two objectives: every comparable measurement, the base, the selected one ringed.

    Args:
        measured: at least one.
    """
    shown = [*measured, *([base] if base is not None and {x.metric, y.metric} <= base.values.keys() else [])]
    shown = [r for r in shown if math.isfinite(r.values[x.metric]) and math.isfinite(r.values[y.metric])]
    across = _Axis.over([v for r in shown for v in _ends(r, x.metric)], _LEFT, _WIDTH - _RIGHT)
    up = _Axis.over([v for r in shown for v in _ends(r, y.metric)], _HEIGHT - _BOTTOM, _TOP)
    parts = [*_frame(across, up, f"{x.metric} ({_arrow(x, say)})", f"{y.metric} ({_arrow(y, say)})")]
    for result in shown:
        parts += _point(result, across, up, (x.metric, y.metric), front, is_selected=result == selected)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'font-family="sans-serif" font-size="12">\n<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>\n'
        f"{body}\n</svg>\n"
    )


def _arrow(objective: Objective, say: Texts) -> str:
    return say("lower" if objective.direction == "minimize" else "higher")


def _ends(result: Result, metric: str) -> tuple[float, ...]:
    score = result.scores.get(metric)
    return (result.values[metric],) if score is None else (score.low, score.high)


def _frame(across: _Axis, up: _Axis, x_title: str, y_title: str) -> Iterator[str]:
    for tick in across.ticks():
        yield f'<path d="M{across(tick)} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#ddd"/>'
        yield _text(across(tick), _HEIGHT - _BOTTOM + 18, f"{tick:.6g}")
    for tick in up.ticks():
        yield f'<path d="M{_LEFT} {up(tick)}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
        yield _text(_LEFT - 8, up(tick) + 4, f"{tick:.6g}", "end")
    yield _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 14, x_title)
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    yield f'<g transform="rotate(-90 18 {middle})">{_text(18, middle, y_title)}</g>'


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="#333">{escape(text)}</text>'


def _point(
    result: Result, across: _Axis, up: _Axis, metrics: tuple[str, str], front: Front, *, is_selected: bool
) -> Iterator[str]:
    x, y = across(result.values[metrics[0]]), up(result.values[metrics[1]])
    color = "#1f77b4" if result.number is None else "#d62728" if result in front.results else "#7f7f7f"
    low, high = (across(value) for value in (_ends(result, metrics[0])[0], _ends(result, metrics[0])[-1]))
    bottom, top = (up(value) for value in (_ends(result, metrics[1])[0], _ends(result, metrics[1])[-1]))
    yield f'<path d="M{low} {y}H{high}M{x} {bottom}V{top}" stroke="{color}" opacity=".4"/>'
    yield f"<g><title>{escape(result.point)}</title>"
    if result.number is None:
        yield _star(x, y, color)
    else:
        fill = color if result.feasible else "#fff"
        yield f'<circle cx="{x}" cy="{y}" r="5" fill="{fill}" stroke="{color}"/>'
    if is_selected:
        yield f'<circle cx="{x}" cy="{y}" r="9" fill="none" stroke="#000" stroke-width="1.5"/>'
    yield "</g>"


def _star(x: float, y: float, color: str) -> str:
    corners = [(math.pi * (i / 5 - 0.5), 4 if i % 2 else 9) for i in range(10)]
    points = " ".join(f"{x + r * math.cos(angle):.1f},{y + r * math.sin(angle):.1f}" for angle, r in corners)
    return f'<polygon points="{points}" fill="{color}"/>'
