from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from search_spaces.load import FileFaults
from sweeps.config import load_sweep
from sweeps.fidelity import Budget, Halving
from tests.short_sweep import write_sweep


@pytest.mark.parametrize(
    ("settings", "rungs"),
    [
        ({"rungs": [1, 3, 9]}, (1, 3, 9)),
        ({"min": 1, "max": 9, "eta": 3}, (1, 3, 9)),
        ({"min": 1, "max": 52, "eta": 3}, (1, 3, 9, 27, 52)),
        ({"min": 1, "max": 10, "eta": 3}, (1, 3, 10)),
        ({"min": 1, "max": 8, "eta": 2}, (1, 2, 4, 8)),
        ({"min": 2, "max": 5, "eta": 1.5}, (2, 3, 5)),
        ({"min": 1, "max": 3, "eta": 1.2}, (1, 2, 3)),
        ({"min": 1, "max": 2, "eta": 1.5}, (1, 2)),
    ],
)
def test_rungs_are_those_that_are_written_or_eta_times_apart(
    settings: dict[str, object], rungs: tuple[int, ...]
) -> None:
    assert Halving.model_validate(settings).at == rungs


@pytest.mark.parametrize(
    "settings",
    [{}, {"rungs": [3]}, {"rungs": [3, 1]}, {"rungs": [1, 3], "max": 9}, {"min": 1}],
)
def test_rungs_that_are_none_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="expected"):
        Halving.model_validate(settings)


@pytest.mark.parametrize("ends", [(9, 3), (3, 3)])
def test_ends_that_hold_no_two_rungs_are_named(ends: tuple[int, int]) -> None:
    with pytest.raises(ValidationError, match=f"`min < max` must hold, but got min={ends[0]}, max={ends[1]}"):
        Halving.model_validate({"min": ends[0], "max": ends[1], "eta": 3})


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"min": 1, "max": 10**6, "eta": 1.0000001}, "a number >= 1.1"),
        ({"min": 1, "max": 9, "eta": 1.0000000000000002}, "a number >= 1.1"),
        ({"min": 1, "max": 9, "eta": 1}, "a number >= 1.1"),
        ({"min": 1, "max": 10**400, "eta": 3}, "a number <= 1000000000"),
        ({"rungs": [1, 10**400]}, "a number <= 1000000000"),
    ],
)
def test_halving_that_would_take_for_ever_is_refused(settings: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=f"expected {expected}, got"):
        Halving.model_validate(settings)


@pytest.mark.parametrize("budget", [{}, {"epochs": None}, {"epochs": None, "hours": None}])
def test_empty_budget_is_refused(budget: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="at least one of epochs"):
        Budget.model_validate(budget)


@pytest.mark.parametrize("budget", [{"epochs": 10**400}, {"hours": 10**400}, {"card_hours": 1e308}])
def test_budget_that_nobody_can_spend_is_refused(budget: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="expected a number"):
        Budget.model_validate(budget)


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("halving: {rungs: [1, 3]}", "runner_config.epochs is set by `halving` to its last rung, 3; delete it here"),
        ("halving: {unit: steps, rungs: [10, 30]}\nbudget: {epochs: 5}", "`halving` counts steps; expected steps here"),
        ("budget: {steps: 5}", "steps are counted where `halving` has unit: steps"),
        ("halving: {rungs: [1, 3], items: {squad_contest: 40}}", "expected fewer than the 40 of the last rung, got 40"),
        ("halving: {rungs: [1, 3], items: {multiple_choice: 4}}", "protocol 'multiple_choice'"),
    ],
)
def test_what_does_not_go_together_is_said_with_its_line(tmp_path: Path, added: str, message: str) -> None:
    sweep = write_sweep(tmp_path)
    sweep.write_text(sweep.read_text() + added + "\n")
    with pytest.raises(FileFaults) as raised:
        load_sweep(sweep)
    assert message in str(raised.value)
    assert "sweep.yaml:" in str(raised.value)


def test_optunas_samplers_do_not_go_with_rungs(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path)
    text = sweep.read_text().replace("fixed: {runner_config.epochs: 1}\n", "halving: {rungs: [1, 3]}\n")
    sweep.write_text(text.replace("type: ehvi", "type: tpe"))
    with pytest.raises(FileFaults, match="tpe learns nothing from trials that stopped at a rung"):
        load_sweep(sweep)
