"""The script that msrun starts, one process a card: MindFormers' Trainer, then the benchmarks, or a part of these.

Does not choose anything: what to train with stands in the recipe, what to measure in the job file.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import time
from pathlib import Path


def main() -> None:
    """Do the stages named on the command line; rank 0 writes what they gave."""
    # for trainer.stacks: where this process stands, should it hang
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--job", type=Path, required=True)
    parser.add_argument("--stages", type=lambda text: text.split(","), required=True)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--measurement", type=Path, default=Path("measurement.json"))
    arguments = parser.parse_args()

    from trainer.job import Job
    from trainer.paths import TrialPaths

    job = Job.read(arguments.job)
    if job.cores:
        # before mindspore starts its threads, which inherit it
        os.sched_setaffinity(0, job.cores)
    if os.environ.get("MS_ROLE") == "MS_SCHED" and not _is_parallel(arguments.recipe):
        # msrun starts the script once more as the cluster's scheduler: without a cluster there is nothing to schedule
        return

    from trainer import session

    started = time.monotonic()
    run = session.Session(job, arguments.recipe, TrialPaths(Path.cwd()))
    if "train" in arguments.stages:
        run.train()
    elif arguments.adapter is not None:
        run.load_adapter(arguments.adapter)
    run.measure([benchmark for benchmark in job.benchmarks if benchmark.protocol in arguments.stages])
    run.finish(arguments.measurement, time.monotonic() - started)


def _is_parallel(recipe: Path) -> bool:
    import yaml

    return bool(yaml.safe_load(recipe.read_text(encoding="utf-8")).get("use_parallel"))


if __name__ == "__main__":
    main()
