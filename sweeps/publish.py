"""What the sweep's results say, into MLflow: tags of every trial, and the Pareto page on the parent run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import optuna

from sweeps import volume
from sweeps.ledger import Ledger
from sweeps.plan import Plan
from sweeps.results import BOX, Front, Result
from sweeps.tracking import Tracker
from sweeps.ui.document import Links, document
from sweeps.ui.importance import importance
from sweeps.ui.page import static_html
from sweeps.ui.standing import Standing

PAGE = "pareto.html"
_COLORS = {"front": "#d62728", "dominated": "#7f7f7f", "infeasible": "#d9d9d9", "base": "#1f77b4"}


def publish(
    plan: Plan, study: optuna.Study, tracker: Tracker, ledger: Ledger, spent: tuple[float, float] | None = None
) -> Front:
    """Bring tags, run colours and the page up to date with the study; returns the front.

    Args:
        spent: units trained and card-seconds, after something was measured: steps of the hypervolume's curves; None:
            nothing is new.
    """
    standing = Standing.of_study(study, ledger)
    front, base, measured = standing.front, standing.base, standing.measured
    for result in [*standing.results, *([base] if base else [])]:
        run = tracker.run_of(result.label)
        if run is not None and result.values:
            tracker.tag(run, _tags(result, front))
    if spent is not None and base is not None and measured:
        _log_volume(plan, study, tracker, spent, base, measured)
        standing = replace(standing, box=study.user_attrs[BOX])
    page = static_html(document(standing, Links()), importance(study, plan.config))
    tracker.log_text(tracker.parent, page, PAGE)
    knee = "none yet" if front.knee is None else front.knee.point
    tracker.tag(tracker.parent, {"knee": knee, "front": " ".join(result.point for result in front.results)})
    tracker.note(tracker.parent, f"The Pareto front: open the artifact `{PAGE}`. Knee: {knee}.")
    return front


def _log_volume(
    plan: Plan,
    study: optuna.Study,
    tracker: Tracker,
    spent: tuple[float, float],
    base: Result,
    measured: Sequence[Result],
) -> None:
    """Log the hypervolume over what was trained and over card-seconds; MLflow's steps are integers."""
    if BOX not in study.user_attrs:
        study.set_user_attr(BOX, [asdict(axis) for axis in volume.box(plan, base, measured[0])])
    share = volume.hypervolume(measured, plan.config.objectives, study.user_attrs[BOX])
    unit = "epochs" if plan.config.halving is None else plan.config.halving.unit
    curves = {
        f"hypervolume_over_{unit}": (spent[0], share),
        "hypervolume_over_card_seconds": (spent[1], share),
    }
    tracker.log_progress(tracker.parent, curves)


def _tags(result: Result, front: Front) -> dict[str, str]:
    if result.number is None:
        return {"mlflow.runColor": _COLORS["base"]}
    on_front = bool(front.of(result.number))
    kind = "front" if on_front else "dominated" if result.feasible else "infeasible"
    return {
        "pareto": str(on_front).lower(),
        "feasible": str(result.feasible).lower(),
        "knee": str(front.knee is not None and result.number == front.knee.number).lower(),
        "mlflow.runColor": _COLORS[kind],
    }
