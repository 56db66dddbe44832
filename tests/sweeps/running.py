"""A sweep whose databases and logs say that it runs, though no launch does: for what other processes see of it."""

from __future__ import annotations

import os
from pathlib import Path

from evaluation.score import Score
from sweeps import records
from sweeps import study as studies
from sweeps.config import SweepConfig, load_sweep
from sweeps.database import parse
from sweeps.entries import Attempt
from sweeps.fidelity import Budget, Halving
from sweeps.ledger import DONE, Ledger
from sweeps.results import BOX
from sweeps.stores import Stores, trial_paths
from tests.short_sweep import write_sweep
from trainer.measurement import Measurement
from trainer.slots import Placement

AXES = [{"reference": 18.0, "ideal": 100.0}, {"reference": 40.0, "ideal": 100.0}, {"reference": 0.1, "ideal": 0.0}]
NAME = "训练-sweep"


def step_line(step: int, steps: int, epochs: int, loss: float, milliseconds: int = 500) -> str:
    """Write a line as MindFormers does, of the global step ``step``."""
    epoch, within = divmod(step - 1, steps)
    return (
        f"2026-01-01 00:00:00,000 - INFO - {{ Epoch:[{epoch + 1:>3}/{epochs:>3}], step:[{within + 1:>5}/{steps:>5}], "
        f"loss: {loss:.6f}, per_step_time: {milliseconds}ms, lr: 1e-04, overflow cond: False, loss_scale: 1.0\n"
    )


class RunningSweep:
    """Writes what an orchestrator would.

    Args:
        folder: of the sweep file; the runs folder is made in it.
        database: of the study; None: a file in the runs folder.
    """

    def __init__(self, folder: Path, database: str | None = None, **changed: object) -> None:
        self.stores = Stores(folder / "runs", parse(database) if database else None)
        self.stores.create()
        config = load_sweep(write_sweep(folder))[0]
        update = {"name": NAME, "halving": Halving(rungs=(1, 3)), "budget": Budget(epochs=30), **changed}
        self.config: SweepConfig = config.model_copy(update=update)
        self.study = studies.open_study(self.config, self.stores.study_url, {})
        self.ledger = Ledger(self.stores.study_url, self.config.name)
        self._measured = 0

    def begin(self, slot: int = 0, number: int | None = None, rung: int = 1) -> Attempt:
        """Begin the next attempt of a trial to a rung, a new trial by default; its process is this one."""
        if number is None:
            trial = self.study.ask()
            configuration = self.config.space.configuration(self.config.space.suggest(trial))
            records.record_job(trial, configuration, rung, float(rung))
            number = trial.number
        label = f"trial-{number:04d}"
        placement = Placement(slot=slot, workers=1, devices=(), cores=(slot,), scheduler_port=1, hccl_port=2)
        folder = trial_paths(self.stores.sweep(self.config.name), label, rung)
        attempt = self.ledger.begin(label, rung, placement, folder.root)
        folder.logs.mkdir(parents=True, exist_ok=True)
        self.ledger.started(attempt.id, os.getpid(), 0.0)
        return attempt

    def log(self, attempt: Attempt, text: str) -> None:
        """Add to the log of an attempt's worker."""
        with (attempt.folder / "msrun_log/worker_0.log").open("a", encoding="utf-8") as file:
            file.write(text)

    def measure_base(self) -> None:
        """Keep what the base measured."""
        values = {"math_accuracy": 18.0, "f1": 80.0, "ratio": 0.0}
        records.record_base(self.study, values, self._measurement(18.0))
        self.study.set_user_attr(BOX, AXES)

    def end(self, attempt: Attempt, accuracy: float, ratio: float = 0.01) -> None:
        """End an attempt that measured ``accuracy``."""
        trial = records.trial(self.study, int(attempt.label.removeprefix("trial-")))
        values = {"math_accuracy": accuracy, "f1": 79.0, "ratio": ratio}
        measurement = self._measurement(accuracy)
        records.record(self.study, trial, self.config, values, measurement, attempt.rung, self._measured)
        self._measured += 1
        self.ledger.ended(attempt.id, "finished", 60.0)
        self.ledger.close_job(attempt.label, attempt.rung, DONE)

    @staticmethod
    def _measurement(accuracy: float) -> Measurement:
        score = Score(accuracy, 40, max(0.0, accuracy - 5), min(100.0, accuracy + 5))
        return Measurement(scores={"math_accuracy": score}, seconds={}, versions={})
