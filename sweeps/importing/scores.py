"""The metrics of a finished run as the sweep that it goes to names them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.protocols import METRICS
from sweeps.importing.fit import Fit
from sweeps.importing.run import FinishedRun, Measured
from sweeps.plan import Plan
from trainer.measurement import Measurement


@dataclass(frozen=True)
class Scores:
    """All metrics, formulas included.

    Attributes:
        measurement: what was measured on items, and durations.
        sources: metric -> where it was read.
    """

    values: Mapping[str, float]
    measurement: Measurement
    sources: Mapping[str, str]


def of_run(run: FinishedRun, fit: Fit, plan: Plan) -> Scores:
    """Return what a run measured after its training; a report fills in what no file shows."""
    last = run.steps[-1]
    measured = {**_stated(run, plan), **run.tuned}
    timed = {"train": run.seconds} if math.isfinite(run.seconds) else {}
    scores = {name: one.score for name, one in measured.items() if one.score is not None}
    measurement = Measurement(scores=scores, seconds=timed, versions={}, steps=last.global_step)
    means = {name: one.value for name, one in measured.items()}
    values = plan.values(measurement, fit.settings, run.seconds, last.loss)
    values = plan.config.derived_metrics({**values, **means})
    return Scores(values, measurement, {name: one.source for name, one in measured.items()})


def of_base(run: FinishedRun, plan: Plan) -> Scores:
    """Return what was measured of the base that a run began from."""
    scores = {name: one.score for name, one in run.base.items() if one.score is not None}
    measurement = Measurement(scores=scores, seconds={}, versions={})
    means = {name: one.value for name, one in run.base.items()}
    values = plan.config.derived_metrics({**plan.values(measurement, None, math.nan, None), **means})
    return Scores(values, measurement, {name: one.source for name, one in run.base.items()})


def _stated(run: FinishedRun, plan: Plan) -> dict[str, Measured]:
    names = {"f1": "f1", "em": "em"}
    accuracies = [name for p in plan.config.evaluation for name in METRICS[p] if name.endswith("_accuracy")]
    # which of several a report means cannot be said
    if len(accuracies) == 1:
        names["accuracy"] = accuracies[0]
    known = {name: fact for name, fact in run.stated.items() if name in names}
    return {
        names[name]: Measured(fact.number, None, f"{fact.source}, stated in a report") for name, fact in known.items()
    }


def lacking(scores: Scores, wanted: Sequence[str], what: str) -> Iterator[str]:
    """Yield a reason for each metric that has no finite value.

    Args:
        what: whose metrics they are.
    """
    for metric in wanted:
        if not math.isfinite(scores.values.get(metric, math.nan)):
            measured = ", ".join(scores.sources) or "nothing"
            yield (
                f"{metric} of {what} is not known; measured was: {measured}. Add an evaluation log with F1 and EM, "
                f"predictions_<protocol>.jsonl, or a report (.md) that states it"
            )
