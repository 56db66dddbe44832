"""The Optuna study of a sweep: opened or continued, its sampler, its gates as constraints."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict

import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from sweeps.config import SweepConfig
from sweeps.results import BASE_ATTRIBUTE, CONFIGURATION, REASON, SCORES, VALUES, base_result
from sweeps.stores import StoreError
from trainer.measurement import Measurement

INTERRUPTED = "interrupted"
"""What the reason of a trial begins with that the sweep's end stopped; it does not count."""

_ENQUEUED = "enqueued"
_CONFIG, _INPUTS = "config", "inputs"
_MAY_CHANGE = ("trials", "slots", "timeout")


def open_study(config: SweepConfig, url: str, inputs: Mapping[str, str]) -> optuna.Study:
    """Open the sweep's study, made anew where there is none.

    Args:
        inputs: what the sweep reads -> a digest of its content.

    Raises:
        StoreError: the database cannot be opened, or the sweep was started with other settings.
    """
    _quiet()
    directions = [objective.direction for objective in config.objectives]
    try:
        study = optuna.create_study(storage=url, study_name=config.name, directions=directions, load_if_exists=True)
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise StoreError(f"study database: cannot be opened: {error}") from error
    _refuse_changes(study, config, inputs)
    study.set_user_attr(_INPUTS, dict(inputs))
    study.set_user_attr(_CONFIG, config.model_dump_json())
    if _ENQUEUED not in study.user_attrs:
        study.set_metric_names([objective.metric for objective in config.objectives])
        for params in config.enqueued_params():
            study.enqueue_trial(params, skip_if_exists=True)
        study.set_user_attr(_ENQUEUED, True)
    # a sweep that goes on must not draw once more what it drew before
    study.sampler = sampler(config, config.seed + len(study.get_trials(deepcopy=False)))
    return study


def _quiet() -> None:
    # not the user's business: optuna's version is pinned, so what it calls experimental does not change
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _refuse_changes(study: optuna.Study, config: SweepConfig, inputs: Mapping[str, str]) -> None:
    """Refuse settings that would make later trials another experiment than those that the study holds."""
    if _CONFIG not in study.user_attrs:
        return
    was, now = SweepConfig.model_validate_json(study.user_attrs[_CONFIG]), config
    changed = [
        key for key in SweepConfig.model_fields if key not in _MAY_CHANGE and getattr(was, key) != getattr(now, key)
    ]
    # in data parallel the workers make the batch
    changed += ["slots.workers"] if was.slots.workers != now.slots.workers else []
    known = study.user_attrs.get(_INPUTS, {})
    changed += [f"content of {name}" for name, digest in inputs.items() if known.get(name) != digest]
    if changed:
        raise StoreError(
            f"sweep {config.name} was started with another {', '.join(changed)}; change it back, "
            f"or give the sweep another `name` (only {', '.join(_MAY_CHANGE)} may change)"
        )


def sampler(config: SweepConfig, seed: int) -> BaseSampler:
    """Return the sampler that the sweep names."""
    if config.sampler.type == "random":
        return RandomSampler(seed=seed)
    if config.sampler.type == "nsga2":
        return NSGAIISampler(seed=seed)
    return TPESampler(
        seed=seed,
        n_startup_trials=config.sampler.startup_trials,
        multivariate=True,
        # conditional parameters: each set of parameters that occurs together is modelled together
        group=True,
        # trials that are running count as bad ones, so that two slots do not try the same
        constant_liar=True,
    )


def requeue_interrupted(study: optuna.Study) -> list[int]:
    """Fail the trials that an earlier process left running and queue their parameters again; returns their numbers.

    Only for the one process that holds the sweep's lock.
    """
    interrupted = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for trial in interrupted:
        # what was enqueued counts even where the trial ended before it had asked for it
        params = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        # first: a configuration that is queued twice costs less than one that is lost
        if params:
            study.enqueue_trial(params)
        optuna.Trial(study, trial._trial_id).set_user_attr(REASON, f"{INTERRUPTED}: the sweep ended before the trial")
        study.tell(trial.number, state=TrialState.FAIL)
    return [trial.number for trial in interrupted]


def record_base(study: optuna.Study, values: Mapping[str, float], measurement: Measurement) -> None:
    """Keep what the untouched base measured: gates refer to it."""
    study.set_user_attr(BASE_ATTRIBUTE, _attributes(values, measurement))


def record_configuration(trial: optuna.Trial, configuration: Mapping[str, object]) -> None:
    """Keep the parameters as the user writes them."""
    trial.set_user_attr(CONFIGURATION, dict(configuration))


def complete(
    study: optuna.Study,
    trial: optuna.Trial,
    config: SweepConfig,
    values: Mapping[str, float],
    measurement: Measurement,
) -> None:
    """Tell the study what a trial measured: all values, the gates as constraints, the objectives.

    Raises:
        ValueError: the base, which gates refer to, was not measured yet.
    """
    base = base_result(study)
    if base is None:
        raise ValueError("gates refer to the base: record_base must come before complete")
    for name, value in _attributes(values, measurement).items():
        trial.set_user_attr(name, value)
    for gate in config.gates:
        trial.set_constraint(gate.label, gate.violation(values, base.values))
    study.tell(trial, [values[objective.metric] for objective in config.objectives])


def _attributes(values: Mapping[str, float], measurement: Measurement) -> dict[str, object]:
    return {VALUES: dict(values), SCORES: {name: asdict(score) for name, score in measurement.scores.items()}}


def fail(study: optuna.Study, trial: optuna.Trial, reason: str) -> None:
    """Tell the study that a trial failed and why."""
    trial.set_user_attr(REASON, reason)
    study.tell(trial, state=TrialState.FAIL)


def finished(study: optuna.Study) -> int:
    """How many trials came to an end of their own, completed or failed; interrupted ones do not count."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL))
    return sum(not trial.user_attrs.get(REASON, "").startswith(INTERRUPTED) for trial in done)


def load_config(study: optuna.Study) -> SweepConfig:
    """Return the configuration that the study was started with."""
    return SweepConfig.model_validate_json(study.user_attrs[_CONFIG])


def study_names(url: str) -> list[str]:
    """Return the names of all sweeps; raises ``StoreError`` where the database cannot be read."""
    _quiet()
    try:
        return optuna.get_all_study_names(url)
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise StoreError(f"study database: cannot be read: {error}") from error


def load_study(name: str, url: str) -> optuna.Study:
    """Open an existing study for reading; raises ``StoreError`` where there is none of that name."""
    names = study_names(url)
    if name not in names:
        raise StoreError(f"there is no sweep named {name!r} here; there is: {', '.join(names) or 'none'}")
    study = optuna.load_study(study_name=name, storage=url)
    if _CONFIG not in study.user_attrs:
        raise StoreError(f"sweep {name} has only just been started; try again in a second")
    return study
