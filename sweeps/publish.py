"""What the sweep's results say, into MLflow: tags of every trial, and the Pareto page on the parent run."""

from __future__ import annotations

import optuna

from sweeps.page import html
from sweeps.plan import Plan
from sweeps.results import Front, Result, base_result, find_front, results
from sweeps.tracking import Tracker

PAGE = "pareto.html"
_COLORS = {"front": "#d62728", "dominated": "#7f7f7f", "infeasible": "#d9d9d9", "base": "#1f77b4"}


def publish(plan: Plan, study: optuna.Study, tracker: Tracker) -> None:
    """Bring tags, run colours and the page up to date with the study."""
    known, base = results(study), base_result(study)
    front = find_front(known, plan.config.objectives)
    for result in known + ([base] if base else []):
        run = tracker.run_of(result.label)
        if run is not None and result.state == "complete":
            tracker.tag(run, _tags(result, front))
    tracker.log_text(tracker.parent, html(plan.config.name, plan.config.objectives, known, base, front), PAGE)
    knee = "none yet" if front.knee is None else front.knee.label
    tracker.tag(tracker.parent, {"knee": knee, "front": " ".join(result.label for result in front.results)})
    tracker.note(tracker.parent, f"The Pareto front: open the artifact `{PAGE}`. Knee: {knee}.")


def _tags(result: Result, front: Front) -> dict[str, str]:
    if result.number is None:
        return {"mlflow.runColor": _COLORS["base"]}
    on_front = result in front.results
    kind = "front" if on_front else "dominated" if result.feasible else "infeasible"
    return {
        "pareto": str(on_front).lower(),
        "feasible": str(result.feasible).lower(),
        "knee": str(result is front.knee).lower(),
        "mlflow.runColor": _COLORS[kind],
    }
