"""Starting a sweep or going on with it: everything is checked and opened, then the scheduler runs."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

from rich.console import Console
from rich.text import Text

from search_spaces.load import Document
from sweeps import address
from sweeps import study as studies
from sweeps.compare import experiment_tags
from sweeps.config import SweepConfig, load_sweep
from sweeps.courier import Courier
from sweeps.export import export
from sweeps.generations import name_of
from sweeps.lease import Lease
from sweeps.ledger import Ledger
from sweeps.live import View
from sweeps.notifying import notices_of
from sweeps.outbox import FOLDER, Outbox
from sweeps.plan import make_plan
from sweeps.read import Known
from sweeps.scheduler import Scheduler, SweepError
from sweeps.signals import Asked
from sweeps.stores import StoreError, Stores
from sweeps.tracking import Tracker
from sweeps.tracking_uri import TrackingUri
from sweeps.view import front_table
from trainer.slots import Slots


class End(IntEnum):
    """How a sweep ended: the command's exit code."""

    DONE = 0
    NO_FRONT = 1
    GAVE_UP = 3
    STOPPED = 130


@dataclass(frozen=True)
class Options:
    """How a sweep is run.

    Attributes:
        stores: where databases, artifacts and trials lie.
        console: where to show it.
        trials: how many trials to end with; None: as many as the file says.
        tracking_uri: MLflow server or database; None: that of the sweep's last start, at first that of ``stores``.
        accept_changes: start a new generation where settings or data are others than when the sweep was started.
    """

    stores: Stores
    console: Console
    trials: int | None = None
    tracking_uri: str | None = None
    accept_changes: bool = False


def run_file(file: Path, options: Options) -> End:
    """Run the sweep of ``file`` to its end, or go on with it.

    Raises:
        FileFaults, RecipeError, LoraError, DataError, SlotError, StoreError: the input is not fit to start; nothing was
            started.
        LeaseLost: another process runs the sweep now.
    """
    config, document = load_sweep(file)
    return _run(config, document, options)


def resume(name: str | None, options: Options) -> End:
    """Go on with a sweep as it was started last; otherwise as ``run_file``."""
    config = Known.open(options.stores, name).config
    return _run(config, Document(options.stores.sweep(config.name)), options)


def _run(config: SweepConfig, document: Document, options: Options) -> End:
    stores, console = options.stores, options.console
    plan = make_plan(config, document, stores)
    webhook = None if config.notify is None else config.notify.take_webhook(os.environ)
    slots = Slots(config.slots.count, config.slots.workers, config.slots.devices)
    stores.create()
    name = name_of(config, stores.study_url, plan.inputs, options.accept_changes)
    if name != config.name:
        config = config.model_copy(update={"name": name})
        plan = replace(plan, config=config, folder=stores.sweep(name))
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{plan.folder}: cannot make the folder: {error.strerror}; choose another --runs") from error
    with Lease.acquire(stores.study_url, config.name) as lease, studies.told(stores.study_url):
        study = studies.open_study(config, stores.study_url, plan.inputs)
        ledger = Ledger(stores.study_url, config.name)
        # what was asked of the process before is none of this one's
        ledger.take_requests()
        for slot in ledger.quarantined():
            # whoever starts the sweep again has seen to it
            ledger.release_quarantine(slot.host, slot.slot)
        outbox = Outbox(plan.folder / FOLDER)
        uri = TrackingUri.choose(options.tracking_uri, outbox, stores)
        uri.keep(outbox)
        trials = options.trials or config.trials
        studies.save_trials(study, trials)
        with (
            notices_of(plan, webhook, lambda: address.remote(outbox, uri), console) as notices,
            Courier(outbox, stores, config.name, uri, console) as courier,
            View(console, config.objectives, config.unit) as view,
            Asked() as asked,
        ):
            tracker = Tracker(outbox)
            tracker.start_sweep(plan.tags)
            tracker.tag_experiment(experiment_tags(config, outbox.id))
            scheduler = Scheduler(plan, study, tracker, ledger, lease, slots, view, trials, courier, asked, notices)
            end = _end(scheduler, view)
        mlflow = address.said(outbox, uri, stores)
        outbox.close()
        found = _conclude(Known.open(stores, config.name), plan.folder / "best", mlflow, console)
        return End.NO_FRONT if end is End.DONE and not found else end


def _end(scheduler: Scheduler, view: View) -> End:
    reason = None
    try:
        end = End.DONE if scheduler.run() else End.STOPPED
    except SweepError as error:
        reason, end = str(error), End.GAVE_UP
        view.say(reason)
    except OSError as error:
        # a full disk, a folder that may not be written
        go_on = f"what runs trains on, `lorasweep resume {scheduler.plan.config.name}` takes it up"
        reason, end = f"{error}; {go_on}", End.GAVE_UP
        view.say(reason)
    except StoreError as error:
        if scheduler.notices is not None:
            scheduler.notices.ended("failed", str(error))
        if scheduler.running:
            go_on = f"{', '.join(scheduler.running)}: trained on without this process"
            view.say(f"{go_on}; `lorasweep resume {scheduler.plan.config.name}` takes up what still runs")
        raise
    if scheduler.notices is not None:
        scheduler.notices.ended({End.DONE: "complete", End.STOPPED: "stopped"}.get(end, "failed"), reason)
    return end


def _conclude(known: Known, best: Path, mlflow: str, console: Console) -> bool:
    """Print the front and export its knee, unless that was imported; returns whether there is one."""
    console.print(front_table(known.front, known.config.objectives, known.base))
    if known.front.knee is None:
        return False
    if known.front.knee.imported:
        said = f"the knee, {known.front.knee.label}, was imported: there is no adapter of it to export"
    else:
        export(known, known.front.knee, best, replace=True)
        said = f"knee exported to {best}"
    console.print(Text(f"{said}\nMLflow: {mlflow}"), soft_wrap=True)
    return True
