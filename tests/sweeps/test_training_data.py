"""Data as a part of the search: what a sweep file may say of it, and what each trial gets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search_spaces.load import FileFaults
from sweeps.config import load_sweep
from sweeps.plan import Plan, make_plan
from sweeps.stores import Stores
from tests.short_sweep import write_sweep
from trainer.job import Job
from trainer.paths import TrialPaths
from trainer.slots import Placement
from trainer.transforms import Transforms

TRAIN = "train: {data: train.jsonl, protocol: math_contest}"
RANK = "  lora_rank: {type: int, low: 1, high: 16, log: true, sets: model.model_config.pet_config.lora_rank}"
ENQUEUED = "target_modules: [wq, wo]}"


def plan(folder: Path, train: str = "", parameter: str = "", enqueued: str = "") -> Plan:
    """Check the short sweep of 160 rows with more in its ``train``, one more parameter, and its value."""
    sweep = write_sweep(folder)
    text = sweep.read_text(encoding="utf-8")
    for old, new in (
        (TRAIN, f"{TRAIN[:-1]}{train}}}"),
        (RANK, f"{RANK}\n{parameter}"),
        (ENQUEUED, f"{ENQUEUED[:-1]}{enqueued}}}"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    sweep.write_text(text, encoding="utf-8")
    return make_plan(*load_sweep(sweep), Stores(folder / "runs"))


def job(plan: Plan, folder: Path) -> Job:
    """Prepare the enqueued trial's job."""
    (params,) = plan.config.enqueued_params()
    settings = plan.config.space.settings(params)
    paths = TrialPaths(folder / "trial")
    plan.prepare(paths, Placement(0, 1, (), (), 0, 60000), settings, "trial 0")
    return Job.read(paths.job)


def test_fixed_transforms_reach_the_job(tmp_path: Path) -> None:
    found = job(plan(tmp_path, ", cot: true, decimals: 2, examples: 60, shares: {zh_story: 0.5}"), tmp_path)
    assert found.transforms == Transforms(cot=True, decimals=2, examples=60, shares={"zh_story": 0.5})
    assert found.data_seed == 7


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        ("{type: categorical, choices: [false, true], sets: train.cot}", "true", Transforms(cot=True)),
        ("{type: categorical, choices: [null, 2], sets: train.decimals}", "2", Transforms(decimals=2)),
        ("{type: int, low: 20, high: 100, sets: train.examples}", "40", Transforms(examples=40)),
        (
            "{type: float, low: 0.1, high: 0.9, sets: train.shares.zh_story}",
            "0.25",
            Transforms(shares={"zh_story": 0.25}),
        ),
    ],
)
def test_swept_transform_reaches_the_job_and_not_the_recipe(
    tmp_path: Path, parameter: str, value: str, expected: Transforms
) -> None:
    checked = plan(tmp_path, parameter=f"  own: {parameter}", enqueued=f", own: {value}")
    found = job(checked, tmp_path)
    assert found.transforms == expected
    assert "train.cot" not in (tmp_path / "trial/train.yaml").read_text(encoding="utf-8")
    (params,) = checked.config.enqueued_params()
    assert checked.config.space.configuration(params)["own"] == json.loads(value)


def test_trials_of_other_data_have_other_records(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert job(plan(one), one).record.name != job(plan(other, ", cot: true"), other).record.name


def test_rows_are_those_that_the_trial_takes(tmp_path: Path) -> None:
    checked = plan(
        tmp_path, parameter="  own: {type: int, low: 20, high: 100, sets: train.examples}", enqueued=", own: 40"
    )
    assert checked.contents.items == 160
    assert checked.rows({"train.examples": 40}) == 40


def test_own_template_is_used_for_training_and_measuring_alike(tmp_path: Path) -> None:
    found = job(plan(tmp_path, "}\ntemplates: {math_contest: 'Q: {problem} A:'"), tmp_path)
    assert found.source.template == found.templates["math_contest"] == "Q: {problem} A:"


@pytest.mark.parametrize(
    ("train", "parameter", "enqueued", "fault"),
    [
        (", cott: true", "", "", ":4: train.cott: unknown key 'cott'; did you mean 'cot'?"),
        (", decimals: 2.5", "", "", ":4: train.decimals: expected an integer, got 2.5"),
        (", examples: 1000", "", "", ":4: train.examples: expected at most 160, which the file has, got 1000"),
        (", shares: {zh: 0.5}", "", "", ":4: train.shares: the file has no item of the kind 'zh'; it has: en_"),
        ("}\ntemplates: {math_contest: 'Q: {question}'", "", "", ":5: templates.math_contest: {question} is no field"),
        ("}\ntemplates: {math_contest: 'Q:'", "", "", ":5: templates.math_contest: {problem} is missing"),
        ("}\ntemplates: {math_contest: '{problem!r}'", "", "", ":5: templates.math_contest: {problem!r} is no field"),
        ("}\ntemplates: {math_contest: '{problem'", "", "", ":5: templates.math_contest: expected '}' before end"),
        ("}\ntemplates: {multiple_choice: '{instruction}{input}'", "", "", "neither trains nor measures with"),
        (
            "",
            "  own: {type: categorical, choices: [0, 1], sets: train.cot}",
            ", own: 1",
            ":16: parameters.own: expected true or false, got 0",
        ),
        (
            "",
            "  own: {type: int, low: 1, high: 9, sets: train.example}",
            ", own: 1",
            "parameters.own.sets: unknown transform 'example'; did you mean 'examples'?",
        ),
        (
            "",
            "  own: {type: int, low: 20, high: 1000, sets: train.examples}",
            ", own: 20",
            "parameters.own.sets: expected at most 160, which the file has",
        ),
    ],
)  # fmt: skip
def test_data_that_cannot_be_had_is_a_fault_of_the_file_with_its_line(
    tmp_path: Path, train: str, parameter: str, enqueued: str, fault: str
) -> None:
    with pytest.raises(FileFaults) as raised:
        plan(tmp_path, train, parameter, enqueued)
    assert fault in str(raised.value)


def test_transform_that_means_nothing_to_the_protocol_is_a_fault(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path)
    rows = [{"instruction": "Choose.", "input": "A. x B. y", "output": "The right option is A."}] * 32
    (tmp_path / "choice.json").write_text(json.dumps(rows))
    text = sweep.read_text(encoding="utf-8")
    sweep.write_text(text.replace(TRAIN, "train: {data: choice.json, protocol: multiple_choice, decimals: 2}", 1))
    with pytest.raises(FileFaults, match=r"sweep\.yaml:4: train\.decimals: does not apply to multiple_choice"):
        make_plan(*load_sweep(sweep), Stores(tmp_path / "runs"))
