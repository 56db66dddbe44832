"""Starting a sweep: everything is checked and opened, then the scheduler runs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console
from rich.text import Text

from sweeps import study as studies
from sweeps.config import load_sweep
from sweeps.courier import Courier
from sweeps.export import export
from sweeps.outbox import FOLDER, Outbox
from sweeps.plan import make_plan
from sweeps.publish import publish
from sweeps.read import Known
from sweeps.scheduler import Scheduler, SweepError, reconcile
from sweeps.stores import StoreError, Stores
from sweeps.tracking import Tracker
from sweeps.tracking_uri import TrackingUri
from sweeps.view import View, front_table
from trainer.files import write_whole
from trainer.launcher import kill_all
from trainer.slots import Slots


def run_sweep(file: Path, trials: int | None, runs: Path, console: Console, tracking_uri: str | None = None) -> bool:
    """Run the sweep of ``file`` to its end; returns whether its front has any trial.

    Args:
        trials: how many trials to end with; None: as many as the file says.
        runs: absolute folder of databases, artifacts and trials.
        tracking_uri: MLflow server or database; None: that of the sweep's last start, at first that of ``runs``.

    Raises:
        FileFaults, RecipeError, LoraError, DataError, SlotError, StoreError: the input is not fit to start; nothing was
            started.
        KeyboardInterrupt: the user stopped it; what was measured is kept.
    """
    config, document = load_sweep(file)
    stores = Stores(runs)
    plan = make_plan(config, document, stores)
    slots = Slots(config.slots.count, config.slots.workers, config.slots.devices)
    stores.create()
    with _held(plan.folder):
        # what an orchestrator that was killed left running holds cores or cards
        kill_all(plan.folder)
        study = studies.open_study(config, stores.study_url, plan.inputs)
        outbox = Outbox(plan.folder / FOLDER)
        uri = TrackingUri.choose(tracking_uri, outbox, stores)
        uri.keep(outbox)
        tracker = Tracker(outbox)
        with Courier(outbox, stores, config.name, uri, console) as courier:
            reconcile(plan, study, tracker)
            tracker.start_sweep(plan.tags)
            publish(plan, study, tracker)
            unit = "epochs" if config.halving is None else config.halving.unit
            with View(console, config.objectives, trials or config.trials, unit) as view:
                try:
                    Scheduler(plan, study, tracker, slots, view, trials or config.trials, courier).run()
                except SweepError as error:
                    view.say(str(error))
        outbox.close()
        known = Known.open(runs, config.name)
        return _conclude(known, plan.folder / "best", uri, console)


def _conclude(known: Known, best: Path, uri: TrackingUri, console: Console) -> bool:
    console.print(front_table(known.front, known.config.objectives, known.base))
    if known.front.knee is None:
        return False
    export(known, known.front.knee, best, replace=True)
    mlflow = f"lorasweep ui --runs {known.stores.root}" if uri.is_own else uri.shown
    console.print(Text(f"knee exported to {best}\nMLflow: {mlflow}"), soft_wrap=True)
    return True


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the sweep: no second process may run it. Raises ``StoreError`` that names who does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot make the folder: {error.strerror}; choose another --runs") from error
    holder = folder / "holder.json"
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        known = json.loads(holder.read_text(encoding="utf-8")) if holder.exists() else {}
        raise StoreError(
            f"sweep {folder.name} is running already: process {known.get('pid')} since {known.get('since')}; "
            f"wait for it, stop it, or give the sweep another name"
        ) from None
    try:
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        write_whole(holder, json.dumps({"pid": os.getpid(), "since": since}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
