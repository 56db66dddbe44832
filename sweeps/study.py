"""The Optuna study of a sweep: opened or continued, and what it was started with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

import optuna
from alembic.migration import MigrationContext
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler
from optuna.storages import RDBStorage
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from sweeps import database
from sweeps.config import SweepConfig
from sweeps.stores import StoreError

_ENQUEUED = "enqueued"
CONFIG = "config"
"""User attribute of the study: the sweep file as it was checked, in JSON."""
_INPUTS, _SECONDS, _TRIALS = "inputs", "seconds", "trials"
_LISTED = 10


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
    study.set_user_attr(CONFIG, config.model_dump_json())
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
    study = _load(name, _storage(url), url)
    return load_config(study) if CONFIG in study.user_attrs else None, study.user_attrs.get(_INPUTS, {})


def _load(name: str, storage: RDBStorage, url: str) -> optuna.Study:
    with told(url):
        return optuna.load_study(study_name=name, storage=storage)


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


def load_seconds(study: optuna.Study) -> float:
    """Return the wall time, in seconds, that processes ran the sweep, as ``save_seconds`` kept it."""
    seconds: float = study.user_attrs.get(_SECONDS, 0.0)
    return seconds


def save_seconds(study: optuna.Study, seconds: float) -> None:
    """Keep the wall time that processes ran the sweep."""
    study.set_user_attr(_SECONDS, seconds)


def load_trials(study: optuna.Study) -> int | None:
    """Return how many trials the sweep is to start, as it was started last; None: as many as the budget allows."""
    trials: int | None = study.user_attrs.get(_TRIALS, load_config(study).trials)
    return trials


def save_trials(study: optuna.Study, trials: int | None) -> None:
    """Keep how many trials the sweep is to start."""
    study.set_user_attr(_TRIALS, trials)


def load_config(study: optuna.Study) -> SweepConfig:
    """Return the configuration that the study was started with."""
    return SweepConfig.model_validate_json(study.user_attrs[CONFIG])


def study_names(url: str) -> list[str]:
    """Return the names of all sweeps, sorted; raises ``StoreError`` where the database cannot be read."""
    with closing(database.Database(url)) as opened:
        return names_in(opened)


def names_in(opened: database.Database) -> list[str]:
    """Return the names of all sweeps, sorted.

    By a query of our own: Optuna checks its tables first, which takes longer than to answer for a thousand trials.

    Raises:
        StoreError: the database cannot be read.
    """
    with opened.reading() as session:
        if not inspect(session.connection()).has_table("studies"):
            return []
        return sorted(session.execute(text("SELECT study_name FROM studies")).scalars())


def listed(names: Sequence[str]) -> str:
    """Return the first names of sweeps, and how many more there are."""
    more = len(names) - _LISTED
    return ", ".join(sorted(names)[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def load_study(name: str, url: str) -> optuna.Study:
    """Open an existing study for reading; raises ``StoreError`` where there is none of that name."""
    _quiet()
    storage = _storage(url)
    with told(url):
        names = optuna.get_all_study_names(storage)
    if name not in names:
        there = "there is none yet" if not names else f"there is: {listed(names)}"
        raise StoreError(f"{database.named(database.parse(url))}: there is no sweep named {name!r}; {there}")
    study = _load(name, storage, url)
    if CONFIG not in study.user_attrs:
        raise StoreError(f"sweep {name} has only just been started; try again in a second")
    return study
