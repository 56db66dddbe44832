"""Starting a sweep or going on with it: everything is checked and opened, then the scheduler runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

from rich.console import Console
from rich.text import Text

from search_spaces.load import Document
from sweeps import study as studies
from sweeps.config import SweepConfig, load_sweep
from sweeps.courier import Courier
from sweeps.export import export
from sweeps.generations import name_of
from sweeps.lease import Lease
from sweeps.ledger import Ledger
from sweeps.outbox import FOLDER, Outbox
from sweeps.plan import make_plan
from sweeps.publish import publish
from sweeps.read import Known
from sweeps.scheduler import Scheduler, SweepError
from sweeps.signals import Asked
from sweeps.stores import StoreError, Stores
from sweeps.tracking import Tracker
from sweeps.tracking_uri import TrackingUri
from sweeps.view import View, front_table
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
        unit, trials = "epochs" if config.halving is None else config.halving.unit, options.trials or config.trials
        with (
            Courier(outbox, stores, config.name, uri, console) as courier,
            View(console, config.objectives, trials, unit) as view,
            Asked() as asked,
        ):
            tracker = Tracker(outbox)
            tracker.start_sweep(plan.tags)
            publish(plan, study, tracker, ledger)
            scheduler = Scheduler(plan, study, tracker, ledger, lease, slots, view, trials, courier, asked)
            end = _end(scheduler, view)
        outbox.close()
        front = _conclude(Known.open(stores, config.name), plan.folder / "best", uri, console)
        return End.NO_FRONT if end is End.DONE and not front else end


def _end(scheduler: Scheduler, view: View) -> End:
    try:
        return End.DONE if scheduler.run() else End.STOPPED
    except SweepError as error:
        view.say(str(error))
        return End.GAVE_UP
    except StoreError:
        if scheduler.running:
            go_on = f"{', '.join(scheduler.running)}: trained on without this process"
            view.say(f"{go_on}; `lorasweep resume {scheduler.plan.config.name}` takes up what still runs")
        raise


def _conclude(known: Known, best: Path, uri: TrackingUri, console: Console) -> bool:
    """Print the front and export its knee, unless that was imported; returns whether there is one."""
    console.print(front_table(known.front, known.config.objectives, known.base))
    if known.front.knee is None:
        return False
    mlflow = f"lorasweep ui --runs {known.stores.root}" if uri.is_own else uri.shown
    if known.front.knee.imported:
        said = f"the knee, {known.front.knee.label}, was imported: there is no adapter of it to export"
    else:
        export(known, known.front.knee, best, replace=True)
        said = f"knee exported to {best}"
    console.print(Text(f"{said}\nMLflow: {mlflow}"), soft_wrap=True)
    return True
