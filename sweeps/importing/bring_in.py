"""``lorasweep import``: a finished run of others becomes a completed trial of a sweep and a run in MLflow."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import optuna
from optuna.trial import TrialState
from rich.console import Console

from search_spaces.distributions import OptunaValue
from sweeps import records
from sweeps import study as studies
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
    measured = scores.of_run(run, fitted, plan)
    objectives = [objective.metric for objective in plan.config.objectives]
    reasons = list(scores.lacking(measured, objectives, "the run"))
    is_new = stores.study_file is not None and not stores.study_file.exists()
    is_new = is_new or plan.config.name not in studies.study_names(stores.study_url)
    study = None if is_new else studies.load_study(plan.config.name, stores.study_url)
    reasons += _study_faults(study, run, plan)
    if reasons:
        raise ImportRefused(folder, reasons)
    return _keep(run, fitted, measured, plan, stores, tracking_uri, console)


def _study_faults(study: optuna.Study | None, run: FinishedRun, plan: Plan) -> list[str]:
    """Return why the study as it is now cannot take a run."""
    if study is not None:
        for trial in study.get_trials(deepcopy=False):
            if trial.user_attrs.get(IMPORTED, {}).get("digest") == run.digest:
                return [f"was imported before: it is {trial_label(trial.number)} of sweep {plan.config.name}"]
        if base_result(study) is not None:
            return []
    # the base is measured once: it must tell what gates and items-based objectives refer to
    measured = {metric for objective in plan.config.objectives for metric in [objective.metric] if metric in run.tuned}
    wanted = {name.removeprefix("base.") for gate in plan.config.gates for name in gate.bound.names} | measured
    found = list(scores.lacking(scores.of_base(run, plan), sorted(wanted), "the untouched base"))
    return [f"{reason}, or start the sweep first: it measures the base" for reason in found]


def _keep(
    run: FinishedRun,
    fitted: Fit,
    measured: Scores,
    plan: Plan,
    stores: Stores,
    tracking_uri: str | None,
    console: Console,
) -> str:
    stores.create()
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{plan.folder}: cannot make the folder: {error.strerror}; choose another --runs") from error
    name = plan.config.name
    with Lease.acquire(stores.study_url, name), studies.told(stores.study_url):
        study = studies.open_study(plan.config, stores.study_url, plan.inputs)
        # once more: another process may have imported it, or measured the base, before this one had the lease
        if reasons := _study_faults(study, run, plan):
            raise ImportRefused(run.recipe.path, reasons)
        outbox = Outbox(plan.folder / FOLDER)
        uri = TrackingUri.choose(tracking_uri, outbox, stores)
        uri.keep(outbox)
        with Courier(outbox, stores, name, uri, console):
            tracker = Tracker(outbox)
            if tracker.run_of(tracker.parent) is None:
                tracker.start_sweep(plan.tags)
                tracker.finish(tracker.parent, FINISHED, "imported")
            if base_result(study) is None:
                _keep_base(run, plan, study, tracker)
            label = _keep_trial(run, fitted, measured, plan, study, tracker)
            ledger = Ledger(stores.study_url, name)
            ledger.close_job(label, fitted.rung, DONE)
            ledger.close()
            publish(plan, study, tracker)
        outbox.close()
    values = "  ".join(f"{o.metric}={measured.values[o.metric]:.4g}" for o in plan.config.objectives)
    sources = "".join(f"\n{metric}: {source}" for metric, source in _shown_sources(measured, plan).items())
    return f"{label} of sweep {name} imported: {len(run.steps)} logged steps, {values}{sources}"


def _shown_sources(measured: Scores, plan: Plan) -> dict[str, str]:
    """Return where the metrics that the sweep goes by were read."""
    wanted = {*(objective.metric for objective in plan.config.objectives), *(gate.metric for gate in plan.config.gates)}
    return {metric: source for metric, source in measured.sources.items() if metric in wanted}


def _keep_base(run: FinishedRun, plan: Plan, study: optuna.Study, tracker: Tracker) -> None:
    found = scores.of_base(run, plan)
    records.record_base(study, found.values, found.measurement)
    label = trial_label(None)
    tracker.start_trial(label, {}, {**plan.tags, "lorasweep.imported": "true"})
    tracker.log_measurement(label, found.values, found.measurement)
    tracker.finish(label, FINISHED, "complete")


def _keep_trial(
    run: FinishedRun, fitted: Fit, measured: Scores, plan: Plan, study: optuna.Study, tracker: Tracker
) -> str:
    note = {"digest": run.digest, "files": [str(file.absolute()) for file in run.files]}
    number = records.add_imported(study, plan.config, fitted.params, measured.values, measured.measurement, note)
    label = trial_label(number)
    _drop_waiting(study, fitted.params, label)
    copies = _copy(run.files, plan.folder / label)
    tags = {"lorasweep.imported": "true", "lorasweep.imported.digest": run.digest}
    tags |= {f"source.{metric}": source for metric, source in _shown_sources(measured, plan).items()}
    tracker.start_trial(label, fitted.configuration, tags)
    tracker.log_steps(label, run.steps)
    tracker.log_files(label, copies)
    tracker.log_measurement(label, measured.values, measured.measurement, fitted.rung)
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
