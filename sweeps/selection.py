"""``knee``, ``best:METRIC``, ``trial:N`` or ``trial:N@RUNG`` -> the result that it means; results by a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sweeps.config import Objective
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
    return _ordered(feasible, _measured(argument, feasible, known, f"--select {text}"))[0]


def listing(
    results: Sequence[Result], metric: str | None, known: Known
) -> tuple[tuple[Result, ...], tuple[Objective, ...]]:
    """Return ``results`` as they are to be listed, and the metrics to show: the objectives, and ``metric`` if any.

    Sorted by ``metric``, the best first as ``best:METRIC`` of ``select`` has it, those without a value last.

    Raises:
        SelectionError: the metric was not measured of any trial.
    """
    objectives = tuple(known.config.objectives)
    if metric is None:
        return tuple(results), objectives
    by = _measured(metric, known.measured, known, f"--sort {metric}")
    return tuple(_ordered(results, by)), tuple(dict.fromkeys((*objectives, by)))


def _measured(metric: str, results: Sequence[Result], known: Known, option: str) -> Objective:
    """Return a metric with its better direction; it must have a value in one of ``results``."""
    if not any(math.isfinite(result.values.get(metric, math.nan)) for result in results):
        metrics = sorted({name for result in results for name in result.values}) or ["(nothing was measured yet)"]
        raise SelectionError(f"{option}: {metric} was not measured; expected one of {', '.join(metrics)}")
    for objective in known.config.objectives:
        if objective.metric == metric:
            return objective
    lower = metric in _LOWER_IS_BETTER or metric.endswith("_blank")
    return Objective(metric=metric, direction="minimize" if lower else "maximize")


def _ordered(results: Sequence[Result], by: Objective) -> list[Result]:
    """Return results, the best first; where there is no finite value, last."""
    sign = 1 if by.direction == "minimize" else -1

    def loss(result: Result) -> float:
        value = sign * result.values.get(by.metric, math.inf)
        return value if math.isfinite(value) else math.inf

    return sorted(results, key=loss)


def _trial(number: int, rung: int | None, known: Known) -> Result:
    measured = [result for result in known.measured if result.number == number]
    if rung is not None:
        measured = [result for result in measured if result.rung == rung]
    if not measured:
        points = ", ".join(result.point for result in known.measured) or "none"
        wanted = f"trial:{number}" if rung is None else f"trial:{number}@{rung}"
        raise SelectionError(f"--select {wanted}: was not measured; measured are: {points}")
    return measured[-1]
