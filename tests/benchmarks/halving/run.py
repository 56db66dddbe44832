"""One method with one seed on one task, and what is kept of it, so that a benchmark that was stopped goes on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tests.benchmarks.halving import measure
from tests.benchmarks.halving.clock import Job, Method, Step, simulate
from tests.benchmarks.halving.full_fidelity import full_fidelity
from tests.benchmarks.halving.moasha import Moasha
from tests.benchmarks.halving.ours import Halving
from tests.benchmarks.halving.problem import Config, LCBench, Problem

METHODS = ("ours", "ours-random", "random", "tpe", "nsga2", "moasha", "moasha-repaired")
CHECKPOINTS = 400  # over the budget: the resolution of "epochs needed to reach"
_SCALE_CONFIGS = 2000


@dataclass(frozen=True)
class Case:
    """What is run."""

    task: str
    method: str
    seed: int
    budget: int
    workers: int

    def path(self, out: Path) -> Path:
        """Return where its record lies; beside it, as .npz, lie its jobs."""
        return out / "runs" / f"{self.task}_{self.method}_{self.seed}.json"


@dataclass(frozen=True)
class Record:
    """What came of a case.

    Attributes:
        checkpoints: paid epochs.
        volumes: measure, with ``-log`` where parameters count by their logarithm -> hypervolume at each checkpoint.
        trials: how many were started.
        whole: how many of them reached the last epoch.
        epochs: paid for.
        seconds: of processor time that choosing took, in all.
    """

    case: Case
    checkpoints: Sequence[int]
    volumes: Mapping[str, Sequence[float]]
    trials: int
    whole: int
    epochs: int
    seconds: float


def load(case: Case, out: Path) -> Record | None:
    """Return what was kept of a case; None: nothing.

    Raises:
        ValueError: it was run with another budget or number of workers.
    """
    path = case.path(out)
    if not path.exists():
        return None
    written = json.loads(path.read_text())
    kept = Record(**written | {"case": Case(**written["case"])})
    if kept.case != case:
        raise ValueError(f"{path}: is of {kept.case}, expected {case}; choose another --out")
    return kept


def run(case: Case, data: Path, out: Path) -> Record:
    """Run a case and keep it; of a case whose record is gone but whose jobs are there only the measures are taken."""
    problem = LCBench(case.task, data)
    path = case.path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.with_suffix(".npz").exists():
        jobs, seconds = _read_jobs(path.with_suffix(".npz"), problem)
    else:
        started = time.process_time()
        jobs = simulate(_method(case.method, problem, case.seed), problem.curve, case.budget, case.workers)
        seconds = time.process_time() - started
        _write_jobs(jobs, seconds, path.with_suffix(".npz"), problem)
    record = _measured(case, jobs, seconds, problem, data)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(asdict(record)))
    part.replace(path)
    return record


def _method(name: str, problem: Problem, seed: int) -> Method:
    if name.startswith("ours"):
        return Halving(problem, seed, model=name == "ours")
    if name.startswith("moasha"):
        return Moasha(problem, seed, repaired=name == "moasha-repaired")
    return full_fidelity(problem, name, seed)


def _measured(case: Case, jobs: Sequence[Job], seconds: float, problem: LCBench, data: Path) -> Record:
    paid = measure.paid(jobs, problem.curve)
    checkpoints = np.linspace(0, case.budget, CHECKPOINTS + 1)[1:].round().astype(int).tolist()
    volumes = {
        name + ("-log" if log else ""): measure.anytime(paid, _scale(case.task, data, log), name, checkpoints)
        for name in measure.MEASURES
        for log in (False, True)
    }
    trials = len({job.step.trial for job in jobs})
    return Record(case, checkpoints, volumes, trials, int(paid.last.sum()), len(paid.values), seconds)


@cache
def _scale(task: str, data: Path, log: bool) -> measure.Scale:
    """Return the scale of a task: of 2,000 configurations at random, always the same ones, after every epoch."""
    problem = LCBench(task, data)
    rng = np.random.default_rng(0)
    configs: list[Config] = [
        {name: values.draw(rng) for name, values in problem.space.items()} for _ in range(_SCALE_CONFIGS)
    ]
    # in pieces: the surrogate's activations for all at once take a gigabyte
    curves = [problem.curves(configs[i : i + 100]) for i in range(0, len(configs), 100)]
    return measure.Scale.of(np.concatenate(curves).reshape(-1, 3), log)


def _write_jobs(jobs: Sequence[Job], seconds: float, path: Path, problem: Problem) -> None:
    numbers = [(job.step.trial, job.step.start_epoch, job.step.end_epoch, job.started) for job in jobs]
    configs = {job.step.trial: [job.step.config[name] for name in problem.space] for job in jobs}
    part = path.with_suffix(f".{os.getpid()}.npz")
    np.savez_compressed(part, jobs=numbers, trials=list(configs), configs=list(configs.values()), seconds=seconds)
    part.replace(path)


def _read_jobs(path: Path, problem: Problem) -> tuple[list[Job], float]:
    with np.load(path) as kept:
        rows, trials, values = kept["jobs"].tolist(), kept["trials"].tolist(), kept["configs"].tolist()
        seconds = float(kept["seconds"])
    configs = {n: dict(zip(problem.space, row, strict=True)) for n, row in zip(trials, values, strict=True)}
    return [Job(Step(n, configs[n], start, end), started) for n, start, end, started in rows], seconds
