"""The sweep keeps to its quota, and starts nothing on a disk that is nearly full."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from evaluation.score import Score
from sweeps import records
from sweeps import study as studies
from sweeps.config import load_sweep
from sweeps.disk import Disk
from sweeps.plan import Plan, make_plan
from sweeps.results import find_front, measurements
from sweeps.sampling import make_tuner
from sweeps.stores import Stores
from tests.short_sweep import write_sweep
from trainer.cached import data_sets, use
from trainer.measurement import Measurement

BASE = {"math_accuracy": 10.0, "f1": 80.0, "ratio": 0.0}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    file = write_sweep(tmp_path, trials=3, rungs=(1, 3))
    file.write_text(file.read_text(encoding="utf-8") + "disk: {quota_gb: 1.0e-6, reserve_gb: 0}\n", encoding="utf-8")
    config, document = load_sweep(file)
    return make_plan(config, document, Stores(tmp_path / "runs"))


@pytest.fixture
def study(plan: Plan, tmp_path: Path) -> optuna.Study:
    """Three trials at the first rung, each with a state of 400 bytes: a good one, a bad one, one that failed."""
    study = studies.open_study(plan.config, f"sqlite:///{tmp_path}/sweeps.db", plan.inputs)
    records.record_base(study, BASE, Measurement(scores={}, seconds={}, versions={}))
    for number, accuracy in enumerate((60.0, 20.0, None)):
        trial = study.ask()
        params = plan.config.space.suggest(trial)
        records.record_job(trial, plan.config.space.configuration(params), 1, 1.0)
        state = plan.folder / f"trial-{number:04d}/rung-1/state.safetensors"
        state.parent.mkdir(parents=True)
        state.write_bytes(b"x" * 400)
        if accuracy is None:
            records.fail(study, trial, "RuntimeError: Memory not enough")
        else:
            values = {**BASE, "math_accuracy": accuracy, "ratio": 0.01 * (number + 1)}
            measured = Measurement(scores={"math_accuracy": Score(accuracy, 40, 0.0, 100.0)}, seconds={}, versions={})
            records.record(study, trial, plan.config, values, measured, 1, number)
    return study


def kept(plan: Plan) -> list[str]:
    return sorted(file.parent.parent.name for file in plan.folder.glob("*/*/state.safetensors"))


def test_what_failed_goes_first_and_no_more_than_has_to(plan: Plan, study: optuna.Study) -> None:
    front = find_front(measurements(study), plan.config.objectives)
    assert Disk(plan, study, make_tuner(plan, study)).low((), front, 0) == ""
    assert kept(plan) == ["trial-0000", "trial-0001"]


def test_tokenized_data_that_no_job_reads_goes_before_any_weights(plan: Plan, study: optuna.Study) -> None:
    for name in ("read", "unread"):
        (plan.cache / name).mkdir(parents=True)
        (plan.cache / name / "00000.mindrecord").write_bytes(b"x" * 150)
    # 1,200 bytes of weights and 300 of data: one data set and one file of weights are too many
    with use(plan.cache / "read"):
        low = Disk(plan, study, make_tuner(plan, study)).low((), find_front((), plan.config.objectives), 0)
    assert low == ""
    assert [found.path.name for found in data_sets(plan.cache)] == ["read"]
    assert kept(plan) == ["trial-0000", "trial-0001"]


def test_where_all_is_needed_nothing_goes_and_nothing_starts(plan: Plan, study: optuna.Study) -> None:
    (plan.folder / "trial-0000/rung-1/predictions_math_contest.jsonl").write_bytes(b"x" * 2000)
    front = find_front(measurements(study), plan.config.objectives)
    low = Disk(plan, study, make_tuner(plan, study)).low({1}, front, 0)
    assert "more than `disk: quota_gb` of 1e-06" in low
    assert kept(plan) == ["trial-0000", "trial-0001"]


def test_nothing_starts_below_the_reserve(plan: Plan, study: optuna.Study) -> None:
    disk = plan.config.disk.model_copy(update={"quota_gb": None, "reserve_gb": 1e9})
    full = replace(plan, config=plan.config.model_copy(update={"disk": disk}))
    low = Disk(full, study, make_tuner(plan, study)).low((), find_front((), plan.config.objectives), 0)
    assert "fewer than `disk: reserve_gb` of 1e+09" in low
