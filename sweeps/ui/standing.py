"""How a sweep stands, whole, for a page of it: from a study in memory, or by few raw queries from its database."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import TrialState
from sqlalchemy import text
from sqlalchemy.orm import Session

from sweeps.config import SweepConfig
from sweeps.database import Database
from sweeps.ledger import Ledger
from sweeps.results import (
    BASE_ATTRIBUTE,
    BOX,
    CANCELLED,
    CONFIGURATION,
    IMPORTED,
    REASON,
    RUNGS,
    TARGET,
    UNITS,
    Front,
    Result,
    Trial,
    base_of,
    find_front,
    latest,
    measured_of,
)
from sweeps.stores import StoreError
from sweeps.study import CONFIG, load_config

_OF_TRIALS = (RUNGS, REASON, CONFIGURATION, CANCELLED, TARGET, UNITS, IMPORTED)
_OF_STUDY = (CONFIG, BASE_ATTRIBUTE, BOX)

Cost = tuple[str, int | None, float, float]
"""Of an attempt that ended: label, rung, when, card-seconds."""


@dataclass(frozen=True)
class Standing:
    """A sweep's configuration and all that came out so far.

    Attributes:
        results: every trial as it is now.
        measured: every trial at every rung where it was measured, in that order.
        box: of the hypervolume, ``asdict`` of a ``volume.Axis`` for each objective; empty before anything was measured.
        costs: what the attempts cost, in the order in which they ended.
        units: number of a trial -> epochs, or steps, that it trained or is to train in jobs that were started.
    """

    config: SweepConfig
    results: Sequence[Result]
    measured: Sequence[Result]
    base: Result | None
    front: Front
    box: Sequence[Mapping[str, float]]
    costs: Sequence[Cost]
    units: Mapping[int, float]

    @classmethod
    def of_study(cls, study: optuna.Study, ledger: Ledger) -> Standing:
        """Return how a sweep stands whose study is open."""
        return cls.of(load_config(study), study.get_trials(deepcopy=False), study.user_attrs, ledger.costs())

    @classmethod
    def of(
        cls, config: SweepConfig, trials: Sequence[Trial], attributes: Mapping[str, Any], costs: Sequence[Cost]
    ) -> Standing:
        """Put together what was read.

        Args:
            trials: all of them, in the order of their numbers.
            attributes: user attributes of the study.
        """
        of_trials = [measured_of(trial) for trial in trials]
        measured = sorted(itertools.chain.from_iterable(of_trials), key=lambda result: result.order)
        return cls(
            config=config,
            results=[latest(trial, found) for trial, found in zip(trials, of_trials, strict=True)],
            measured=measured,
            base=base_of(attributes.get(BASE_ATTRIBUTE)),
            front=find_front(measured, config.objectives),
            box=attributes.get(BOX, ()),
            costs=costs,
            units={trial.number: trial.user_attrs.get(UNITS, 0.0) for trial in trials},
        )


@dataclass(frozen=True)
class _Stored:
    number: int
    state: TrialState
    user_attrs: Mapping[str, Any]
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """The rows that say how a sweep stands, as the database gives them.

    Optuna's own loading makes several queries and objects a trial, some seconds for thousands of trials.

    Attributes:
        study: key and JSON of its user attributes.
        trials: id, number, state.
        attributes: id of the trial, key, JSON.
    """

    study: Sequence[tuple[str, str]]
    trials: Sequence[tuple[int, int, str]]
    attributes: Sequence[tuple[int, str, str]]
    costs: Sequence[Cost]

    @classmethod
    def read(cls, database: Database, ledger: Ledger, name: str) -> Rows:
        """Read a sweep's rows.

        Raises:
            StoreError: there is no such sweep, or it has only just been started.
        """
        with database.reading() as session:
            identity = session.execute(text("SELECT study_id FROM studies WHERE study_name = :name"), {"name": name})
            number = identity.scalar_one_or_none()
            if number is None:
                raise StoreError(f"there is no sweep named {name!r} here")
            query = "SELECT key, value_json FROM study_user_attributes WHERE study_id = :study AND key IN ({})"
            study = _select(session, f"{query} ORDER BY key", number, _OF_STUDY)
            query = "SELECT trial_id, number, state FROM trials WHERE study_id = :study ORDER BY number"
            trials = _select(session, query, number)
            query = (
                "SELECT a.trial_id, a.key, a.value_json FROM trial_user_attributes a JOIN trials t "
                "ON t.trial_id = a.trial_id WHERE t.study_id = :study AND a.key IN ({}) ORDER BY a.trial_id, a.key"
            )
            attributes = _select(session, query, number, _OF_TRIALS)
        if CONFIG not in dict(study):
            raise StoreError(f"sweep {name} has only just been started; try again in a second")
        return cls(study, trials, attributes, ledger.costs())

    def digest(self) -> str:
        """Return a digest that differs where anything was changed."""
        return _digest((self.study, self.trials, self.attributes, self.costs))

    def measured_digest(self) -> str:
        """Return a digest that differs where anything was measured."""
        return _digest([row for row in self.attributes if row[1] == RUNGS])

    def standing(self) -> Standing:
        """Return what the rows say."""
        study = {key: json.loads(value) for key, value in self.study}
        kept: dict[int, dict[str, Any]] = {identity: {} for identity, _, _ in self.trials}
        for identity, key, value in self.attributes:
            # a trial that was begun between the two queries is there the next time
            if identity in kept:
                kept[identity][key] = json.loads(value)
        trials = [_Stored(number, TrialState[state], kept[identity]) for identity, number, state in self.trials]
        return Standing.of(SweepConfig.model_validate_json(study[CONFIG]), trials, study, self.costs)


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:32]


def _select(session: Session, query: str, study: int, keys: Sequence[str] = ()) -> list[Any]:
    names = {f"key{i}": key for i, key in enumerate(keys)}
    filled = query.format(", ".join(f":{name}" for name in names))
    return [tuple(row) for row in session.execute(text(filled), {"study": study, **names})]
