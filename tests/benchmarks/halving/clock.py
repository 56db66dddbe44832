"""Simulated asynchronous workers: a job of n epochs takes n units of time, deciding takes none.

The budget counts epochs. It is the same for all methods: a job that does not fit into what is left is not started, no
job is cut short, and jobs that run are finished. A method is told how much is left and may choose a job that fits.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tests.benchmarks.halving.problem import Array, Config


@dataclass(frozen=True)
class Step:
    """A job: train this trial from after ``start_epoch`` until after ``end_epoch``."""

    trial: int
    config: Config
    start_epoch: int
    end_epoch: int

    @property
    def cost(self) -> int:
        """Epochs."""
        return self.end_epoch - self.start_epoch


@dataclass(frozen=True)
class Job:
    """A step and the time at which it started."""

    step: Step
    started: int

    @property
    def ended(self) -> int:
        """The time at which it ended."""
        return self.started + self.step.cost


class Method(Protocol):
    """Chooses the jobs."""

    def next(self, left: int) -> Step | None:
        """Return a job for a worker that is free, of at most ``left`` epochs; None: nothing before another job ends."""

    def report(self, step: Step, values: Array) -> Step | None:
        """Take note of the objectives after the job's last epoch.

        Returns:
            What the worker does next without being asked for: a trial that is not stopped goes on. None: it is free.
        """


def simulate(method: Method, curve: Callable[[Config], Array], budget: int, workers: int) -> list[Job]:
    """Return the jobs in the order of their starts.

    Args:
        curve: configuration -> objectives after each epoch, (epochs, objectives).
        budget: epochs, of all workers together.

    Raises:
        ValueError: a method returned a job of no epochs.
    """
    jobs: list[Job] = []
    running: list[tuple[int, int]] = []  # when it ends, its place in `jobs`
    now, left, exhausted = 0, budget, False

    def start(step: Step) -> None:
        nonlocal left, exhausted
        if step.cost < 1:
            raise ValueError(f"`start_epoch < end_epoch` must hold, but got {step.start_epoch} and {step.end_epoch}")
        if exhausted or step.cost > left:
            exhausted = True
            return
        left -= step.cost
        jobs.append(Job(step, now))
        heapq.heappush(running, (jobs[-1].ended, len(jobs) - 1))

    while True:
        while len(running) < workers and left > 0 and not exhausted and (step := method.next(left)) is not None:
            start(step)
        if not running:
            return jobs
        now, ended = heapq.heappop(running)
        step = jobs[ended].step
        onward = method.report(step, curve(step.config)[step.end_epoch - 1])
        if onward is not None:
            start(onward)
