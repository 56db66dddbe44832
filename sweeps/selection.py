"""``knee``, ``best:METRIC``, ``trial:N`` or ``trial:N@RUNG`` -> the result that it means."""

from __future__ import annotations

import math

from sweeps.read import Known
from sweeps.results import Result


class SelectionError(ValueError):
    """Nothing is selected by that text."""


_MAX_DIGITS = 40
_LOWER_IS_BETTER = ("ratio", "trainable", "seconds", "train_loss")


def select(text: str, known: Known) -> Result:
    """Return the selected result; only what is feasible is ever the knee or the best of anything,
    a trial that stopped at a rung included.

    ``trial:N`` is the trial at the highest rung that it was measured at, ``trial:N@RUNG`` at that one.
    ``best:METRIC`` takes any metric or formula of the sweep: an objective in its own direction; of the others,
    durations, sizes, losses and shares of blanks as low as possible, the rest as high as possible.

    Raises:
        SelectionError: the text is none of these forms, or what it means is not there.
    """
    kind, _, argument = text.partition(":")
    number, at, rung = argument.partition("@")
    # Python reads no more than thousands of digits
    if kind == "trial" and number.isdecimal() and (rung.isdecimal() or not at) and len(argument) < _MAX_DIGITS:
        return _trial(int(number), int(rung) if at else None, known)
    if text != "knee" and not (kind == "best" and argument):
        raise SelectionError(f"--select {text}: expected knee, best:METRIC, trial:N or trial:N@RUNG")
    if known.front.knee is None:
        raise SelectionError(
            f"--select {text}: no trial was measured on all items and holds all gates yet; `trial:N` takes any"
        )
    if text == "knee":
        return known.front.knee
    feasible = [result for result in known.measured if result.feasible]
    metrics = sorted({metric for result in feasible for metric in result.values})
    feasible = [result for result in feasible if math.isfinite(result.values.get(argument, math.nan))]
    if not feasible:
        raise SelectionError(f"--select {text}: {argument} was not measured; expected one of {', '.join(metrics)}")
    sign = 1 if _lower_is_better(argument, known) else -1
    return min(feasible, key=lambda result: sign * result.values[argument])


def _lower_is_better(metric: str, known: Known) -> bool:
    for objective in known.config.objectives:
        if objective.metric == metric:
            return objective.direction == "minimize"
    return metric in _LOWER_IS_BETTER or metric.endswith("_blank")


def _trial(number: int, rung: int | None, known: Known) -> Result:
    measured = [result for result in known.measured if result.number == number]
    if rung is not None:
        measured = [result for result in measured if result.rung == rung]
    if not measured:
        points = ", ".join(result.point for result in known.measured) or "none"
        wanted = f"trial:{number}" if rung is None else f"trial:{number}@{rung}"
        raise SelectionError(f"--select {wanted}: was not measured; measured are: {points}")
    return measured[-1]
