from __future__ import annotations

from pathlib import Path

import pytest
from optuna.trial import TrialState

from evaluation.score import Score
from sweeps import records
from sweeps import study as studies
from sweeps.config import SweepConfig, load_sweep
from sweeps.database import named, parse
from sweeps.fidelity import Halving
from sweeps.generations import name_of
from sweeps.results import base_result, measurements, results
from sweeps.stores import StoreError
from tests.short_sweep import write_sweep
from trainer.measurement import Measurement

INPUTS = {"train": "0123", "recipe": "4567"}
BASE = {"math_accuracy": 10.0, "f1": 80.0, "ratio": 0.0}


@pytest.fixture
def config(tmp_path: Path) -> SweepConfig:
    return load_sweep(write_sweep(tmp_path))[0]


@pytest.fixture
def halved(config: SweepConfig) -> SweepConfig:
    return config.model_copy(update={"halving": Halving(rungs=(1, 3))})


def measurement(accuracy: float) -> Measurement:
    return Measurement(scores={"math_accuracy": Score(accuracy, 40, 0.0, 100.0)}, seconds={}, versions={})


def test_enqueued_configuration_comes_first(config: SweepConfig, url: str) -> None:
    params = config.space.suggest(studies.open_study(config, url, INPUTS).ask())
    assert config.space.configuration(params)["target_modules"] == ["wq", "wo"]


def test_enqueued_configuration_is_not_tried_again_when_the_sweep_goes_on(config: SweepConfig, url: str) -> None:
    config.space.suggest(studies.open_study(config, url, INPUTS).ask())
    again = studies.open_study(config, url, INPUTS)
    assert again.get_trials(states=(TrialState.WAITING,)) == []


def test_trial_that_misses_a_gate_is_told_to_the_study_as_infeasible(config: SweepConfig, url: str) -> None:
    study = studies.open_study(config, url, INPUTS)
    records.record_base(study, BASE, measurement(10.0))
    trial = study.ask()
    config.space.suggest(trial)
    records.record(study, trial, config, {"math_accuracy": 90.0, "f1": 39.0, "ratio": 0.01}, measurement(90.0))
    (result,) = results(study)
    assert result.violations == {"f1 >= 0.5 * base.f1": 1.0}
    assert not result.feasible


def test_base_is_read_as_it_was_recorded(config: SweepConfig, url: str) -> None:
    records.record_base(studies.open_study(config, url, INPUTS), BASE, measurement(10.0))
    base = base_result(studies.open_study(config, url, INPUTS))
    assert base is not None
    assert base.values == BASE
    assert base.scores == {"math_accuracy": Score(10.0, 40, 0.0, 100.0)}


def test_interrupted_trial_is_done_again_with_the_same_parameters(config: SweepConfig, url: str) -> None:
    study = studies.open_study(config, url, INPUTS)
    params = config.space.suggest(study.ask())
    assert records.unmeasured(study) == [0]
    assert config.space.suggest(records.trial(study, 0)) == params
    assert records.started(study) == 1


def test_trial_that_stopped_at_a_rung_is_not_done_again(halved: SweepConfig, url: str) -> None:
    study = studies.open_study(halved, url, INPUTS)
    records.record_base(study, BASE, measurement(10.0))
    trial = study.ask()
    records.record_job(trial, halved.space.configuration(halved.space.suggest(trial)), 1, 1.0)
    assert records.unmeasured(study) == [0]
    records.record(study, trial, halved, {**BASE, "math_accuracy": 20.0}, measurement(20.0), rung=1)
    assert records.unmeasured(study) == []
    assert [(r.state, r.rung, r.values["math_accuracy"]) for r in results(study)] == [("stopped", 1, 20.0)]


def test_trial_is_complete_at_the_last_rung_and_keeps_what_it_measured_below(halved: SweepConfig, url: str) -> None:
    study = studies.open_study(halved, url, INPUTS)
    records.record_base(study, BASE, measurement(10.0))
    trial = study.ask()
    for order, (rung, accuracy) in enumerate([(1, 20.0), (3, 40.0)]):
        records.record_job(trial, halved.space.configuration(halved.space.suggest(trial)), rung, rung)
        records.record(study, trial, halved, {**BASE, "math_accuracy": accuracy}, measurement(accuracy), rung, order)
    assert [(r.state, r.rung) for r in results(study)] == [("complete", 3)]
    assert [(r.point, r.values["math_accuracy"]) for r in measurements(study)] == [
        ("trial-0000@1", 20.0),
        ("trial-0000", 40.0),
    ]
    assert study.trials[0].values == [40.0, 80.0, 0.0]


def test_process_that_ended_between_keeping_and_telling_leaves_a_complete_trial(
    halved: SweepConfig, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = studies.open_study(halved, url, INPUTS)
    records.record_base(study, BASE, measurement(10.0))
    trial = study.ask()
    records.record_job(trial, halved.space.configuration(halved.space.suggest(trial)), 3, 3.0)
    with monkeypatch.context() as ended:
        ended.setattr(study, "tell", lambda *_: None)
        records.record(study, trial, halved, {**BASE, "math_accuracy": 40.0}, measurement(40.0), 3)
    assert len(study.get_trials(states=[TrialState.RUNNING])) == 1
    records.tell_measured(study, halved)
    assert len(study.get_trials(states=[TrialState.COMPLETE])) == 1


def test_what_a_noisy_measurement_may_have_missed_by_chance_is_excused(halved: SweepConfig, url: str) -> None:
    study = studies.open_study(halved, url, INPUTS)
    records.record_base(study, BASE, measurement(10.0))
    trial = study.ask()
    halved.space.suggest(trial)
    noisy = Measurement(scores={"f1": Score(39.0, 20, 30.0, 48.0)}, seconds={}, versions={})
    result = records.record(study, trial, halved, {**BASE, "f1": 39.0}, noisy, 1)
    assert not result.feasible
    assert result.excused == {"f1 >= 0.5 * base.f1": 40.0 - 48.0}


def test_failed_trial_counts_and_says_why(config: SweepConfig, url: str) -> None:
    study = studies.open_study(config, url, INPUTS)
    records.fail(study, study.ask(), "RuntimeError: Memory not enough")
    assert records.started(study) == 1
    assert results(study)[0].reason == "RuntimeError: Memory not enough"


def test_sweep_with_another_search_space_is_refused(config: SweepConfig, url: str, tmp_path: Path) -> None:
    studies.open_study(config, url, INPUTS)
    sweep = write_sweep(tmp_path)
    sweep.write_text(sweep.read_text().replace("high: 16", "high: 32"))
    changed = load_sweep(sweep)[0]
    with pytest.raises(StoreError, match=r"parameters\.lora_rank\.high: 16 -> 32"):
        name_of(changed, url, INPUTS, accept_changes=False)
    assert name_of(changed, url, INPUTS, accept_changes=True) == "short.g2"


def test_sweep_whose_training_file_changed_is_refused(config: SweepConfig, url: str) -> None:
    studies.open_study(config, url, INPUTS)
    with pytest.raises(StoreError, match=r"content of train: .* -> 89ab"):
        name_of(config, url, {**INPUTS, "train": "89ab"}, accept_changes=False)


def test_generation_of_the_same_settings_is_gone_on_with(config: SweepConfig, url: str) -> None:
    other = config.model_copy(update={"seed": 8})
    assert name_of(config, url, INPUTS, accept_changes=False) == "short"
    studies.open_study(config, url, INPUTS)
    assert name_of(config, url, INPUTS, accept_changes=True) == "short"
    studies.open_study(other.model_copy(update={"name": "short.g2"}), url, INPUTS)
    assert name_of(config, url, INPUTS, accept_changes=False) == "short"
    assert name_of(other, url, INPUTS, accept_changes=False) == "short.g2"
    assert name_of(config.model_copy(update={"seed": 9}), url, INPUTS, accept_changes=True) == "short.g3"
    assert name_of(config.model_copy(update={"trials": 99}), url, INPUTS, accept_changes=False) == "short"


def test_enqueued_configuration_that_was_interrupted_before_it_was_asked_for_is_not_lost(
    config: SweepConfig, url: str
) -> None:
    studies.open_study(config, url, INPUTS).ask()
    study = studies.open_study(config, url, INPUTS)
    assert records.unmeasured(study) == [0]
    assert config.space.suggest(records.trial(study, 0)) == config.enqueued_params()[0]


def test_limits_of_the_watch_may_change(config: SweepConfig, url: str) -> None:
    studies.open_study(config, url, INPUTS)
    watch = config.watch.model_copy(update={"hang_seconds": 60.0})
    studies.open_study(config.model_copy(update={"watch": watch}), url, INPUTS)


def test_number_of_trials_may_change(config: SweepConfig, url: str) -> None:
    studies.open_study(config, url, INPUTS)
    studies.open_study(config.model_copy(update={"trials": 99}), url, INPUTS)
    assert studies.load_config(studies.load_study("short", url)).trials == 99


def test_unknown_sweep_names_the_database_and_those_there_are_at_most_ten(config: SweepConfig, url: str) -> None:
    studies.open_study(config, url, INPUTS)
    with pytest.raises(StoreError) as told:
        studies.load_study("other", url)
    assert str(told.value) == f"{named(parse(url))}: there is no sweep named 'other'; there is: short"
    for i in range(11):
        studies.open_study(config.model_copy(update={"name": f"sweep-{i:02d}"}), url, INPUTS)
    with pytest.raises(StoreError, match=r"there is: short, sweep-00, .*sweep-08 and 2 more$"):
        studies.load_study("other", url)
