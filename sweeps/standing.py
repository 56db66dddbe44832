"""How trials stand to each other: what MLflow colours runs by, and what its users filter and sort them by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sweeps import front as fronts
from sweeps.config import Objective
from sweeps.results import STOPPED, Front, Result

COLORS = {
    "front": "#d62728",
    "earlier": "#dd7700",
    "feasible": "#636363",
    "infeasible": "#949494",
    "stopped": "#4595c0",
    "base": "#08519c",
}
"""Colour of a run by how its trial stands; each has a contrast of 3 to 1 at least to white."""

_COLOR = "mlflow.runColor"
_RANKED = 100  # MLflow's page loads no more runs; ranks beyond would have to be set anew with every better trial


def kind(result: Result, front: Front) -> str:
    """Return how a measured trial stands, a key of ``COLORS``.

    ``earlier``: on the front with what it measured at an earlier rung, but not with what it measured last, which is
    what MLflow shows of it. ``stopped``: it misses no gate, but stopped at a rung below the last, or at one where not
    all items were measured, so that it is not compared.
    """
    if result.number is None:
        return "base"
    if on_front := front.of(result.number):
        return "front" if any(point.rung == result.rung for point in on_front) else "earlier"
    if not result.feasible:
        return "infeasible"
    return "stopped" if result.state == STOPPED or not result.comparable else "feasible"


def ranks(measured: Sequence[Result], objectives: Sequence[Objective]) -> Mapping[int | None, int]:
    """Return trial -> the best layer (``front.layers``) among what it measured.

    Those with nothing feasible have none, nor have those behind the first hundred.

    Args:
        measured: every trial at every rung.
    """
    feasible = [result for result in measured if result.feasible]
    maximize = tuple(objective.direction == "maximize" for objective in objectives)
    losses = fronts.losses([[r.values[o.metric] for o in objectives] for r in feasible], maximize)
    best: dict[int | None, int] = {}
    for result, layer in zip(feasible, fronts.layers(losses, _RANKED).tolist(), strict=True):
        if layer:
            best[result.number] = min(layer, best.get(result.number, layer))
    return best


def tags(result: Result, front: Front, rank: int | None) -> dict[str, str]:
    """Return the tags of a measured trial's run.

    ``feasible`` is of what it measured last, ``front`` names what of it is on the front.

    Args:
        rank: by ``ranks``.
    """
    color = {_COLOR: COLORS[kind(result, front)]}
    if result.number is None:
        # before all trials, so that there is always something to compare them with
        return {"rank": _tag(0), **color}
    on_front = front.of(result.number)
    return {
        "pareto": str(bool(on_front)).lower(),
        "front": " ".join(point.point for point in on_front) or "none",
        "feasible": str(result.feasible).lower(),
        "knee": str(front.knee is not None and result.number == front.knee.number).lower(),
        "rank": "none" if rank is None else _tag(rank),
        **color,
    }


def _tag(rank: int) -> str:
    # MLflow sorts tags as text
    return f"{rank:04d}"
