"""The trials of a sweep in its Optuna study: what each is, what its rungs measured, its gates as constraints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from search_spaces.distributions import OptunaValue
from sweeps.config import SweepConfig
from sweeps.results import (
    BASE_ATTRIBUTE,
    CANCELLED,
    CONFIGURATION,
    IMPORTED,
    REASON,
    RUNGS,
    SCORES,
    TARGET,
    UNITS,
    VALUES,
    Result,
    at_rung,
    base_result,
)
from trainer.measurement import Measurement


def unmeasured(study: optuna.Study) -> list[int]:
    """Return the numbers of the trials whose job was started, or was to be, and has not been measured."""
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return [trial.number for trial in running if target(trial) not in _rungs(trial)]


def measured_at(study: optuna.Study, number: int, rung: int | None) -> Mapping[str, float] | None:
    """Return the values of a trial at a rung; None where it was not measured there."""
    entries = study.get_trials(deepcopy=False)[number].user_attrs.get(RUNGS, [])
    return next((entry[VALUES] for entry in entries if entry["rung"] == rung), None)


def _rungs(trial: FrozenTrial) -> list[int | None]:
    return [entry["rung"] for entry in trial.user_attrs.get(RUNGS, [])]


def trial(study: optuna.Study, number: int) -> optuna.Trial:
    """Return a trial by its number; asked again for its parameters, it gives those that it was given before."""
    return optuna.Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)


def is_open(study: optuna.Study, number: int) -> bool:
    """Whether there is a trial of that number, and it was started and has not ended."""
    known = study.get_trials(deepcopy=False)
    return number < len(known) and known[number].state is TrialState.RUNNING


def target(trial: FrozenTrial | optuna.Trial) -> int | None:
    """Return the rung that a trial ran to last; None where the sweep has none."""
    rung: int | None = trial.user_attrs.get(TARGET)
    return rung


def record_base(study: optuna.Study, values: Mapping[str, float], measurement: Measurement) -> None:
    """Keep what the untouched base measured: gates refer to it."""
    study.set_user_attr(BASE_ATTRIBUTE, _attributes(values, measurement))


def record_job(trial: optuna.Trial, configuration: Mapping[str, object], rung: int | None, units: float) -> None:
    """Keep, before a job starts, the parameters as the user writes them and the rung that the trial runs to.

    Args:
        units: that the trial will have trained then, in epochs or steps.
    """
    trial.set_user_attr(CONFIGURATION, dict(configuration))
    # together with the rung, for that makes the job one that is to be done
    trial.set_user_attr(UNITS, units)
    trial.set_user_attr(TARGET, rung)


def units(study: optuna.Study) -> float:
    """Return what all trials together trained or are to train in jobs that were started, in epochs or steps."""
    return units_of(study.get_trials(deepcopy=False))


def units_of(trials: Sequence[FrozenTrial]) -> float:
    """Return the same of trials that were read."""
    return math.fsum(trial.user_attrs.get(UNITS, 0.0) for trial in trials)


def never_started(study: optuna.Study, number: int) -> None:
    """Keep that a trial's last job could not be started, so that it trained no more than was measured."""
    known = trial(study, number)
    if UNITS in known.user_attrs:
        known.set_user_attr(UNITS, max((entry["rung"] for entry in known.user_attrs.get(RUNGS, [])), default=0.0))


def record(
    study: optuna.Study,
    trial: optuna.Trial,
    config: SweepConfig,
    values: Mapping[str, float],
    measurement: Measurement,
    rung: int | None = None,
    order: int = 0,
) -> Result:
    """Keep what a trial measured; where that was its last rung, tell the study its objectives and constraints.

    Args:
        rung: fidelity that it was trained to; None where the sweep has no rungs.
        order: how many measurements the sweep had before.

    Raises:
        ValueError: the base, which gates refer to, was not measured yet.
    """
    last = config.halving is None or rung == config.halving.at[-1]
    entry = _entry(study, config, values, measurement, rung, order)
    trial.set_user_attr(RUNGS, [*trial.user_attrs.get(RUNGS, []), entry])
    if last:
        _tell(study, trial, config, entry)
    return at_rung(trial.number, trial.user_attrs.get(CONFIGURATION, {}), entry, last=last)


def add_imported(
    study: optuna.Study,
    config: SweepConfig,
    params: Mapping[str, OptunaValue],
    values: Mapping[str, float],
    measurement: Measurement,
    note: Mapping[str, object],
) -> int:
    """Add a trial that ran elsewhere, complete with what it measured; returns its number.

    It costs the sweep nothing, and is none of the trials that the sweep is to start.

    Args:
        note: kept as ``IMPORTED``.

    Raises:
        ValueError: the base, which gates refer to, was not measured yet.
    """
    rung = None if config.halving is None else config.halving.at[-1]
    order = sum(len(trial.user_attrs.get(RUNGS, [])) for trial in study.get_trials(deepcopy=False))
    entry = _entry(study, config, values, measurement, rung, order)
    axes = {name: axis for p, parameter in config.parameters.items() for name, axis in parameter.axes(p).items()}
    attributes = {CONFIGURATION: config.space.configuration(params), UNITS: 0.0, TARGET: rung, RUNGS: [entry]}
    study.add_trial(
        optuna.trial.create_trial(
            values=[values[objective.metric] for objective in config.objectives],
            params=dict(params),
            distributions={name: axes[name] for name in params},
            user_attrs={**attributes, IMPORTED: dict(note)},
            constraints=entry["violations"],
        )
    )
    return len(study.get_trials(deepcopy=False)) - 1


def _entry(
    study: optuna.Study,
    config: SweepConfig,
    values: Mapping[str, float],
    measurement: Measurement,
    rung: int | None,
    order: int,
) -> dict[str, Any]:
    """Return what ``RUNGS`` keeps of a measurement; raises ``ValueError`` before the base was measured."""
    base = base_result(study)
    if base is None:
        raise ValueError("gates refer to the base: record_base must come before record")
    last = config.halving is None or rung == config.halving.at[-1]
    intervals = {name: (score.low, score.high) for name, score in measurement.scores.items()}
    violations = {gate.label: gate.violation(values, base.values) for gate in config.gates}
    excused = {gate.label: gate.excused(values, base.values, intervals) for gate in config.gates}
    whole = last or config.halving is None or not config.halving.items
    return {
        **_attributes(values, measurement),
        **{"rung": rung, "order": order, "whole": whole, "violations": violations, "excused": excused},
    }


def _tell(study: optuna.Study, trial: optuna.Trial, config: SweepConfig, entry: Mapping[str, Any]) -> None:
    known = study.get_trials(deepcopy=False)[trial.number].constraints
    for label, violation in entry["violations"].items():
        if label not in known:
            trial.set_constraint(label, violation)
    study.tell(trial, [entry[VALUES][objective.metric] for objective in config.objectives])


def tell_measured(study: optuna.Study, config: SweepConfig) -> None:
    """Tell the study of trials that were measured at the last rung when the sweep's process ended."""
    last = None if config.halving is None else config.halving.at[-1]
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        measured = [entry for entry in trial.user_attrs.get(RUNGS, []) if entry["rung"] == last]
        if measured:
            _tell(study, optuna.Trial(study, trial._trial_id), config, measured[0])


def _attributes(values: Mapping[str, float], measurement: Measurement) -> dict[str, object]:
    return {VALUES: dict(values), SCORES: {name: asdict(score) for name, score in measurement.scores.items()}}


def fail(study: optuna.Study, trial: optuna.Trial, reason: str) -> None:
    """Tell the study that a trial failed and why."""
    trial.set_user_attr(REASON, reason)
    study.tell(trial, state=TrialState.FAIL)


def cancel(study: optuna.Study, trial: optuna.Trial) -> None:
    """Tell the study that the user wants no more of a trial."""
    trial.set_user_attr(CANCELLED, True)
    fail(study, trial, "cancelled by the user")


def drop_waiting(study: optuna.Study, trial: FrozenTrial, reason: str) -> None:
    """Have an enqueued configuration not run."""
    # Optuna ends only what runs
    study._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
    known = optuna.Trial(study, trial._trial_id)
    known.set_user_attr(CANCELLED, True)
    fail(study, known, reason)


def started(study: optuna.Study) -> int:
    """How many trials the sweep started, failed ones included, imported ones not."""
    return started_of(study.get_trials(deepcopy=False))


def started_of(trials: Sequence[FrozenTrial]) -> int:
    """Return the same of trials that were read."""
    return sum(trial.state is not TrialState.WAITING and IMPORTED not in trial.user_attrs for trial in trials)
