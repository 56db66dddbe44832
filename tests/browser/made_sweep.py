"""A sweep whose trials never ran: a study, an outbox and a ledger as a real one has them, for pages that show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from optuna import Study

from evaluation.score import Score
from sweeps import records
from sweeps import study as studies
from sweeps.compare import experiment_tags
from sweeps.config import load_sweep
from sweeps.delivery import deliver
from sweeps.ledger import Ledger
from sweeps.outbox import FOLDER, Outbox
from sweeps.plan import Plan, make_plan
from sweeps.publish import publish
from sweeps.results import trial_label
from sweeps.stores import Stores
from sweeps.tracking import FINISHED, Tracker
from tests.short_sweep import write_sweep
from trainer.measurement import Measurement

RUNGS = (1, 3)


@dataclass(frozen=True)
class Made:
    """What one trial measured: percents, and share of trained parameters; ``rung`` is where it is now."""

    accuracy: float
    f1: float
    ratio: float
    rung: int = RUNGS[-1]


class MadeSweep:
    """A sweep of two rungs in a new runs folder, delivered to the folder's own MLflow database."""

    def __init__(self, folder: Path) -> None:
        self.stores = Stores(folder / "runs")
        self.stores.create()
        config, document = load_sweep(write_sweep(folder, rungs=RUNGS))
        self.plan: Plan = make_plan(config, document, self.stores)
        self.plan.folder.mkdir(parents=True)
        self.study: Study = studies.open_study(config, self.stores.study_url, self.plan.inputs)
        self.ledger = Ledger(self.stores.study_url, config.name)
        self.outbox = Outbox(self.plan.folder / FOLDER)
        self.tracker = Tracker(self.outbox)
        self.tracker.start_sweep(self.plan.tags)
        self.tracker.tag_experiment(experiment_tags(config, self.outbox.id))
        base = {"math_accuracy": 18.0, "f1": 80.0, "ratio": 0.0}
        records.record_base(self.study, base, measured(base))
        self.tracker.start_trial("base", {}, {})
        self.tracker.log_measurement("base", base, measured(base))

    def add(self, trials: Iterable[Made]) -> None:
        """Add trials, publish what they change, and deliver all of it."""
        config = self.plan.config
        for order, made in enumerate(trials, len(self.study.trials)):
            trial = self.study.ask()
            configuration = config.space.configuration(config.space.suggest(trial))
            values = {"math_accuracy": made.accuracy, "f1": made.f1, "ratio": made.ratio}
            records.record_job(trial, configuration, made.rung, made.rung)
            label = trial_label(trial.number)
            self.tracker.start_trial(label, configuration, self.plan.tags)
            records.record(self.study, trial, config, values, measured(values), made.rung, order)
            self.tracker.log_measurement(label, values, measured(values), made.rung)
            self.tracker.finish(label, FINISHED, "complete" if made.rung == RUNGS[-1] else "stopped")
        publish(self.plan, self.study, self.tracker, self.ledger)
        left = deliver(self.outbox, config.name, self.stores.tracking_uri, self.stores.artifacts, patience=60)
        assert left == ""


def measured(values: dict[str, float]) -> Measurement:
    """Return a measurement with intervals of five percent each way."""
    scores = {name: Score(value, 40, value - 5, value + 5) for name, value in values.items() if name != "ratio"}
    return Measurement(scores=scores, seconds={}, versions={})
