from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.score import Score
from sweeps.config import Objective, load_sweep
from sweeps.front import hypervolume as volume_of
from sweeps.plan import Plan, make_plan
from sweeps.results import Result
from sweeps.stores import Stores
from sweeps.volume import Axis, box, growth, hypervolume
from tests.short_sweep import write_sweep
from tests.sweeps.made import OBJECTIVES, result

AXES = [asdict(Axis(20.0, 100.0)), asdict(Axis(0.1, 0.0))]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    config, document = load_sweep(write_sweep(tmp_path))
    return make_plan(config, document, Stores(tmp_path / "runs"))


def base() -> Result:
    values = {"math_accuracy": 18.0, "f1": 80.0, "ratio": 0.0, "seconds": 24.0}
    scores = {name: Score(values[name], 40, 0.0, 100.0) for name in ("math_accuracy", "f1")}
    return replace(result(None, 18.0, 0.0), values=values, scores=scores)


def test_one_trial_dominates_its_part_of_the_box() -> None:
    assert hypervolume([result(0, 60.0, 0.05)], OBJECTIVES, AXES) == pytest.approx(0.5 * 0.5)


def test_two_trials_dominate_the_union_of_their_parts() -> None:
    both = [result(0, 60.0, 0.025), result(1, 80.0, 0.05)]
    assert hypervolume(both, OBJECTIVES, AXES) == pytest.approx(0.5 * 0.75 + 0.25 * 0.5)


def test_what_misses_a_gate_or_is_worse_than_the_reference_adds_nothing() -> None:
    none = [result(0, 60.0, 0.05, violation=1.0), result(1, 10.0, 0.01), result(2, 90.0, 0.2)]
    assert hypervolume(none, OBJECTIVES, AXES) == 0.0


def test_growth_is_the_volume_after_each_measurement() -> None:
    rng = np.random.default_rng(0)
    measured = [
        result(i, accuracy, ratio, violation=violation)
        for i, (accuracy, ratio, violation) in enumerate(rng.uniform((10, 0, -2), (100, 0.12, 0.5), (60, 3)))
    ]
    whole = [hypervolume(measured[: i + 1], OBJECTIVES, AXES) for i in range(len(measured))]
    assert len(set(whole)) > 5
    assert growth(measured, OBJECTIVES, AXES) == pytest.approx(whole)


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_volume_is_the_share_of_random_points_that_are_dominated(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    points, probes = rng.random((15, objectives)), rng.random((40000, objectives))
    dominated = (points[None] <= probes[:, None]).all(axis=2).any(axis=1)
    assert volume_of(points, np.ones(objectives)) == pytest.approx(dominated.mean(), abs=0.01)


def test_box_reaches_from_the_gate_from_the_base_and_from_the_largest_adapter_of_the_space(plan: Plan) -> None:
    accuracy, f1, ratio = box(plan, base(), result(0, 40.0, 0.01))
    assert accuracy == Axis(18.0, 100.0)
    assert f1 == Axis(40.0, 100.0)
    pet = "model.model_config.pet_config"
    largest = plan.account({f"{pet}.lora_rank": 16, f"{pet}.target_modules": ".*wq|.*wk|.*wv|.*wo"})
    assert ratio.reference == pytest.approx(largest.ratio())


def test_seconds_have_their_reference_from_the_first_trial(plan: Plan) -> None:
    config = plan.config.model_copy(update={"objectives": (Objective(metric="seconds", direction="minimize"),)})
    first = replace(result(0, 40.0, 0.01), values={"seconds": 70.0})
    assert box(replace(plan, config=config), base(), first) == [Axis(140.0, 0.0)]


RATIO = "  - {metric: ratio, direction: minimize}"
GATE = "  - f1 >= 0.5 * base.f1"
VALUES = {"math_accuracy": 60.0, "f1": 85.0, "em": 70.0, "squad_blank": 0.0, "ratio": 0.005, "trainable": 2000.0}


@pytest.mark.parametrize(
    ("changes", "axis"),
    [
        ({RATIO: "  - {metric: seconds, direction: minimize}"}, Axis(140.0, 0.0)),
        ({RATIO: "  - {metric: seconds, direction: maximize}"}, Axis(0.0, 140.0)),
        ({RATIO: "  - {metric: train_loss, direction: maximize}"}, Axis(0.0, 3.0)),
        (
            {"objectives:": "metrics: {minutes: seconds / 70}\nobjectives:", "metric: ratio": "metric: minutes"},
            Axis(2.0, 0.0),
        ),
        # the base has a ratio of 0
        (
            {
                "objectives:": "metrics: {per: f1 / (1000 * ratio)}\nobjectives:",
                RATIO: "  - {metric: per, direction: maximize}",
            },
            Axis(0.0, 34.0),
        ),
        # a bound on the other side than the objective's does not say from where a trial counts
        ({RATIO: "  - {metric: squad_blank, direction: minimize}", GATE: "  - squad_blank <= 9"}, Axis(9.0, 0.0)),
        ({RATIO: "  - {metric: em, direction: maximize}", GATE: "  - em <= 99"}, Axis(60.0, 100.0)),
        ({RATIO: "  - {metric: squad_blank, direction: minimize}"}, Axis(100.0, 0.0)),
        (
            {
                "objectives:": "metrics: {gain: f1 - 10 * ratio}\nobjectives:",
                RATIO: "  - {metric: gain, direction: maximize}",
                GATE: "  - gain >= base.gain + 4",
            },
            Axis(84.0, 85.0),
        ),
    ],
)
def test_feasible_trial_that_is_better_than_the_base_has_a_volume(
    tmp_path: Path, changes: dict[str, str], axis: Axis
) -> None:
    sweep = write_sweep(tmp_path)
    text = sweep.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    sweep.write_text(text)
    config, document = load_sweep(sweep)
    plan = make_plan(config, document, Stores(tmp_path / "runs"))
    scored = {"math_accuracy": 18.0, "f1": 80.0, "em": 60.0, "squad_blank": 0.0}
    scores = {name: Score(value, 40, 0.0, 100.0) for name, value in scored.items()}
    untouched = {**scored, "ratio": 0.0, "trainable": 0.0, "seconds": 20.0}
    base = replace(result(None, 18.0, 0.0), values=config.derived_metrics(untouched), scores=scores)
    trained = config.derived_metrics({**VALUES, "seconds": 70.0, "train_loss": 1.5})
    first = replace(result(0, 60.0, 0.005), values=trained)
    axes = box(plan, base, first)
    assert axes[2] == axis
    for found, objective in zip(axes, config.objectives, strict=True):
        assert (found.ideal > found.reference) == (objective.direction == "maximize")
    assert 0 < hypervolume([first], config.objectives, [asdict(found) for found in axes]) <= 1.5


SIZE = "metrics: {size: 3.5 + 0 * ratio}\n"


def test_objective_that_is_the_same_all_over_the_space_does_not_hide_the_others(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path)
    text = sweep.read_text().replace("metric: ratio", "metric: size")
    sweep.write_text(text.replace("objectives:", SIZE + "objectives:"))
    config, document = load_sweep(sweep)
    axis = box(make_plan(config, document, Stores(tmp_path / "runs")), base(), result(0, 40.0, 0.01))[2]
    assert axis == Axis(7.0, 3.5)


def test_configurations_that_no_recipe_takes_are_left_out_of_the_box(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path)
    text = sweep.read_text().replace("2 * lora_rank", "2 * lora_rank + 0 // (lora_rank - 7)")
    sweep.write_text(text)
    config, document = load_sweep(sweep)
    ratio = box(make_plan(config, document, Stores(tmp_path / "runs")), base(), result(0, 40.0, 0.01))[2]
    assert ratio.ideal < ratio.reference
