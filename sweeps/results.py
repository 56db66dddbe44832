"""Trials as a reader wants them: what was tried, what came out, which of it is on the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from evaluation.score import Score
from sweeps import front
from sweeps.config import Objective

VALUES, SCORES, REASON, CONFIGURATION = "values", "scores", "reason", "configuration"
"""User attributes of an Optuna trial."""

BASE_ATTRIBUTE = "base"
"""User attribute of the study: what the untouched base measured."""


@dataclass(frozen=True)
class Result:
    """One trial.

    Attributes:
        number: Optuna's number; None for the untouched base.
        state: ``complete``, ``running``, ``waiting`` or ``failed``.
        configuration: parameter -> value as the user writes it.
        values: metric -> value, formulas included; empty until the trial is complete.
        scores: metric -> value, items and 95 % interval, for those that were measured on items.
        violations: gate -> by how much it is missed; zero or less where it holds.
        reason: why it failed; else empty.
    """

    number: int | None
    state: str
    configuration: Mapping[str, object]
    values: Mapping[str, float]
    scores: Mapping[str, Score]
    violations: Mapping[str, float]
    reason: str

    @property
    def label(self) -> str:
        """The trial's name in folders, MLflow and tables."""
        return trial_label(self.number)

    @property
    def feasible(self) -> bool:
        """Whether it is complete and no gate is missed."""
        return self.state == "complete" and all(violation <= 0 for violation in self.violations.values())


def trial_label(number: int | None) -> str:
    """Return ``trial-0007`` for 7, ``base`` for None."""
    return "base" if number is None else f"trial-{number:04d}"


def results(study: optuna.Study) -> list[Result]:
    """Return every trial of the study in the order of its number."""
    return [_result(trial) for trial in study.get_trials(deepcopy=False)]


def _result(trial: FrozenTrial) -> Result:
    states = {
        TrialState.COMPLETE: "complete",
        TrialState.RUNNING: "running",
        TrialState.WAITING: "waiting",
        TrialState.FAIL: "failed",
        TrialState.PRUNED: "stopped",
    }
    attributes = trial.user_attrs
    return Result(
        number=trial.number,
        state=states[trial.state],
        configuration=attributes.get(CONFIGURATION, trial.params),
        values=attributes.get(VALUES, {}),
        scores=_scores(attributes),
        violations=trial.constraints,
        reason=attributes.get(REASON, ""),
    )


def base_result(study: optuna.Study) -> Result | None:
    """Return what the untouched base measured, or None before it was measured."""
    stored = study.user_attrs.get(BASE_ATTRIBUTE)
    if stored is None:
        return None
    return Result(None, "complete", {}, stored[VALUES], _scores(stored), {}, "")


def _scores(attributes: Mapping[str, Any]) -> dict[str, Score]:
    return {name: Score(**score) for name, score in attributes.get(SCORES, {}).items()}


@dataclass(frozen=True)
class Front:
    """The feasible results that no other feasible one dominates, best first objective first, and their knee."""

    results: tuple[Result, ...]
    knee: Result | None


def find_front(candidates: Sequence[Result], objectives: Sequence[Objective]) -> Front:
    """Find the front among ``candidates``; those that are not complete or miss a gate are left out."""
    complete = [result for result in candidates if result.state == "complete"]
    if not any(result.feasible for result in complete):
        return Front((), None)
    maximize = tuple(objective.direction == "maximize" for objective in objectives)
    tried = front.losses([[r.values[o.metric] for o in objectives] for r in complete], maximize)
    feasible = [i for i, result in enumerate(complete) if result.feasible]
    on_front = [i for i, marked in zip(feasible, front.nondominated(tried[feasible]), strict=True) if marked]
    on_front.sort(key=lambda i: tuple(tried[i]))
    return Front(tuple(complete[i] for i in on_front), complete[on_front[front.knee(tried[on_front], tried)]])


def shown(value: object) -> str:
    """Return a parameter's value as a table shows it."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value)
