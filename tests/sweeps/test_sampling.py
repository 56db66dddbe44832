from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import optuna
import pytest

from evaluation.score import Score
from sweeps import records
from sweeps import study as studies
from sweeps.config import load_sweep
from sweeps.ladder import Choice
from sweeps.plan import Plan, make_plan
from sweeps.results import measurements
from sweeps.sampling import known_objectives, make_tuner, report
from sweeps.stores import Stores
from sweeps.tuner import Tuner
from tests.short_sweep import write_sweep
from trainer.measurement import Measurement

BASE = {"math_accuracy": 10.0, "f1": 80.0, "ratio": 0.0}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    config, document = load_sweep(write_sweep(tmp_path, rungs=(1, 3)))
    return make_plan(config, document, Stores(tmp_path / "runs"))


def open_study(plan: Plan, tmp_path: Path) -> optuna.Study:
    return studies.open_study(plan.config, f"sqlite:///{tmp_path}/sweeps.db", plan.inputs)


def measure(plan: Plan, study: optuna.Study, tuner: Tuner) -> str:
    """Do what the scheduler does, with a closed form in place of a launch; returns what was run."""
    choice, space = tuner.next(may_start=True, idle=True), plan.config.space
    assert choice is not None
    rung = tuner.rungs[choice.rung]
    if choice.trial is None:
        trial = study.ask()
    else:
        tuner.promote(choice.trial, choice.rung)
        trial = optuna.Trial(study, study.trials[choice.trial]._trial_id)
    params = space.suggest(trial)
    tuner.start(trial.number, params)
    configuration, settings = space.configuration(params), space.settings(params)
    records.record_job(trial, configuration, rung, rung)
    accuracy = 20.0 * rung + 1e4 * float(str(configuration["learning_rate"]))
    values = {**BASE, "math_accuracy": accuracy, **plan.known_values(settings)}
    scores = {"math_accuracy": Score(accuracy, 40, accuracy - 5, accuracy + 5)}
    measured = Measurement(scores=scores, seconds={}, versions={})
    result = records.record(study, trial, plan.config, values, measured, rung, tuner.measured)
    report(tuner, plan, study, result)
    return f"{trial.number} to {rung}: {configuration}"


def test_sweep_that_was_ended_after_every_job_runs_the_same_as_one_that_never_was(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = open_study(plan, tmp_path / "a")
    records.record_base(whole, BASE, Measurement(scores={}, seconds={}, versions={}))
    tuner = make_tuner(plan, whole)
    expected = [measure(plan, whole, tuner) for _ in range(12)]
    records.record_base(open_study(plan, tmp_path / "b"), BASE, Measurement(scores={}, seconds={}, versions={}))
    found = []
    for _ in range(12):
        again = open_study(plan, tmp_path / "b")
        found.append(measure(plan, again, make_tuner(plan, again)))
    assert found == expected
    assert any(" to 3: " in job for job in expected)
    # the model has chosen, not only the even spread of the first trials
    assert len(measurements(whole)) > plan.config.sampler.startup_trials + 4


def test_ratio_is_known_before_a_run_and_accuracy_is_not(plan: Plan, tmp_path: Path) -> None:
    params = plan.config.enqueued_params()[0]
    known = known_objectives(plan)(params)
    assert list(known) == [2]
    assert known[2] == plan.account(plan.config.space.settings(params)).ratio()


def test_without_halving_the_one_rung_is_the_whole_training(tmp_path: Path) -> None:
    config, document = load_sweep(write_sweep(tmp_path, epochs=3))
    plan = make_plan(config, document, Stores(tmp_path / "runs"))
    tuner = make_tuner(plan, open_study(plan, tmp_path))
    assert tuner.rungs == (3,)
    assert tuner.next(3.0, may_start=True, idle=True) == Choice(None, 0)
    assert tuner.next(2.0, may_start=True, idle=True) is None


def test_sweep_that_goes_on_has_learned_before_its_first_proposal(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(plan, tmp_path)
    records.record_base(study, BASE, Measurement(scores={}, seconds={}, versions={}))
    tuner = make_tuner(plan, study)
    for _ in range(16):
        measure(plan, study, tuner)
    again = make_tuner(plan, study)
    monkeypatch.delattr("sweeps.learning.learn_kernel")
    again.propose(len(study.trials))


def test_gates_are_compared_in_multiples_of_their_bounds(plan: Plan, tmp_path: Path) -> None:
    study = open_study(plan, tmp_path)
    records.record_base(study, BASE, Measurement(scores={}, seconds={}, versions={}))
    tuner, told = make_tuner(plan, study), []

    def reported(*args: Sequence[float]) -> None:
        told.append(args[-1])

    tuner.report = reported  # type: ignore[method-assign, assignment]
    measure(plan, study, tuner)
    assert told == [[gate.limit(BASE) for gate in plan.config.gates]]
    assert all(told[0])
