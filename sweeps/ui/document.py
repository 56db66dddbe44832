"""The document that the Pareto page draws: ``/pareto.json``, and embedded in ``pareto.html``.

One JSON object. A number that is missing or not finite is null.

``format``: 1; it changes where what is below changes so that a script may break.
``sweep``: its name. ``unit``: what rungs count, ``epochs`` or ``steps``. ``rungs``: the rungs, empty where it has none.
``objectives``: ``metric`` and ``direction`` (``maximize``, ``minimize``). ``metrics``: names of all that has values.
``parameters``: names of all that configurations hold.
``gates``: ``text``, ``metric``, ``at_least`` (else at most), ``bound``: the number, null before the base is measured.
``base``: ``values`` and ``intervals`` of the untouched base as in ``points``, or null.
``counts``: state -> trials: ``complete``, ``stopped``, ``running``, ``waiting``, ``failed``, ``cancelled``.
``experiment``: its id in MLflow, or null. ``compare``: what opens it in MLflow's compare page, from the server's
address on, or null.
``trials``: one a trial that was measured: ``number``, ``name``, ``state``, ``run`` (id in MLflow or null),
``imported``, ``configuration`` (parameter -> value).
``points``: one a measurement, as they were made: ``trial`` (its number), ``rung`` (or null), ``name``
(``trial-0005@1``), ``select`` (as ``lorasweep export --select`` takes it), ``kind`` (``front``, ``dominated``,
``infeasible``: a gate is missed, ``partial``: measured on a part of the items, so compared with nothing), ``knee``,
``values`` (metric -> value), ``intervals`` (metric -> low and high end of 95 %), ``missed`` (texts of gates).
``hypervolume``: one a measurement: ``units`` trained and ``card_hours`` spent when it was made, ``share`` of the box
between reference and ideal that the front dominates then; empty before the base and one trial are measured.

``/pareto/sweeps.json`` is another, of all sweeps that the server knows: ``sweeps``: their names, sorted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evaluation.score import Score
from sweeps import volume
from sweeps.results import Result, trial_label
from sweeps.ui.standing import Standing

FORMAT = 1
_HOUR = 3600.0


@dataclass(frozen=True)
class Links:
    """Where MLflow has a sweep: the id of its experiment, label of a trial -> id of its run, and its compare page."""

    experiment: str | None = None
    runs: Mapping[str, str] = field(default_factory=dict)
    compare: str | None = None


def document(standing: Standing, links: Links) -> dict[str, Any]:
    """Return the document of a sweep, as this module describes it."""
    config, base, measured = standing.config, standing.base, standing.measured
    known = {result.number for result in measured}
    trials = [result for result in standing.results if result.number in known]
    base_values = {} if base is None else base.values
    return {
        "format": FORMAT,
        "sweep": config.name,
        "unit": "epochs" if config.halving is None else config.halving.unit,
        "rungs": [] if config.halving is None else list(config.halving.at),
        "objectives": [objective.model_dump() for objective in config.objectives],
        "metrics": _names([*(r.values for r in measured), base_values], (o.metric for o in config.objectives)),
        "parameters": _names(result.configuration for result in trials),
        "gates": [
            {
                "text": gate.label,
                "metric": gate.metric,
                "at_least": gate.sign > 0,
                "bound": _number(gate.limit(base_values)),
            }
            for gate in config.gates
        ],
        "base": None if base is None else {"values": _numbers(base.values), "intervals": _intervals(base.scores)},
        "counts": dict(Counter(result.state for result in standing.results)),
        "experiment": links.experiment,
        "compare": links.compare,
        "trials": [
            {
                "number": result.number,
                "name": result.label,
                "state": result.state,
                "run": links.runs.get(result.label),
                "imported": result.imported,
                "configuration": {name: _plain(value) for name, value in result.configuration.items()},
            }
            for result in trials
        ],
        "points": _points(standing),
        "hypervolume": _hypervolume(standing),
    }


def _points(standing: Standing) -> list[dict[str, Any]]:
    # by what names them: to compare whole results with the front's takes long where there are thousands
    front = {(result.number, result.rung) for result in standing.front.results}
    best = standing.front.knee
    knee = None if best is None else (best.number, best.rung)
    return [
        {
            "trial": result.number,
            "rung": result.rung,
            "name": result.point,
            "select": f"trial:{result.number}" if result.rung is None else f"trial:{result.number}@{result.rung}",
            "kind": _kind(result, (result.number, result.rung) in front),
            "knee": (result.number, result.rung) == knee,
            "values": _numbers(result.values),
            "intervals": _intervals(result.scores),
            "missed": [gate for gate, violation in result.violations.items() if not violation <= 0],
        }
        for result in standing.measured
    ]


def _kind(result: Result, on_front: bool) -> str:
    if on_front:
        return "front"
    if not result.comparable:
        return "partial"
    return "dominated" if result.feasible else "infeasible"


def _hypervolume(standing: Standing) -> list[dict[str, float]]:
    if not standing.box or not standing.measured:
        return []
    shares = volume.growth(standing.measured, standing.config.objectives, standing.box)
    hours: dict[tuple[str, int | None], float] = {}
    spent = 0.0
    for label, rung, _, card_seconds in standing.costs:
        spent += card_seconds
        # what is done again counts when it is done
        hours[label, rung] = spent / _HOUR
    before: dict[int | None, float] = {}
    found, units, at = [], 0.0, 0.0
    for result, share in zip(standing.measured, shares, strict=True):
        trained = standing.units[result.number or 0] if result.rung is None else float(result.rung)
        if not result.imported:
            units += trained - before.get(result.number, 0.0)
            before[result.number] = trained
        at = max(at, hours.get((trial_label(result.number), result.rung), at))
        found.append({"units": units, "card_hours": at, "share": share})
    return found


def _names(mappings: Iterable[Mapping[str, object]], first: Iterable[str] = ()) -> list[str]:
    return list(dict.fromkeys([*first, *(name for mapping in mappings for name in mapping)]))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _numbers(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in values.items()}


def _intervals(scores: Mapping[str, Score]) -> dict[str, tuple[float | None, float | None]]:
    return {metric: (_number(score.low), _number(score.high)) for metric, score in scores.items()}


def _plain(value: object) -> object:
    return _number(value) if isinstance(value, float) else value
