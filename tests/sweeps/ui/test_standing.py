from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.score import score
from sweeps import records
from sweeps.config import load_sweep
from sweeps.database import Database
from sweeps.ledger import Ledger
from sweeps.read import Known
from sweeps.stores import StoreError, Stores
from sweeps.study import load_study, open_study
from sweeps.ui.standing import Rows, Standing
from tests.browser import made_study
from tests.short_sweep import write_sweep
from trainer.measurement import Measurement


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    made_study.make(tmp_path, 10)
    stores = Stores(tmp_path / "runs")
    made_study.end_a_trial(stores.study_url, "short")
    return stores


def read(stores: Stores) -> Rows:
    return Rows.read(Database(stores.study_url), Ledger(stores.study_url, "short"), "short")


def test_rows_say_what_optuna_loads(stores: Stores) -> None:
    known, standing = Known.open(stores, "short"), read(stores).standing()
    assert standing.results == known.results
    assert standing.measured == known.measured
    assert standing.front == known.front
    assert standing.base == known.base
    assert sum(cost for *_, cost in standing.costs) == known.spent["card_seconds"]
    assert standing == Standing.of_study(load_study("short", stores.study_url), Ledger(stores.study_url, "short"))


def test_digest_is_another_when_a_trial_ends_and_the_same_when_nothing_did(stores: Stores) -> None:
    before = read(stores).digest()
    assert read(stores).digest() == before
    made_study.end_a_trial(stores.study_url, "short")
    assert read(stores).digest() != before


def test_rows_are_read_from_every_kind_of_database(url: str, tmp_path: Path) -> None:
    config = load_sweep(write_sweep(tmp_path, rungs=made_study.STEPS))[0]
    study = open_study(config, url, {})
    scores = {metric: score([100.0, 0.0]) for metric in ("f1", "math_accuracy")}
    base = {metric: found.value for metric, found in scores.items()}
    records.record_base(study, base, Measurement(scores=scores, seconds={}, versions={}))
    made_study.end_a_trial(url, "short")
    ledger = Ledger(url, "short")
    assert Rows.read(Database(url), ledger, "short").standing() == Standing.of_study(load_study("short", url), ledger)


def test_name_of_no_sweep_is_only_a_name(stores: Stores) -> None:
    database, ledger = Database(stores.study_url), Ledger(stores.study_url, "short")
    with pytest.raises(StoreError, match="there is no sweep named"):
        Rows.read(database, ledger, "short' OR '1'='1")
