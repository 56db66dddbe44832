"""Trials as a reader wants them: what was tried, what came out at which rung, which of it is on the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import optuna
from optuna.trial import TrialState

from evaluation.score import Score
from sweeps import front
from sweeps.config import Objective

RUNGS, REASON, CONFIGURATION, CANCELLED = "rungs", "reason", "configuration", "cancelled"
"""User attributes of an Optuna trial: what each rung measured, why it failed, what it is, whether it was cancelled."""

TARGET, UNITS = "target", "units"
"""The rung that it runs to, and what it will have trained then."""

IMPORTED = "imported"
"""What is known of a trial that did not run here: digest of its training, the files it was read from."""

BASE_ATTRIBUTE = "base"
"""User attribute of the study: what the untouched base measured."""

BOX = "hypervolume box"
"""User attribute of the study: what hypervolumes are measured in, an axis an objective (``sweeps.volume.Axis``)."""

VALUES, SCORES = "values", "scores"

STOPPED = "stopped"
"""State of a trial that was measured at a rung and has not gone on; it goes on if it is promoted."""


class Trial(Protocol):
    """What is read of an Optuna trial, however it was loaded."""

    @property
    def number(self) -> int:
        """Optuna's number."""

    @property
    def state(self) -> TrialState:
        """Optuna's state."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Optuna's parameters."""

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """What was kept of it, by the names above."""


@dataclass(frozen=True)
class Result:
    """One trial at one rung, or the untouched base.

    Attributes:
        number: Optuna's number; None for the untouched base.
        state: ``complete``, ``stopped`` (at a rung), ``running``, ``waiting``, ``failed`` or ``cancelled``.
        configuration: parameter -> value as the user writes it.
        values: metric -> value, formulas included; empty until the trial is measured.
        scores: metric -> value, items and 95 % interval, for those that were measured on items.
        violations: gate -> by how much it is missed; zero or less where it holds.
        reason: why it failed; else empty.
        rung: fidelity that it was trained to; None where the sweep has no rungs.
        whole: whether all items were measured, as at the last rung.
        order: how many measurements of the sweep came before this one.
        excused: as ``violations``, at the better end of the intervals.
        imported: whether it did not run in this sweep, so that there is no adapter of it.
    """

    number: int | None
    state: str
    configuration: Mapping[str, object]
    values: Mapping[str, float]
    scores: Mapping[str, Score]
    violations: Mapping[str, float]
    reason: str
    rung: int | None = None
    whole: bool = True
    order: int = 0
    excused: Mapping[str, float] | None = None
    imported: bool = False

    @property
    def label(self) -> str:
        """The trial's name in folders, MLflow and tables."""
        return trial_label(self.number)

    @property
    def point(self) -> str:
        """The measurement's name: the trial's, with the rung where it was measured below the last."""
        return self.label if self.rung is None or self.state == "complete" else f"{self.label}@{self.rung}"

    @property
    def comparable(self) -> bool:
        """Whether it was measured, and on as many items as any."""
        return bool(self.values) and self.whole

    @property
    def feasible(self) -> bool:
        """Whether it is comparable and no gate is missed."""
        return self.comparable and all(violation <= 0 for violation in self.violations.values())


def trial_label(number: int | None) -> str:
    """Return ``trial-0007`` for 7, ``base`` for None."""
    return "base" if number is None else f"trial-{number:04d}"


def number_of(label: str) -> int | None:
    """Return 7 for ``trial-0007``, None for ``base``."""
    return None if label == "base" else int(label.removeprefix("trial-"))


def results(study: optuna.Study) -> list[Result]:
    """Return every trial of the study in the order of its number, each as it is now: at the last rung it reached."""
    return [latest(trial, measured_of(trial)) for trial in study.get_trials(deepcopy=False)]


def measurements(study: optuna.Study) -> list[Result]:
    """Return what was measured of all trials at all rungs, in the order in which it was measured."""
    found = [result for trial in study.get_trials(deepcopy=False) for result in measured_of(trial)]
    return sorted(found, key=lambda result: result.order)


def latest(trial: Trial, measured: Sequence[Result]) -> Result:
    """Return a trial as it is now.

    Args:
        measured: ``measured_of`` it.
    """
    states = {
        TrialState.COMPLETE: "complete",
        TrialState.RUNNING: "running",
        TrialState.WAITING: "waiting",
        TrialState.FAIL: "failed",
        TrialState.PRUNED: STOPPED,
    }
    state = states[trial.state]
    if trial.user_attrs.get(CANCELLED):
        state = "cancelled"
    if state == "running" and measured and trial.user_attrs.get(TARGET) == measured[-1].rung:
        state = STOPPED
    if not measured:
        attributes = trial.user_attrs
        configuration, reason = attributes.get(CONFIGURATION, trial.params), attributes.get(REASON, "")
        return Result(trial.number, state, configuration, {}, {}, {}, reason)
    return replace(measured[-1], state=state, reason=trial.user_attrs.get(REASON, ""))


def measured_of(trial: Trial) -> list[Result]:
    """Return what was measured of a trial at all its rungs."""
    stored = trial.user_attrs.get(RUNGS, [])
    configuration = trial.user_attrs.get(CONFIGURATION, trial.params)
    complete = trial.state is TrialState.COMPLETE
    found = [at_rung(trial.number, configuration, entry, last=entry is stored[-1] and complete) for entry in stored]
    return [replace(result, imported=IMPORTED in trial.user_attrs) for result in found]


def at_rung(number: int, configuration: Mapping[str, object], entry: Mapping[str, Any], *, last: bool) -> Result:
    """Return what an entry of ``RUNGS`` says of a trial; ``last``: it has no rung beyond."""
    return Result(
        number=number,
        state="complete" if last else STOPPED,
        configuration=configuration,
        values=entry[VALUES],
        scores=_scores(entry),
        violations=entry["violations"],
        reason="",
        rung=entry["rung"],
        whole=entry["whole"],
        order=entry["order"],
        excused=entry["excused"],
    )


def base_result(study: optuna.Study) -> Result | None:
    """Return what the untouched base measured, or None before it was measured."""
    return base_of(study.user_attrs.get(BASE_ATTRIBUTE))


def base_of(stored: Mapping[str, Any] | None) -> Result | None:
    """Return what the study's ``BASE_ATTRIBUTE`` says, if it is there."""
    if stored is None:
        return None
    return Result(None, "complete", {}, stored[VALUES], _scores(stored), {}, "")


def _scores(stored: Mapping[str, Any]) -> dict[str, Score]:
    return {name: Score(**score) for name, score in stored.get(SCORES, {}).items()}


@dataclass(frozen=True)
class Front:
    """The feasible results that no other feasible one dominates, best first objective first, and their knee."""

    results: tuple[Result, ...]
    knee: Result | None

    def of(self, number: int | None) -> tuple[Result, ...]:
        """Return what of one trial is on the front."""
        return tuple(result for result in self.results if result.number == number)


def find_front(candidates: Sequence[Result], objectives: Sequence[Objective]) -> Front:
    """Find the front among ``candidates``; what is not comparable or misses a gate is left out."""
    comparable = [result for result in candidates if result.comparable]
    if not any(result.feasible for result in comparable):
        return Front((), None)
    maximize = tuple(objective.direction == "maximize" for objective in objectives)
    tried = front.losses([[r.values[o.metric] for o in objectives] for r in comparable], maximize)
    feasible = [i for i, result in enumerate(comparable) if result.feasible]
    on_front = [i for i, marked in zip(feasible, front.nondominated(tried[feasible]), strict=True) if marked]
    on_front.sort(key=lambda i: tuple(tried[i]))
    return Front(tuple(comparable[i] for i in on_front), comparable[on_front[front.knee(tried[on_front], tried)]])


def shown(value: object) -> str:
    """Return a parameter's value as a table shows it."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value)
