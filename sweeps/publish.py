"""What the sweep's results say, into MLflow: tags of every trial, and the Pareto page on the parent run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import optuna

from sweeps import standing, volume
from sweeps.note import note
from sweeps.page import html
from sweeps.plan import Plan
from sweeps.results import BOX, Front, Result, base_result, find_front, measurements, results
from sweeps.tracking import Tracker

PAGE = "pareto.html"


@dataclass(frozen=True)
class Published:
    """How a sweep stands.

    Attributes:
        volumes: share of the hypervolume's box after each measurement.
    """

    front: Front
    volumes: Sequence[float]


def publish(plan: Plan, study: optuna.Study, tracker: Tracker, spent: tuple[float, float] | None = None) -> Published:
    """Bring tags, run colours and the page up to date with the study; returns how it stands.

    Args:
        spent: units trained and card-seconds, after something was measured: steps of the hypervolume's curves; None:
            nothing is new.
    """
    known, base, measured = results(study), base_result(study), measurements(study)
    front = find_front(measured, plan.config.objectives)
    rank, runs = standing.ranks(measured, plan.config.objectives), tracker.runs()
    shown = [r for r in known + ([base] if base else []) if r.label in runs and r.values]
    tracker.tag_all({r.label: standing.tags(r, front, rank.get(r.number)) for r in shown})
    config = plan.config
    page = html(config.name, config.objectives, known, measured, base, front, config.halving)
    tracker.log_text(tracker.parent, page, PAGE)
    volumes = [] if base is None else _volumes(plan, study, base, measured)
    if spent is not None and volumes:
        _log_volume(plan, tracker, spent, volumes[-1])
    knee = "none yet" if front.knee is None else front.knee.point
    tracker.tag(tracker.parent, {"knee": knee, "front": " ".join(result.point for result in front.results)})
    tracker.note(tracker.parent, note(config.objectives, known, base, front, PAGE))
    return Published(front, volumes)


def _volumes(plan: Plan, study: optuna.Study, base: Result, measured: Sequence[Result]) -> list[float]:
    if not measured:
        return []
    if BOX not in study.user_attrs:
        study.set_user_attr(BOX, [asdict(axis) for axis in volume.box(plan, base, measured[0])])
    return volume.growth(measured, plan.config.objectives, study.user_attrs[BOX])


def _log_volume(plan: Plan, tracker: Tracker, spent: tuple[float, float], share: float) -> None:
    """Log the hypervolume over what was trained and over card-seconds; MLflow's steps are integers."""
    unit = plan.config.unit
    curves = {
        f"hypervolume_over_{unit}": (spent[0], share),
        "hypervolume_over_card_seconds": (spent[1], share),
    }
    tracker.log_progress(tracker.parent, curves)
