from __future__ import annotations

from pathlib import Path

import pytest
from optuna.trial import TrialState

from evaluation.score import Score
from sweeps import study as studies
from sweeps.config import SweepConfig, load_sweep
from sweeps.results import base_result, results
from sweeps.stores import StoreError
from tests.short_sweep import write_sweep
from trainer.measurement import Measurement

INPUTS = {"train": "0123", "recipe": "4567"}
BASE = {"math_accuracy": 10.0, "f1": 80.0, "ratio": 0.0}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sweeps.db"


@pytest.fixture
def config(tmp_path: Path) -> SweepConfig:
    return load_sweep(write_sweep(tmp_path))[0]


def measurement(accuracy: float) -> Measurement:
    return Measurement(scores={"math_accuracy": Score(accuracy, 40, 0.0, 100.0)}, seconds={}, versions={})


def test_enqueued_configuration_comes_first(config: SweepConfig, url: str) -> None:
    params = config.space.suggest(studies.open_study(config, url, INPUTS).ask())
    assert config.space.configuration(params)["target_modules"] == ["wq", "wo"]


def test_enqueued_configuration_is_not_tried_again_when_the_sweep_goes_on(config: SweepConfig, url: str) -> None:
    config.space.suggest(studies.open_study(config, url, INPUTS).ask())
    again = studies.open_study(config, url, INPUTS)
    assert again.get_trials(states=(TrialState.WAITING,)) == []


def test_sweep_that_goes_on_does_not_draw_the_same_again(config: SweepConfig, url: str) -> None:
    drawn = []
    for _ in range(3):
        drawn.append(config.space.suggest(studies.open_study(config, url, INPUTS).ask())["learning_rate"])
    assert len(set(drawn)) == 3


def test_trial_that_misses_a_gate_is_told_to_the_study_as_infeasible(config: SweepConfig, url: str) -> None:
    study = studies.open_study(config, url, INPUTS)
    studies.record_base(study, BASE, measurement(10.0))
    trial = study.ask()
    config.space.suggest(trial)
    studies.complete(study, trial, config, {"math_accuracy": 90.0, "f1": 39.0, "ratio": 0.01}, measurement(90.0))
    (result,) = results(study)
    assert result.violations == {"f1 >= 0.5 * base.f1": 1.0}
    assert not result.feasible


def test_base_is_read_as_it_was_recorded(config: SweepConfig, url: str) -> None:
    studies.record_base(studies.open_study(config, url, INPUTS), BASE, measurement(10.0))
    base = base_result(studies.open_study(config, url, INPUTS))
    assert base is not None
    assert base.values == BASE
    assert base.scores == {"math_accuracy": Score(10.0, 40, 0.0, 100.0)}


def test_interrupted_trial_is_queued_with_the_same_parameters_and_does_not_count(config: SweepConfig, url: str) -> None:
    study = studies.open_study(config, url, INPUTS)
    params = config.space.suggest(study.ask())
    assert studies.requeue_interrupted(study) == [0]
    assert studies.finished(study) == 0
    assert config.space.suggest(study.ask()) == params


def test_failed_trial_counts_and_says_why(config: SweepConfig, url: str) -> None:
    study = studies.open_study(config, url, INPUTS)
    studies.fail(study, study.ask(), "RuntimeError: Memory not enough")
    assert studies.finished(study) == 1
    assert results(study)[0].reason == "RuntimeError: Memory not enough"


def test_sweep_with_another_search_space_is_refused(config: SweepConfig, url: str, tmp_path: Path) -> None:
    studies.open_study(config, url, INPUTS)
    sweep = write_sweep(tmp_path)
    sweep.write_text(sweep.read_text().replace("high: 16", "high: 32"))
    with pytest.raises(StoreError, match="sweep short was started with another parameters"):
        studies.open_study(load_sweep(sweep)[0], url, INPUTS)


def test_sweep_whose_training_file_changed_is_refused(config: SweepConfig, url: str) -> None:
    studies.open_study(config, url, INPUTS)
    with pytest.raises(StoreError, match="sweep short was started with another content of train"):
        studies.open_study(config, url, {**INPUTS, "train": "89ab"})


def test_enqueued_configuration_that_was_interrupted_before_it_was_asked_for_is_not_lost(
    config: SweepConfig, url: str
) -> None:
    study = studies.open_study(config, url, INPUTS)
    study.ask()
    studies.requeue_interrupted(study)
    params = config.space.suggest(study.ask())
    assert params == config.enqueued_params()[0]


def test_number_of_trials_may_change(config: SweepConfig, url: str) -> None:
    studies.open_study(config, url, INPUTS)
    studies.open_study(config.model_copy(update={"trials": 99}), url, INPUTS)
    assert studies.load_config(studies.load_study("short", url)).trials == 99


def test_unknown_sweep_names_those_there_are(config: SweepConfig, url: str) -> None:
    studies.open_study(config, url, INPUTS)
    with pytest.raises(StoreError, match="no sweep named 'other' here; there is: short"):
        studies.load_study("other", url)
