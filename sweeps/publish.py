"""What the sweep's results say, into MLflow: tags of every trial, and the Pareto page on the parent run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import optuna

from sweeps import standing, volume
from sweeps.ledger import Ledger
from sweeps.note import note
from sweeps.plan import Plan
from sweeps.results import BOX, Front, Result
from sweeps.tracking import Tracker
from sweeps.ui.document import Links, document
from sweeps.ui.importance import importance
from sweeps.ui.page import static_html
from sweeps.ui.standing import Standing

PAGE = "pareto.html"


@dataclass(frozen=True)
class Published:
    """How a sweep stands.

    Attributes:
        results: every trial as it is now.
        volumes: share of the hypervolume's box after each measurement.
    """

    results: Sequence[Result]
    front: Front
    volumes: Sequence[float]


def publish(
    plan: Plan,
    study: optuna.Study,
    tracker: Tracker,
    ledger: Ledger,
    spent: tuple[float, float] | None = None,
    *,
    page: bool = True,
) -> Published:
    """Bring tags, run colours and the page up to date with the study; returns how it stands.

    Args:
        spent: units trained and card-seconds, after something was measured: steps of the hypervolume's curves; None:
            nothing is new.
        page: whether the page is written, too, which takes most of the time.
    """
    known, config = Standing.of_study(study, ledger), plan.config
    front, base, measured = known.front, known.base, known.measured
    rank, runs = standing.ranks(measured, config.objectives), tracker.runs()
    shown = [r for r in [*known.results, *([base] if base else [])] if r.label in runs and r.values]
    tracker.tag_all({r.label: standing.tags(r, front, rank.get(r.number)) for r in shown})
    volumes = [] if base is None else _volumes(plan, study, base, measured)
    if volumes:
        known = replace(known, box=study.user_attrs[BOX])
    if spent is not None and volumes:
        _log_volume(plan, tracker, spent, volumes[-1])
    if page:
        tracker.log_text(tracker.parent, static_html(document(known, Links()), importance(study, config)), PAGE)
    knee = "none yet" if front.knee is None else front.knee.point
    tracker.tag(tracker.parent, {"knee": knee, "front": " ".join(result.point for result in front.results)})
    tracker.note(tracker.parent, note(config.objectives, known.results, base, front, PAGE))
    return Published(known.results, front, volumes)


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
