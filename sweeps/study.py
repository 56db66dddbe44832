"""The Optuna study of a sweep: opened or continued, what its trials measured at each rung, its gates as constraints."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import optuna
from alembic.migration import MigrationContext
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from sweeps import database
from sweeps.config import SweepConfig
from sweeps.results import (
    BASE_ATTRIBUTE,
    CANCELLED,
    CONFIGURATION,
    REASON,
    RUNGS,
    SCORES,
    STOPPED,
    TARGET,
    UNITS,
    VALUES,
    Result,
    base_result,
)
from sweeps.stores import StoreError
from trainer.measurement import Measurement

_ENQUEUED = "enqueued"
_CONFIG, _INPUTS, _SECONDS = "config", "inputs", "seconds"


def open_study(config: SweepConfig, url: str, inputs: Mapping[str, str]) -> optuna.Study:
    """Open the sweep's study, made anew where there is none.

    Args:
        inputs: what the sweep reads -> a digest of its content.

    Raises:
        StoreError: the database cannot be opened.
    """
    _quiet()
    directions = [objective.direction for objective in config.objectives]
    with told(url):
        study = optuna.create_study(
            storage=_storage(url), study_name=config.name, directions=directions, load_if_exists=True
        )
    study.set_user_attr(_INPUTS, dict(inputs))
    study.set_user_attr(_CONFIG, config.model_dump_json())
    if _ENQUEUED not in study.user_attrs:
        study.set_metric_names([objective.metric for objective in config.objectives])
        for params in config.enqueued_params():
            study.enqueue_trial(params, skip_if_exists=True)
        study.set_user_attr(_ENQUEUED, True)
    return study


@contextmanager
def told(url: str) -> Iterator[None]:
    """Raise ``StoreError`` that names the study's database in place of what Optuna raises where it is away."""
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise database.trouble(database.parse(url), error) from error


def _storage(url: str) -> RDBStorage:
    parsed = database.parse(url)
    # Optuna fills in a template
    template = parsed.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    options = database.engine_options(parsed)
    engine = create_engine(parsed, **options)
    with database.told(parsed), engine.connect() as connection:
        # the last that Optuna writes when it makes its tables
        made = MigrationContext.configure(connection).get_current_revision() is not None
    engine.dispose()
    try:
        if made:
            return RDBStorage(template, options)
        # Optuna fails where two processes make its tables at once
        with database.alone(parsed):
            return RDBStorage(template, options)
    except RuntimeError as error:
        raise StoreError(
            f"{database.named(parsed)}: its tables are not those of Optuna {optuna.__version__}: another program's, or "
            f"another version's; name a database of its own with --database ({error})"
        ) from error


def _quiet() -> None:
    # not the user's business: optuna's version is pinned, so what it calls experimental does not change
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def started_with(name: str, url: str) -> tuple[SweepConfig | None, Mapping[str, str]]:
    """Return the configuration of a sweep that was started, and the digests of what it reads; None: only just begun."""
    with told(url):
        study = optuna.load_study(study_name=name, storage=_storage(url))
        attributes = study.user_attrs
    config = SweepConfig.model_validate_json(attributes[_CONFIG]) if _CONFIG in attributes else None
    return config, attributes.get(_INPUTS, {})


def optuna_sampler(config: SweepConfig, trials: int) -> BaseSampler:
    """Return Optuna's sampler that the sweep names.

    Args:
        trials: of the study so far: a sweep that goes on must not draw once more what it drew before.
    """
    seed = config.seed + trials
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
    return math.fsum(trial.user_attrs.get(UNITS, 0.0) for trial in study.get_trials(deepcopy=False))


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
    base = base_result(study)
    if base is None:
        raise ValueError("gates refer to the base: record_base must come before record")
    last = config.halving is None or rung == config.halving.at[-1]
    intervals = {name: (score.low, score.high) for name, score in measurement.scores.items()}
    violations = {gate.label: gate.violation(values, base.values) for gate in config.gates}
    excused = {gate.label: gate.excused(values, base.values, intervals) for gate in config.gates}
    whole = last or config.halving is None or not config.halving.items
    entry = {
        **_attributes(values, measurement),
        **{"rung": rung, "order": order, "whole": whole, "violations": violations, "excused": excused},
    }
    trial.set_user_attr(RUNGS, [*trial.user_attrs.get(RUNGS, []), entry])
    if last:
        _tell(study, trial, config, entry)
    return Result(
        number=trial.number,
        state="complete" if last else STOPPED,
        configuration=trial.user_attrs.get(CONFIGURATION, {}),
        values=values,
        scores=measurement.scores,
        violations=violations,
        reason="",
        rung=rung,
        whole=whole,
        order=order,
        excused=excused,
    )


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


def started(study: optuna.Study) -> int:
    """How many trials were started, failed ones included."""
    return len(study.get_trials(deepcopy=False)) - waiting(study)


def waiting(study: optuna.Study) -> int:
    """How many enqueued configurations have not been started."""
    return len(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def load_seconds(study: optuna.Study) -> float:
    """Return the wall time, in seconds, that processes ran the sweep, as ``save_seconds`` kept it."""
    seconds: float = study.user_attrs.get(_SECONDS, 0.0)
    return seconds


def save_seconds(study: optuna.Study, seconds: float) -> None:
    """Keep the wall time that processes ran the sweep."""
    study.set_user_attr(_SECONDS, seconds)


def load_config(study: optuna.Study) -> SweepConfig:
    """Return the configuration that the study was started with."""
    return SweepConfig.model_validate_json(study.user_attrs[_CONFIG])


def study_names(url: str) -> list[str]:
    """Return the names of all sweeps; raises ``StoreError`` where the database cannot be read."""
    _quiet()
    with told(url):
        return optuna.get_all_study_names(_storage(url))


def load_study(name: str, url: str) -> optuna.Study:
    """Open an existing study for reading; raises ``StoreError`` where there is none of that name."""
    names = study_names(url)
    if name not in names:
        raise StoreError(f"there is no sweep named {name!r} here; there is: {', '.join(names) or 'none'}")
    with told(url):
        study = optuna.load_study(study_name=name, storage=_storage(url))
    if _CONFIG not in study.user_attrs:
        raise StoreError(f"sweep {name} has only just been started; try again in a second")
    return study
