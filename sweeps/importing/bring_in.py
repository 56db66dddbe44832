"""``lorasweep import``: a finished run of others becomes a completed trial of a sweep and a run in MLflow."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import TrialState
from rich.console import Console

from search_spaces.distributions import OptunaValue
from sweeps import records
from sweeps import study as studies
from sweeps.compare import experiment_tags
from sweeps.courier import Courier
from sweeps.dossier.folder import read_dossier
from sweeps.importing import scores, target
from sweeps.importing.fit import Fit, fit
from sweeps.importing.run import FinishedRun, ImportRefused, finished_run
from sweeps.importing.scores import Scores
from sweeps.lease import Lease
from sweeps.ledger import DONE, Ledger
from sweeps.outbox import FOLDER, Outbox
from sweeps.plan import Plan
from sweeps.publish import publish
from sweeps.results import IMPORTED, base_result, trial_label
from sweeps.stores import StoreError, Stores
from sweeps.tracking import FINISHED, Tracker
from sweeps.tracking_uri import TrackingUri


@dataclass(frozen=True)
class _Import:
    """A run that fits a sweep, with what it measured there."""

    run: FinishedRun
    fit: Fit
    scores: Scores
    plan: Plan

    @property
    def sources(self) -> dict[str, str]:
        """Where the metrics were read that the sweep goes by."""
        config = self.plan.config
        wanted = {*(objective.metric for objective in config.objectives), *(gate.metric for gate in config.gates)}
        return {metric: source for metric, source in self.scores.sources.items() if metric in wanted}


def import_run(
    folder: Path, stores: Stores, sweep: str | None, into: Path | None, tracking_uri: str | None, console: Console
) -> str:
    """Import the run that a folder is of; returns what came of it, for the user.

    Args:
        sweep: name of a sweep that was started; None, without ``into``: the only one that the run fits.
        into: sweep file; its sweep is made where it was not started yet.
        tracking_uri: MLflow server or database; None: the sweep's own.

    Raises:
        ImportRefused, DossierError, StoreError, FileFaults, DataError: with all reasons; nothing was changed.
    """
    run = finished_run(read_dossier([folder]), folder)
    if sweep is None and into is None:
        plan, fitted = target.fitting(run, stores)
    else:
        plan = target.of_file(into, stores) if into is not None else target.of_study(str(sweep), stores)
        found = fit(run, plan)
        if not isinstance(found, Fit):
            raise ImportRefused(folder, [f"does not fit sweep {plan.config.name}: {reason}" for reason in found])
        fitted = found
    coming = _Import(run, fitted, scores.of_run(run, fitted, plan), plan)
    objectives = [objective.metric for objective in plan.config.objectives]
    reasons = list(scores.lacking(coming.scores, objectives, "the run"))
    reasons += _study_faults(target.study_of(plan, stores), coming)
    if reasons:
        raise ImportRefused(folder, reasons)
    return _keep(coming, stores, tracking_uri, console)


def _study_faults(study: optuna.Study | None, coming: _Import) -> list[str]:
    """Return why the study as it is now cannot take a run."""
    number = None if study is None else _number(study, coming.run)
    folder = coming.plan.folder / FOLDER
    if number is not None and folder.exists():
        outbox = Outbox(folder)
        told = trial_label(number) in {*outbox.labels()} - {*outbox.labels(open_only=True)}
        outbox.close()
        # else it is told now: the import was interrupted
        if told:
            return [f"was imported before: it is {trial_label(number)} of sweep {coming.plan.config.name}"]
    if study is not None and base_result(study) is not None:
        return []
    # the base is measured once: it must tell what gates refer to, and the objectives that are measured on items
    config = coming.plan.config
    wanted = {objective.metric for objective in config.objectives} & {*coming.run.tuned, *coming.run.stated}
    wanted |= {name.removeprefix("base.") for gate in config.gates for name in gate.bound.names}
    found = scores.lacking(scores.of_base(coming.run, coming.plan), sorted(wanted), "the untouched base")
    return [f"{reason}, or start the sweep first: it measures the base" for reason in found]


def _number(study: optuna.Study, run: FinishedRun) -> int | None:
    """Return which trial a training is already; None: none."""
    known = study.get_trials(deepcopy=False)
    return next((t.number for t in known if t.user_attrs.get(IMPORTED, {}).get("digest") == run.digest), None)


def _keep(coming: _Import, stores: Stores, tracking_uri: str | None, console: Console) -> str:
    """Keep it in this order: the study, MLflow's outbox, the ledger; imported again, it goes on after a crash."""
    plan, name = coming.plan, coming.plan.config.name
    stores.create()
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{plan.folder}: cannot make the folder: {error.strerror}; choose another --runs") from error
    with Lease.acquire(stores.study_url, name), studies.told(stores.study_url):
        study = studies.open_study(plan.config, stores.study_url, plan.inputs)
        # once more: another process may have imported it before this one had the lease
        if reasons := _study_faults(study, coming):
            raise ImportRefused(coming.run.recipe.path, reasons)
        outbox = Outbox(plan.folder / FOLDER)
        uri = TrackingUri.choose(tracking_uri, outbox, stores)
        uri.keep(outbox)
        with Courier(outbox, stores, name, uri, console):
            tracker = Tracker(outbox)
            if tracker.run_of(tracker.parent) is None:
                tracker.start_sweep(plan.tags)
                tracker.tag_experiment(experiment_tags(plan.config, outbox.id))
                tracker.finish(tracker.parent, FINISHED, "imported")
            if base_result(study) is None:
                _keep_base(coming, study, tracker)
            label = _keep_trial(coming, study, tracker)
            ledger = Ledger(stores.study_url, name)
            ledger.close_job(label, coming.fit.rung, DONE)
            publish(plan, study, tracker, ledger)
            ledger.close()
        outbox.close()
    values = "  ".join(f"{o.metric}={coming.scores.values[o.metric]:.4g}" for o in plan.config.objectives)
    sources = "".join(f"\n{metric}: {source}" for metric, source in coming.sources.items())
    return f"{label} of sweep {name} imported: {len(coming.run.steps)} logged steps, {values}{sources}"


def _keep_base(coming: _Import, study: optuna.Study, tracker: Tracker) -> None:
    found, label = scores.of_base(coming.run, coming.plan), trial_label(None)
    records.record_base(study, found.values, found.measurement)
    tracker.start_trial(label, {}, {**coming.plan.tags, "lorasweep.imported": "true"})
    tracker.log_measurement(label, found.values, found.measurement)
    tracker.finish(label, FINISHED, "complete")


def _keep_trial(coming: _Import, study: optuna.Study, tracker: Tracker) -> str:
    run, fitted, found = coming.run, coming.fit, coming.scores
    number = _number(study, run)
    if number is None:
        note = {"digest": run.digest, "files": [str(file.absolute()) for file in run.files]}
        config = coming.plan.config
        number = records.add_imported(study, config, fitted.params, found.values, found.measurement, note)
    label = trial_label(number)
    _drop_waiting(study, fitted.params, label)
    tags = {"lorasweep.imported": "true", "lorasweep.imported.digest": run.digest}
    tags |= {f"source.{metric}": source for metric, source in coming.sources.items()}
    tracker.start_trial(label, fitted.configuration, tags)
    tracker.log_steps(label, run.steps)
    tracker.log_files(label, _copy(run.files, coming.plan.folder / label))
    tracker.log_measurement(label, found.values, found.measurement, fitted.rung)
    tracker.finish(label, FINISHED, "complete")
    return label


def _drop_waiting(study: optuna.Study, params: Mapping[str, OptunaValue], label: str) -> None:
    """Have an enqueued configuration that was imported not run again."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        if trial.system_attrs.get("fixed_params") == dict(params):
            records.drop_waiting(study, trial, f"imported as {label}")


def _copy(files: tuple[Path, ...], folder: Path) -> list[Path]:
    """Copy what a run was read from, so that it stays; files of one name get a number."""
    folder.mkdir(parents=True, exist_ok=True)
    copies: list[Path] = []
    for file in files:
        names = [copy.name for copy in copies]
        name = file.name if file.name not in names else f"{len(copies)}-{file.name}"
        copies.append(folder / name)
        shutil.copyfile(file, copies[-1])
    return copies
