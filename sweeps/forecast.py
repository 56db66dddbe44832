"""What a sweep with successive halving is expected to run, and what it saves. Pure arithmetic, no I/O.

A fidelity unit is an epoch or a step, whichever the rungs are in. Follows the rules of ``sweeps.tuner`` for what starts
and what goes on. Every promotion is counted and no trial fails, so a sweep that is stopped early, or whose trials fail,
runs less. The untouched base, which is measured once, is left out.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sweeps.halving import quota

_HOUR = 3600.0
_LEFT_OVER = 100_000  # of so many trials at most it is worked out that they go on with what is left over


@dataclass(frozen=True)
class Rung:
    """The jobs that train trials to one rung.

    Attributes:
        fidelity: where they end, in units since the start of the training.
        jobs: how many.
        units: what each trains: from the last rung, where its trial stopped, to this one.
        card_hours: of all of them, start-up and evaluation included.
    """

    fidelity: int
    jobs: int
    units: int
    card_hours: float


@dataclass(frozen=True)
class Forecast:
    """What a sweep costs.

    Attributes:
        rungs: in ascending order.
        units_without: that all trials would train, each to the last rung in one job.
        card_hours_without: of that.
    """

    rungs: tuple[Rung, ...]
    units_without: int
    card_hours_without: float

    @property
    def jobs(self) -> int:
        """Jobs of all rungs."""
        return sum(rung.jobs for rung in self.rungs)

    @property
    def units(self) -> int:
        """Units that are trained in all rungs together."""
        return sum(rung.jobs * rung.units for rung in self.rungs)

    @property
    def card_hours(self) -> float:
        """Of all rungs together."""
        return sum(rung.card_hours for rung in self.rungs)

    @property
    def saved(self) -> float:
        """Share of the card-hours without halving; below zero where jobs take longer to start than to train."""
        return 1 - self.card_hours / self.card_hours_without if self.card_hours_without else 0.0


def steps_per_epoch(rows: int, batch_size: int, workers: int) -> int:
    """Return the steps of an epoch with ``drop_remainder``.

    MindDataset gives each worker as many rows as the others, some of them twice where they do not divide: the rows of a
    worker are rounded up, its batches down.

    Args:
        rows: items of the training file that fit ``seq_length``.
        batch_size: of each worker, times ``gradient_accumulation_steps``.
    """
    return -(-rows // workers) // batch_size


def expected_jobs(
    trials: int, rungs: Sequence[int], eta: float, units: float = math.inf, *, fill: bool = False
) -> list[int]:
    """Return how many jobs end at each rung: of n trials there floor(n / eta) go on, where units are left at least 1.

    So many does asynchronous halving promote once all are measured (Li et al., "A system for massively parallel
    hyperparameter tuning", MLSys 2020; see ``sweeps.halving``).

    Args:
        trials: no more than ``affordable``.
        rungs: fidelities, ascending.
        eta: of so many trials one goes on.
        units: that may be trained.
        fill: whether more go on as long as units are left, as where these end the sweep: at the highest rungs first.

    Raises:
        ValueError: ``rungs`` is empty, does not ascend from 1 or more, ``eta`` is not above 1 or ``trials`` is below 0.
    """
    _check(rungs, eta)
    if trials < 0:
        raise ValueError(f"trials >= 0 must hold, but got {trials}")
    jobs, costs = _quotas(trials, rungs, eta), _differences(rungs)
    left = units - _cost(jobs, rungs)
    for _ in range(_LEFT_OVER):
        more = (
            rung
            for rung in reversed(range(1, len(rungs)))
            if costs[rung] <= left and (0 == jobs[rung] < jobs[rung - 1] or (fill and jobs[rung] < jobs[rung - 1]))
        )
        if (rung := next(more, None)) is None:
            break
        jobs[rung] += 1
        left -= costs[rung]
    return jobs


def forecast(
    rungs: Sequence[int],
    eta: float,
    trials: int,
    *,
    seconds_per_unit: float,
    seconds_per_job: float = 0.0,
    cards: int = 1,
    units: float = math.inf,
    fill: bool = False,
) -> Forecast:
    """Forecast a sweep.

    Args:
        rungs: fidelities, ascending; the last is the whole training.
        eta: of so many trials at a rung one goes on.
        trials: that are started.
        seconds_per_unit: of training: of an epoch, ``steps_per_epoch`` times a step's.
        seconds_per_job: of starting up and measuring, which each job of a trial does again.
        cards: of a job.
        units: that may be trained.
        fill: as in ``expected_jobs``.

    Raises:
        ValueError: as ``expected_jobs``.
    """

    def hours(jobs: int, each: int) -> float:
        return jobs * (each * seconds_per_unit + seconds_per_job) * cards / _HOUR

    parts = zip(rungs, expected_jobs(trials, rungs, eta, units, fill=fill), _differences(rungs), strict=True)
    return Forecast(
        tuple(Rung(fidelity, jobs, each, hours(jobs, each)) for fidelity, jobs, each in parts),
        trials * rungs[-1],
        hours(trials, rungs[-1]),
    )


def affordable(units: float, rungs: Sequence[int], eta: float) -> int:
    """Return how many trials ``units`` let start: each, and all that may then go on, must fit (``Tuner.may_start``).

    Raises:
        ValueError: as ``expected_jobs``, or ``units`` is not finite.
    """
    _check(rungs, eta)
    if not math.isfinite(units):
        raise ValueError(f"a finite number of units is needed, but got {units}")
    return largest(int(units // rungs[0]), units, lambda trials: _cost(_quotas(trials, rungs, eta), rungs))


def largest(most: int, budget: float, cost: Callable[[int], float]) -> int:
    """Return the largest number from 0 to ``most`` whose cost, which grows with it, is within the budget."""
    return bisect_right(range(1, max(0, most) + 1), budget, key=cost)


def _quotas(trials: int, rungs: Sequence[int], eta: float) -> list[int]:
    jobs = [trials]
    while len(jobs) < len(rungs):
        jobs.append(quota(jobs[-1], eta))
    return jobs


def _cost(jobs: Sequence[int], rungs: Sequence[int]) -> int:
    return sum(count * each for count, each in zip(jobs, _differences(rungs), strict=True))


def _differences(rungs: Sequence[int]) -> list[int]:
    """Return what a trial trains from one rung to the next, from the base on."""
    return [after - before for before, after in pairwise([0, *rungs])]


def _check(rungs: Sequence[int], eta: float) -> None:
    if not rungs or min(_differences(rungs)) < 1:
        raise ValueError(f"rungs must ascend from 1 or more, but got {list(rungs)}")
    if not eta > 1:
        raise ValueError(f"eta > 1 must hold, but got {eta}")
