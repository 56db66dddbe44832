from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from search_spaces.checks import problems, sound_part
from search_spaces.distributions import Parameter
from search_spaces.space import Derived, SearchSpace

RANK = {"type": "int", "low": 1, "high": 16, "sets": "pet.rank"}
KIND = {"type": "categorical", "choices": ["a", "b"], "sets": "kind"}
TARGETS = {"type": "subset", "of": ["wq", "wk"], "sets": "pet.targets"}


def space(
    parameters: dict[str, dict[str, Any]],
    derived: dict[str, dict[str, Any]] | None = None,
    fixed: dict[str, Any] | None = None,
) -> SearchSpace:
    read = TypeAdapter(dict[str, Parameter]).validate_python(parameters)
    return SearchSpace(read, TypeAdapter(dict[str, Derived]).validate_python(derived or {}), fixed or {})


def found(*arguments: Any, unread: tuple[str, ...] = ()) -> dict[str, str]:
    return {".".join(map(str, place)): message for place, message in problems(space(*arguments), unread)}


def only(*arguments: Any) -> tuple[str, str]:
    (problem,) = found(*arguments).items()
    return problem


def test_space_without_faults_has_no_problems() -> None:
    step = {"type": "int", "low": 10, "high": 50, "step": 20, "sets": "steps", "when": {"kind": ["b"]}}
    factor = {"type": "categorical", "choices": [1, 2]}
    derived = {"alpha": {"value": "factor * rank", "sets": "pet.alpha"}, "last": {"value": "alpha + 1", "sets": "l"}}
    given = {"rank": RANK, "kind": KIND, "targets": TARGETS, "step": step, "factor": factor}
    assert found(given, derived, {"epochs": 3}) == {}


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"low": 9, "high": 3}, "low", "`low < high` must hold, but got low=9, high=3"),
        ({"low": 3, "high": 3}, "low", "`low < high` must hold, but got low=3, high=3"),
        ({"low": 0, "log": True}, "low", "`low > 0` must hold where `log: true`, but got low=0"),
        ({"log": True, "step": 3}, "step", "`log: true` and a step exclude each other, but got step=3; delete one"),
        ({"step": 4}, "step", "steps of 4 from 1 end at 13, not at high=16"),
        ({"type": "float", "low": 1e-2, "high": 1e-4}, "low", "`low < high` must hold, but got low=0.01, high=0.0001"),
        (
            {"type": "float", "low": -1e308, "high": 1e308},
            "high",
            "`high - low` must be a finite number, but got low=-1e+308, high=1e+308; narrow the range",
        ),
        ({"type": "float", "low": -1.0, "log": True}, "low", "`low > 0` must hold where `log: true`, but got low=-1.0"),
    ],
)
def test_range_that_cannot_be_sampled(change: dict[str, Any], key: str, message: str) -> None:
    assert only({"rank": RANK | change}) == (f"parameters.rank.{key}", message)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ([], "expected at least one choice"),
        (["a", "b", "a"], "'a' stands there twice; delete one"),
        ([1, True], "True stands there twice (to Optuna the same as 1); delete one"),
        ([0.0, 0], "0 stands there twice (to Optuna the same as 0.0); delete one"),
    ],
)
def test_choices_that_cannot_be_sampled(choices: list[object], message: str) -> None:
    assert only({"kind": KIND | {"choices": choices}}) == ("parameters.kind.choices", message)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["wq"], "expected at least two names, got 1"),
        (["wq", "wk", "wq"], "'wq' stands there twice"),
        (["wq", ".*wk"], "'.*wk' is no module name"),
        (["wq", " wk"], "' wk' is no module name"),
    ],
)
def test_subset_of_what_are_no_modules(names: list[str], message: str) -> None:
    key, said = only({"targets": TARGETS | {"of": names}})
    assert (key, said[: len(message)]) == ("parameters.targets.of", message)


@pytest.mark.parametrize("name", ["base", "min", "lambda", "lora rank", "2nd", "a.b", "lora-rank"])
def test_name_that_expressions_cannot_use(name: str) -> None:
    assert only({name: RANK})[0] == f"parameters.{name}"


def test_chinese_name_can_be_used() -> None:
    assert found({"秩": RANK}, {"alpha": {"value": "2 * 秩", "sets": "a"}}) == {}


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ({"knid": ["a"]}, "unknown parameter 'knid'; did you mean 'kind'?"),
        ({"kind": ["c"]}, "'kind' never is 'c': expected one of 'a', 'b'"),
        ({"kind": []}, "expected a list with at least one value of 'kind'"),
        ({"targets": ["wq"]}, "'targets' is a subset; expected a categorical or int parameter"),
        ({"rank": [17]}, "'rank' never is 17: expected an integer from 1 to 16"),
    ],
)
def test_condition_that_can_never_hold(when: dict[str, list[object]], message: str) -> None:
    given = {"kind": KIND, "targets": TARGETS, "rank": RANK, "x": RANK | {"sets": "x", "when": when}}
    key, said = only(given)
    assert (key, said[: len(message)]) == (f"parameters.x.when.{next(iter(when))}", message)


def test_conditions_in_a_circle() -> None:
    first = KIND | {"when": {"second": ["a"]}}
    second = KIND | {"sets": "other", "when": {"first": ["a"]}}
    key, message = only({"first": first, "second": second})
    assert key in ("parameters.first.when", "parameters.second.when")
    assert message.startswith("conditions in a circle: ")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("2 * rnak", "unknown name 'rnak'; did you mean 'rank'?"),
        ("2 * base.f1", "unknown name 'base.f1'"),
        ("2 * targets", "'targets' is a subset; expected a number"),
        ("2 * kind", "'kind' is not always a number: its choices are 'a', 'b'"),
        ("8 / (rank - 1)", "'8 / (rank - 1)' has no value for rank=1: division by zero"),
        ("10 ** (100 * rank)", "'10 ** (100 * rank)' has no value for rank=16: "),
    ],
)
def test_derived_value_that_some_trial_could_not_have(expression: str, message: str) -> None:
    key, said = only({"rank": RANK, "kind": KIND, "targets": TARGETS}, {"alpha": {"value": expression, "sets": "a"}})
    assert (key, said[: len(message)]) == ("derived.alpha.value", message)


def test_derived_value_fails_through_the_one_that_it_names() -> None:
    derived = {"less": {"value": "rank - 1"}, "share": {"value": "1 / less", "sets": "a"}}
    assert only({"rank": RANK}, derived)[0] == "derived.share.value"


def test_only_the_derived_value_that_is_wrong_is_named_not_those_that_need_it() -> None:
    derived = {"bad": {"value": "rnak"}, "needs": {"value": "bad + 1", "sets": "a"}}
    assert only({"rank": RANK}, derived)[0] == "derived.bad.value"


def test_derived_values_in_a_circle() -> None:
    key, message = only({"rank": RANK}, {"a": {"value": "b", "sets": "a"}, "b": {"value": "a + rank", "sets": "b"}})
    assert key in ("derived.a.value", "derived.b.value")
    assert message.startswith("derived values in a circle: ")


def test_derived_value_named_as_a_parameter() -> None:
    assert only({"rank": RANK}, {"rank": {"value": 3, "sets": "a"}})[0] == "derived.rank"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("pet.rank", "'pet.rank' overlaps with what parameters.rank sets: 'pet.rank'; only one can set it"),
        ("pet", "'pet' overlaps with what parameters.rank sets: 'pet.rank'; only one can set it"),
        ("pet.rank.low", "'pet.rank.low' overlaps with what parameters.rank sets: 'pet.rank'; only one can set it"),
        ("a..b", "'a..b' is no path; expected keys with dots between"),
        ("a b", "'a b' is no path; expected keys with dots between"),
        ("", "'' is no path; expected keys with dots between"),
    ],
)
def test_path_that_cannot_be_set(path: str, message: str) -> None:
    key, said = only({"rank": RANK, "kind": KIND | {"sets": path}})
    assert (key, said[: len(message)]) == ("parameters.kind.sets.0", message)


def test_path_that_only_begins_alike_is_another_path() -> None:
    assert found({"rank": RANK, "kind": KIND | {"sets": "pet.rank_2"}}) == {}


def test_fixed_path_that_a_parameter_sets() -> None:
    assert only({"rank": RANK}, {}, {"pet.rank": 8})[0] == "fixed.pet.rank"


def test_parameter_that_changes_nothing() -> None:
    assert only({"rank": RANK | {"sets": []}})[0] == "parameters.rank.sets"


def test_nothing_is_said_of_what_could_not_be_read() -> None:
    given = {"rank": RANK, "x": RANK | {"sets": "x", "when": {"lost": [1]}}}
    assert found(given, {"alpha": {"value": "2 * lost", "sets": "a"}}, unread=("lost",)) == {}


def test_sound_part_is_what_needs_nothing_faulty() -> None:
    middle = KIND | {"sets": "m", "when": {"kind": ["a"]}}
    last = RANK | {"sets": "x", "when": {"middle": ["a"]}}
    whole = space(
        {"rank": RANK, "kind": KIND, "middle": middle, "last": last},
        {"alpha": {"value": "2 * rank", "sets": "a"}, "gone": {"value": "alpha + last", "sets": "g"}},
    )
    part = sound_part(whole, {"kind"})
    assert (list(part.parameters), list(part.derived)) == (["rank"], ["alpha"])
