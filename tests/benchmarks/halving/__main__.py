"""Halving against the others on LCBench: runs what is missing in OUT, then writes a table and pictures there.

    python -m tests.benchmarks.halving --out OUT [--tasks 3945 7593 ...] [--seeds 10] [--methods ours tpe ...]

Needs the packages of requirements-benchmark.lock. A run that was stopped goes on; what was run before is not run again,
unless its method is named in ``--again``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.benchmarks.halving.problem import DATA, TASKS
from tests.benchmarks.halving.run import METHODS, Case, Record, load, run


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.halving", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--tasks", nargs="+", default=TASKS, help="OpenML's numbers")
    parser.add_argument("--seeds", type=int, default=10, help="so many, from 0")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--budget", type=int, default=5200, help="epochs of a run")
    parser.add_argument("--workers", type=int, default=4, help="simulated workers of a run")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--log-params", action="store_true", help="parameters count by their logarithm")
    parser.add_argument("--again", nargs="+", default=(), choices=METHODS, help="methods to run once more")
    parser.add_argument("--measure-again", action="store_true", help="of what was run, take the measures once more")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the surrogate")
    return parser.parse_args()


def main() -> None:
    """Run, then report."""
    arguments = _arguments()
    cases = [
        Case(task, method, seed, arguments.budget, arguments.workers)
        for task in arguments.tasks
        for method in arguments.methods
        for seed in range(arguments.seeds)
    ]
    for case in cases:
        if case.method in arguments.again or arguments.measure_again:
            case.path(arguments.out).unlink(missing_ok=True)
        if case.method in arguments.again:
            case.path(arguments.out).with_suffix(".npz").unlink(missing_ok=True)
    records = list(_records(cases, arguments))
    # matplotlib takes a second: not in the processes that only run
    from tests.benchmarks.halving import picture, report, summary

    results = report.Results.of(records, arguments.tasks, arguments.methods, arguments.log_params)
    print(report.write(results, arguments.out))
    summary.write(results, arguments.out)
    picture.write(results, arguments.out)


def _records(cases: Sequence[Case], arguments: argparse.Namespace) -> Iterator[Record]:
    missing = []
    for case in cases:
        kept = load(case, arguments.out)
        if kept is None:
            missing.append(case)
        else:
            yield kept
    # read at a process's start: two processes on two cores, each with one thread
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    started = time.monotonic()
    with ProcessPoolExecutor(arguments.jobs, multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(run, case, arguments.data, arguments.out) for case in missing]
        try:
            for done, future in enumerate(as_completed(futures), 1):
                record = future.result()
                yield record
                spent = time.monotonic() - started
                final = record.volumes["paid"][-1]
                case = record.case
                print(
                    f"{done}/{len(missing)} {spent:.0f} s: task {case.task} {case.method} seed {case.seed}: "
                    f"{record.trials} trials, {final:.4f}, {record.seconds:.1f} s",
                    file=sys.stderr,
                    flush=True,
                )
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


if __name__ == "__main__":
    main()
