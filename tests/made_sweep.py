"""A sweep with all its files that no msrun ran: the plan, the study and the ledger are real, the workers are not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from evaluation.items import read
from evaluation.protocols import evaluate
from evaluation.score import Score
from sweeps import records
from sweeps.config import load_sweep
from sweeps.ledger import Ledger
from sweeps.plan import Plan, make_plan
from sweeps.stores import Stores, trial_paths
from sweeps.study import open_study
from tests.made_adapter import adapter
from tests.short_sweep import write_sweep
from trainer.checkpoints import checkpoint, due
from trainer.files import write_whole
from trainer.job import Job
from trainer.measurement import Measurement
from trainer.paths import TrialPaths
from trainer.slots import Placement

STEPS = 10  # an epoch: 160 rows in batches of 16
EPOCHS = 2
_STEP = (
    "{{ Epoch:[{epoch:3d}/{epochs:3d}], step:[{step:5d}/{steps:5d}], loss:[{loss}/{loss}], per_step_time: 70ms, "
    "lr: 0.0001, overflow cond: False, loss_scale: 1.0, global_norm: [1.5], train_throughput_per_npu: 0.024T\n"
)


def make(folder: Path, *, stops: bool = False) -> Path:
    """Make a sweep of the tiny model in ``folder``: the base and one trial, at the rungs of one and two epochs.

    Args:
        stops: the trial was not promoted.
    """
    config, document = load_sweep(write_sweep(folder, trials=1, rungs=(1, EPOCHS)))
    stores = Stores(folder / "runs")
    stores.create()
    plan = make_plan(config, document, stores)
    study = open_study(config, stores.study_url, plan.inputs)
    measurement = _run(plan, stores, None, None, right=0.25)
    records.record_base(study, plan.values(measurement, None, 18.5, None), measurement)
    trial = study.ask()
    params = config.space.suggest(trial)
    settings = config.space.settings(params)
    for order, rung in enumerate((1,) if stops else (1, EPOCHS)):
        records.record_job(trial, config.space.configuration(params), rung, rung)
        measurement = _run(plan, stores, settings, rung, right=0.5)
        values = plan.values(measurement, settings, 27.25, _loss(rung * STEPS))
        records.record(study, trial, config, values, measurement, rung, order)
    return folder / "runs"


def _run(
    plan: Plan, stores: Stores, settings: Mapping[str, object] | None, rung: int | None, *, right: float
) -> Measurement:
    """Write what a launch would have; ``right``: share of the items that are answered rightly."""
    label = "base" if settings is None else "trial-0000"
    paths, placement = trial_paths(plan.folder, label, rung), Placement(0, 1, (), (), 8118, 60000)
    plan.prepare(paths, placement, settings, label, rung)
    ledger = Ledger(stores.study_url, plan.config.name)
    attempt = ledger.begin(label, rung, placement, paths.root)
    paths.logs.mkdir()
    paths.launcher_log.write_text("msrun\n", encoding="utf-8")
    paths.scheduler_log.write_text("", encoding="utf-8")
    paths.worker_log(0).write_text("imports\n" + _steps(rung), encoding="utf-8")
    if rung is not None:
        _write_weights(paths, rung)
    measurement = Measurement(
        scores=_grade(paths, right),
        seconds={"train": 14.35, "worker": 20.0},
        versions={"mindspore": "2.9.0", "mindformers": "1.9.0", "python": "3.11.7"},
        steps=None if rung is None else rung * STEPS,
    )
    measurement.write(paths.measurement)
    ledger.ended(attempt.id, "finished", 27.25)
    ledger.close()
    return measurement


def _steps(rung: int | None) -> str:
    steps = () if rung is None else range((rung - 1) * STEPS, rung * STEPS)
    return "".join(
        _STEP.format(epoch=i // STEPS + 1, epochs=EPOCHS, step=i % STEPS + 1, steps=STEPS, loss=_loss(i + 1))
        for i in steps
    )


def _loss(step: int) -> float:
    return round(4 - step / 10, 3)


def _grade(paths: TrialPaths, right: float) -> dict[str, Score]:
    scores: dict[str, Score] = {}
    for benchmark in Job.read(paths.job).benchmarks:
        items = read(benchmark.protocol, benchmark.file)[: benchmark.items]
        answered = int(right * len(items))
        predictions = [item.answers[0] if i < answered else "?" for i, item in enumerate(items)]
        graded = evaluate(benchmark.protocol, items, predictions)
        lines = [json.dumps(verdict.as_dict(), ensure_ascii=False) for verdict in graded.verdicts]
        write_whole(paths.predictions(benchmark.protocol), "\n".join(lines) + "\n")
        scores |= graded.metrics
    return scores


def _write_weights(paths: TrialPaths, rung: int) -> None:
    """Write an adapter of rank 8 on wq and wo, as the enqueued configuration has it."""
    base, random = Job.read(paths.job).base, np.random.default_rng(0)
    paths.checkpoints.mkdir()
    for step in range((rung - 1) * STEPS + 1, rung * STEPS + 1):
        weights = adapter(base, 8, ("wq", "wo"), random)
        if due(EPOCHS * STEPS, step - 1, step):
            save_file(weights, checkpoint(paths.checkpoints, step))
    save_file(weights, paths.adapter)
