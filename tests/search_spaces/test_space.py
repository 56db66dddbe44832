from __future__ import annotations

from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.samplers import NSGAIISampler, RandomSampler, TPESampler
from pydantic import TypeAdapter

from search_spaces.distributions import Parameter
from search_spaces.space import ConfigurationError, Derived, SearchSpace

optuna.logging.set_verbosity(optuna.logging.WARNING)

PARAMETERS: dict[str, dict[str, Any]] = {
    "lr": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True, "sets": "schedule.lr"},
    "rank": {"type": "int", "low": 1, "high": 16, "log": True, "sets": ["pet.rank", "copy.rank"]},
    "decay_steps": {"type": "int", "low": 10, "high": 50, "step": 20, "sets": "steps", "when": {"schedule": ["step"]}},
    "schedule": {"type": "categorical", "choices": ["cosine", "step", None], "sets": "schedule.type"},
    "factor": {"type": "categorical", "choices": [1, 2]},
    "targets": {"type": "subset", "of": ["wq", "wk", "wv", "wo"], "sets": "pet.targets"},
}
DERIVED = {"alpha": {"value": "factor * rank", "sets": "pet.alpha"}, "half": {"value": "decay_steps // 2", "sets": "h"}}


def space(
    parameters: dict[str, dict[str, Any]] = PARAMETERS, derived: dict[str, dict[str, str]] = DERIVED
) -> SearchSpace:
    read = TypeAdapter(dict[str, Parameter]).validate_python(parameters)
    return SearchSpace(read, TypeAdapter(dict[str, Derived]).validate_python(derived), {"runner.epochs": 3})


def ask(seed: int) -> tuple[optuna.Study, optuna.Trial]:
    study = optuna.create_study(sampler=RandomSampler(seed=seed))
    return study, study.ask()


CONFIGURATION: dict[str, object] = {
    "lr": 1e-3,
    "rank": 4,
    "decay_steps": 30,
    "schedule": "step",
    "factor": 2,
    "targets": ["wo", "wq"],
}


def problems(configuration: dict[str, object]) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        space().encode(configuration)
    return {str(location[0]): message for location, message in caught.value.problems}


def test_configuration_becomes_params_with_readable_names() -> None:
    assert space().encode(CONFIGURATION) == {
        "lr": 1e-3,
        "rank": 4,
        "decay_steps": 30,
        "schedule": "step",
        "factor": 2,
        "targets.wq": True,
        "targets.wk": False,
        "targets.wv": False,
        "targets.wo": True,
    }


def test_settings_are_every_path_with_its_value() -> None:
    assert space().settings(space().encode(CONFIGURATION)) == {
        "runner.epochs": 3,
        "schedule.lr": 1e-3,
        "pet.rank": 4,
        "copy.rank": 4,
        "steps": 30,
        "schedule.type": "step",
        "pet.targets": ".*wq|.*wo",
        "pet.alpha": 8,
        "h": 15,
    }


def test_configuration_of_params_is_in_the_order_of_the_file_with_derived_values_last() -> None:
    read = space().configuration(space().encode(CONFIGURATION))
    assert list(read.items()) == [
        ("lr", 1e-3),
        ("rank", 4),
        ("decay_steps", 30),
        ("schedule", "step"),
        ("factor", 2),
        ("targets", ["wq", "wo"]),
        ("alpha", 8),
        ("half", 15),
    ]


def test_parameter_whose_condition_does_not_hold_is_absent_with_what_derives_from_it() -> None:
    without = {name: value for name, value in CONFIGURATION.items() if name != "decay_steps"} | {"schedule": "cosine"}
    params = space().encode(without)
    assert "decay_steps" not in params
    assert space().settings(params).keys().isdisjoint({"steps", "h"})


def test_whole_number_is_taken_for_a_float() -> None:
    whole = space({"x": {"type": "float", "low": 0.0, "high": 2.0, "sets": "x"}}, {})
    assert repr(whole.encode({"x": 1})) == "{'x': 1.0}"


def test_choice_is_taken_as_the_file_has_it() -> None:
    dropout = space({"x": {"type": "categorical", "choices": [0.0, 0.1], "sets": "x"}}, {})
    assert repr(dropout.encode({"x": 0})) == "{'x': 0.0}"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("lr", 1.0, "expected a number from 0.0001 to 0.01, got 1.0"),
        ("lr", "1e-3", "expected a number"),
        ("lr", True, "expected a number"),
        ("lr", float("nan"), "expected a number"),
        ("rank", 17, "expected an integer from 1 to 16, got 17"),
        ("rank", 4.0, "expected an integer"),
        ("rank", True, "expected an integer"),
        ("decay_steps", 20, "expected an integer from 10 to 50 in steps of 20, got 20"),
        ("schedule", "linear", "expected one of 'cosine', 'step', nothing, got 'linear'"),
        ("factor", True, "expected one of 1, 2, got True"),
        ("targets", [], "expected a list of some of wq, wk, wv, wo, none twice, got []"),
        ("targets", ["wq", "wq"], "none twice"),
        ("targets", ["w1"], "got ['w1']"),
        ("targets", "wq", "got 'wq'"),
        ("targets", [["wq"]], "got [['wq']]"),
        ("rnak", 4, "unknown parameter 'rnak'; did you mean 'rank'?"),
        ("alpha", 9, "is computed as factor * rank = 8, got 9; delete it"),
    ],
)
def test_value_that_does_not_fit_is_named_with_what_was_expected(name: str, value: object, expected: str) -> None:
    assert expected in problems(CONFIGURATION | {name: value})[name]


def test_all_that_is_wrong_with_a_configuration_is_said_at_once() -> None:
    assert problems({"lr": 5, "rank": 0, "foo": 1, "schedule": None, "factor": 1}).keys() == {
        "lr",
        "rank",
        "foo",
        "targets",
    }


def test_value_of_a_parameter_whose_condition_does_not_hold_is_refused() -> None:
    message = problems(CONFIGURATION | {"schedule": "cosine"})["decay_steps"]
    assert message == "is only there where schedule is one of ['step']; delete it"


def test_nothing_is_said_of_a_parameter_whose_condition_cannot_be_decided() -> None:
    assert problems(CONFIGURATION | {"schedule": "linear"}).keys() == {"schedule"}


def test_no_module_at_all_is_run_as_the_first_one_alone() -> None:
    study = optuna.create_study()
    study.enqueue_trial({f"targets.{name}": False for name in ("wq", "wk", "wv", "wo")})
    trial = study.ask()
    params = space().suggest(trial)
    assert space().configuration(params)["targets"] == ["wq"]
    assert space().settings(trial.params) == space().settings(params)


def test_params_of_another_space_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'targets.wq'.*another search space"):
        space().configuration({"lr": 1e-3, "rank": 4, "schedule": None, "factor": 1})


def test_paths_have_their_place_in_the_file() -> None:
    paths = dict(space().paths())
    assert paths["copy.rank"] == ("parameters", "rank", "sets", 1)
    assert paths["pet.alpha"] == ("derived", "alpha", "sets", 0)
    assert paths["runner.epochs"] == ("fixed", "runner.epochs")


@pytest.mark.parametrize("sampler", [TPESampler, NSGAIISampler, RandomSampler])
def test_same_seed_gives_the_same_trials(sampler: Any) -> None:
    def trials() -> list[Any]:
        study = optuna.create_study(sampler=sampler(seed=7))
        drawn = []
        for i in range(15):
            trial = study.ask()
            drawn.append(space().suggest(trial))
            study.tell(trial, i % 4)
        return drawn

    assert trials() == trials()


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    """Any number of parameters of each kind; every other one hangs on the first one that it can hang on."""
    kinds = draw(st.lists(st.sampled_from(["float", "int", "categorical", "subset"]), min_size=1, max_size=6))
    parameters: dict[str, dict[str, Any]] = {}
    for i, kind in enumerate(kinds):
        low = draw(st.integers(1, 50))
        high = low + draw(st.integers(1, 50))
        size = draw(st.integers(2, 5))
        ranges = {"low": low, "high": high, "log": True}, {"low": low, "high": low + 3 * size, "step": 3}
        members: dict[str, dict[str, Any]] = {
            "float": {"low": low / 7, "high": high / 7, "log": draw(st.booleans())},
            "int": draw(st.sampled_from(ranges)),
            "categorical": {"choices": [None, "a", True, 2, 0.5][:size]},
            "subset": {"of": ["wq", "wk", "wv", "wo", "w1"][:size]},
        }
        parameters[f"p{i}"] = {**members[kind], "type": kind, "sets": [f"path.p{i}"]}
    roots = [name for name, parameter in parameters.items() if parameter["type"] == "categorical"]
    for name in list(parameters)[::2]:
        if roots and name != roots[0] and draw(st.booleans()):
            parameters[name]["when"] = {roots[0]: parameters[roots[0]]["choices"][:1]}
    numbers = [name for name, parameter in parameters.items() if parameter["type"] in ("float", "int")]
    derived = {f"d_{name}": {"value": f"2 * {name} + 1", "sets": f"derived.{name}"} for name in numbers}
    return space(parameters, derived)


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1))
def test_what_was_suggested_survives_reading_writing_and_queueing_again(any_space: SearchSpace, seed: int) -> None:
    study, trial = ask(seed)
    params = any_space.suggest(trial)
    configuration = any_space.configuration(params)
    assert any_space.encode(configuration) == params
    study.enqueue_trial(params)
    study.enqueue_trial(trial.params)
    assert any_space.suggest(study.ask()) == any_space.suggest(study.ask()) == params


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1))
def test_settings_of_what_was_suggested_say_the_same_as_its_configuration(any_space: SearchSpace, seed: int) -> None:
    params = any_space.suggest(ask(seed)[1])
    given_settings = any_space.settings(params)
    configuration = any_space.configuration(params)
    members = {**any_space.parameters, **any_space.derived}
    assert given_settings.keys() == {"runner.epochs"} | {p for name in configuration for p in members[name].sets}
    for name, value in configuration.items():
        shown = "|".join(f".*{module}" for module in value) if isinstance(value, list) else value
        assert all(given_settings[path] == shown for path in members[name].sets)
