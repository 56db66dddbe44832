"""A sweep of many trials that never ran: its study, ledger and runs in MLflow, written in bulk."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from optuna.distributions import distribution_to_json
from safetensors.numpy import save_file

from evaluation.score import score
from sweeps import records
from sweeps.config import SweepConfig, load_sweep
from sweeps.ledger import Ledger
from sweeps.plan import make_plan
from sweeps.read import Known
from sweeps.results import BASE_ATTRIBUTE, BOX, CONFIGURATION, RUNGS, SCORES, TARGET, UNITS, VALUES
from sweeps.stores import Stores, trial_paths
from sweeps.study import load_config, load_study, open_study
from tests.made_adapter import adapter
from tests.short_sweep import write_sweep
from trainer.measurement import Measurement
from trainer.slots import Placement

STEPS = (1, 3, 9)
ITEMS = 200
_PERCENT = ("f1", "em", "squad_f1", "squad_em", "math_accuracy", "math_accuracy/en_story", "math_accuracy/zh_story")
_BOX = [{"reference": 18.0, "ideal": 100.0}, {"reference": 43.5, "ideal": 100.0}, {"reference": 0.07, "ideal": 0.0}]
_MODULES = ("wq", "wk", "wv", "wo")


def make(
    folder: Path,
    trials: int,
    *,
    name: str = "short",
    configured: Mapping[str, object] | None = None,
    measured: Mapping[str, float] | None = None,
) -> SweepConfig:
    """Make a sweep with halving at 1, 3 and 9 epochs in ``folder/runs``; the same for the same arguments.

    Args:
        trials: all measured at the first rung; a third at the second, a ninth complete.
        configured: parameters that all configurations have besides.
        measured: values that all measurements have besides.
    """
    config = load_sweep(write_sweep(folder, trials=trials, rungs=STEPS))[0].model_copy(update={"name": name})
    stores = Stores(folder / "runs")
    stores.create()
    study = open_study(config, stores.study_url, {})
    Ledger(stores.study_url, name).close()
    rng = np.random.default_rng(7)
    with closing(sqlite3.connect(stores.root / "sweeps.db")) as database, database:
        (identity,) = database.execute("SELECT study_id FROM studies WHERE study_name = ?", (name,)).fetchone()
        base = _entry(config, {"learning_rate": 1e-9, "lora_rank": 1, "target_modules": ["wq"]}, 0, rng)
        _keep(database, "study_user_attributes", "study_id", identity, {BASE_ATTRIBUTE: base, BOX: _BOX})
        # the enqueued one waits: it is drawn here
        database.execute("DELETE FROM trial_system_attributes")
        database.execute("DELETE FROM trials WHERE study_id = ?", (identity,))
        order = 0
        for number in range(trials):
            reached = STEPS[: 3 if number % 9 == 0 else 2 if number % 3 == 0 else 1]
            configuration = _configuration(rng)
            entries = []
            for rung in reached:
                entry = _entry(config, configuration, rung, rng, base[VALUES])
                entry[VALUES] |= measured or {}
                entries.append({**entry, "rung": rung, "order": order, "whole": True})
                order += 1
            state = "COMPLETE" if reached == STEPS else "RUNNING"
            trial = database.execute(
                "INSERT INTO trials (number, study_id, state) VALUES (?, ?, ?)", (number, identity, state)
            ).lastrowid
            assert trial is not None
            kept: dict[str, object] = {CONFIGURATION: {**configuration, **(configured or {})}, RUNGS: entries}
            kept |= {TARGET: reached[-1], UNITS: float(reached[-1])}
            _keep(database, "trial_user_attributes", "trial_id", trial, kept)
            _keep_params(database, config, trial, configuration)
            if state == "COMPLETE":
                values = [entries[-1][VALUES][objective.metric] for objective in config.objectives]
                rows = [(trial, i, value) for i, value in enumerate(values)]
                database.executemany("INSERT INTO trial_values VALUES (NULL, ?, ?, ?, 'FINITE')", rows)
            _keep_costs(database, name, number, reached)
    assert len(study.get_trials(deepcopy=False)) == trials
    return config


def end_a_trial(url: str, name: str) -> None:
    """Have one more trial end at the first rung, as ``lorasweep start`` keeps it in the database ``url``."""
    study = load_study(name, url)
    config, trial = load_config(study), study.ask()
    params = config.space.suggest(trial)
    records.record_job(trial, config.space.configuration(params), STEPS[0], STEPS[0])
    metrics = (*_PERCENT, "squad_blank", "math_blank")
    measurement = Measurement(scores={m: score([100.0, 0.0]) for m in metrics}, seconds={}, versions={})
    values = {metric: found.value for metric, found in measurement.scores.items()}
    values |= {"seconds": 25.0, "train_loss": 3.0, "trainable": 384.0, "ratio": 384 / 676736}
    records.record(study, trial, config, values, measurement, STEPS[0], order=trial.number * len(STEPS))


def write_files(folder: Path, number: int, rung: int) -> None:
    """Write what a launch leaves of a trial of the sweep ``short``, so that it can be exported."""
    config, document = load_sweep(folder / "sweep.yaml")
    stores = Stores(folder / "runs")
    plan = make_plan(config, document, stores)
    known = Known.open(stores, config.name)
    (result,) = (r for r in known.measured if (r.number, r.rung) == (number, rung))
    own = {name: result.configuration[name] for name in config.parameters}
    paths = trial_paths(plan.folder, result.label, rung)
    plan.prepare(
        paths, Placement(0, 1, (), (), 8118, 60000), config.space.settings(config.space.encode(own)), result.label, rung
    )
    Measurement(scores=result.scores, seconds={"worker": 20.0}, versions={"python": "3.11"}).write(paths.measurement)
    modules = own["target_modules"]
    assert isinstance(modules, (list, tuple))
    rank, random = int(str(own["lora_rank"])), np.random.default_rng(0)
    save_file(adapter(config.model.base, rank, modules, random), paths.adapter)


def make_runs(database: Path, artifacts: Path, sweep: str, trials: int) -> None:
    """Make the sweep's experiment in MLflow's database, with a run a trial."""
    # not where this is imported: a process that has mlflow cannot have mindspore
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{database}")
    experiment = client.create_experiment(sweep, artifact_location=(artifacts / sweep).as_uri())
    pattern = client.create_run(experiment, run_name="trial-0000", tags={"lorasweep.trial": "trial-0000"}).info.run_id
    with closing(sqlite3.connect(database)) as connection, connection:
        for number in range(1, trials):
            for table, changed in (("runs", "name"), ("tags", "value")):
                where = "run_uuid = ?" + (" AND key = 'lorasweep.trial'" if table == "tags" else "")
                found = connection.execute(f"SELECT * FROM {table} WHERE {where}", (pattern,))
                row = dict(zip([column[0] for column in found.description], found.fetchone(), strict=True))
                row |= {"run_uuid": f"{number:032x}", changed: f"trial-{number:04d}"}
                marks = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def _configuration(rng: np.random.Generator) -> dict[str, Any]:
    modules = [module for module in _MODULES if rng.random() < 0.5] or ["wq"]
    rank = int(2 ** rng.integers(0, 5))
    rate = float(10 ** rng.uniform(-5, -3))
    return {"learning_rate": rate, "lora_rank": rank, "target_modules": modules, "lora_alpha": 2 * rank}


def _entry(
    config: SweepConfig,
    configuration: Mapping[str, Any],
    rung: int,
    rng: np.random.Generator,
    base: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return what a measurement would keep: the more is trained, the more is learned, the more is forgotten."""
    size = configuration["lora_rank"] * len(configuration["target_modules"])
    trained = math.log1p(2e4 * configuration["learning_rate"] * math.sqrt(size) * rung)
    learned = 18 + 75 * (1 - math.exp(-trained / 2)) + rng.normal(0, 2)
    known = 87 - 1.5 * trained**2 + rng.normal(0, 2)
    scores = {}
    for metric in _PERCENT:
        right = round(ITEMS * min(max(learned if metric.startswith("math") else known, 0), 100) / 100)
        scores[metric] = score([100.0] * right + [0.0] * (ITEMS - right))
    values = {metric: score.value for metric, score in scores.items()}
    values |= {"squad_blank": 0.0, "math_blank": 0.0, "seconds": float(20 + 5 * rung), "train_loss": 4 - trained / 3}
    values |= {"trainable": 384.0 * size, "ratio": 384 * size / 676736}
    gates = {gate.label: gate.violation(values, base or values) for gate in config.gates}
    stored = {metric: asdict(score) for metric, score in scores.items()}
    return {VALUES: values, SCORES: stored, "violations": gates, "excused": gates}


def _keep(database: sqlite3.Connection, table: str, owner: str, identity: int, values: Mapping[str, object]) -> None:
    rows = [(identity, key, json.dumps(value)) for key, value in values.items()]
    database.executemany(f"INSERT INTO {table} ({owner}, key, value_json) VALUES (?, ?, ?)", rows)


def _keep_params(
    database: sqlite3.Connection, config: SweepConfig, trial: int, configuration: Mapping[str, Any]
) -> None:
    rows = []
    for name, parameter in config.parameters.items():
        axes = parameter.axes(name)
        for axis, value in parameter.encode(name, configuration[name]).items():
            internal = axes[axis].to_internal_repr(value)  # type: ignore[arg-type]
            rows.append((trial, axis, internal, distribution_to_json(axes[axis])))
    columns = "trial_id, param_name, param_value, distribution_json"
    database.executemany(f"INSERT INTO trial_params ({columns}) VALUES (?, ?, ?, ?)", rows)


def _keep_costs(database: sqlite3.Connection, sweep: str, number: int, reached: Sequence[int]) -> None:
    for i, rung in enumerate(reached):
        job = database.execute(
            "INSERT INTO lorasweep_jobs (sweep, label, rung, state, created) VALUES (?, ?, ?, 'done', ?)",
            (sweep, f"trial-{number:04d}", rung, 1000.0 * number),
        ).lastrowid
        ended = 1000.0 * number + 100 * i
        database.execute(
            "INSERT INTO lorasweep_attempts (job_id, number, host, boot, slot, workers, devices, cores, "
            "scheduler_port, hccl_port, folder, started, ended, outcome, seconds) "
            "VALUES (?, 1, 'h', 'b', 0, 1, '[]', '[]', 8118, 60000, '', ?, ?, 'finished', ?)",
            (job, ended - 40, ended, 20.0 + 5 * rung),
        )
