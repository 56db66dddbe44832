"""The tables: final hypervolumes, epochs needed, and the bars."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.halving.measure import MEASURES, epochs_to_reach
from tests.benchmarks.halving.run import Record

RIVALS = {
    "Optuna and MOASHA as it is": ("random", "tpe", "nsga2", "moasha"),
    "these and random with our halving": ("random", "tpe", "nsga2", "moasha", "ours-random"),
    "these and MOASHA repaired": ("random", "tpe", "nsga2", "moasha", "ours-random", "moasha-repaired"),
}
"""Whom ours is compared with; the best of them is chosen on each task by its median final hypervolume."""

_TITLES = {
    "paid": "(i) every paid epoch of every method counts",
    "full": "(ii) only trials at the last epoch count",
}


@dataclass(frozen=True)
class Comparison:
    """Ours and the best rival on one task.

    Attributes:
        share: epochs that ours needs to reach the rival's median final hypervolume, of the budget, median over seeds;
            infinite where half of the seeds or more never reach it.
        gain: median final hypervolume, ours less the rival's.
    """

    rival: str
    share: float
    gain: float


@dataclass(frozen=True)
class Results:
    """All records, and how to read them."""

    records: dict[tuple[str, str], list[Record]]
    tasks: Sequence[str]
    methods: Sequence[str]
    log: bool

    @classmethod
    def of(cls, records: Sequence[Record], tasks: Sequence[str], methods: Sequence[str], log: bool) -> Results:
        """Put records in order."""
        grouped: dict[tuple[str, str], list[Record]] = {(task, method): [] for task in tasks for method in methods}
        for record in sorted(records, key=lambda record: record.case.seed):
            grouped[record.case.task, record.case.method].append(record)
        return cls(grouped, tasks, methods, log)

    @property
    def suffix(self) -> str:
        """What the names of measures and files end in."""
        return "-log" if self.log else ""

    def curves(self, task: str, method: str, measure: str) -> list[Sequence[float]]:
        """Return the hypervolumes over the checkpoints, one a seed."""
        return [record.volumes[measure + self.suffix] for record in self.records[task, method]]

    def checkpoints(self) -> Sequence[int]:
        """Return the paid epochs that go with them."""
        return next(iter(self.records.values()))[0].checkpoints

    def finals(self, task: str, method: str, measure: str) -> list[float]:
        """Return the final hypervolumes, one a seed."""
        return [curve[-1] for curve in self.curves(task, method, measure)]

    def compare(self, task: str, method: str, rivals: Sequence[str], measure: str) -> Comparison:
        """Compare ``method`` with the best of ``rivals``."""
        medians = {rival: statistics.median(self.finals(task, rival, measure)) for rival in rivals}
        best = max(medians, key=medians.__getitem__)
        checkpoints = self.checkpoints()
        needed = [epochs_to_reach(c, checkpoints, medians[best]) for c in self.curves(task, method, measure)]
        gain = statistics.median(self.finals(task, method, measure)) - medians[best]
        return Comparison(best, statistics.median(needed) / checkpoints[-1], gain)


def write(results: Results, out: Path) -> str:
    """Write ``table.md`` and ``table.json``, or ``table-log.md`` and so on; returns the former."""
    lines = [*_bars(results), *_finals(results), *_needed(results), *_costs(results)]
    text = "\n".join(lines) + "\n"
    (out / f"table{results.suffix}.md").write_text(text)
    (out / f"table{results.suffix}.json").write_text(json.dumps(_figures(results), indent=1))
    return text


def _bars(results: Results) -> Iterator[str]:
    if "ours" not in results.methods:
        return
    yield "## Bars\n"
    tasks = len(results.tasks)
    header = (
        "against the best of",
        "(i) epochs needed, median over tasks (bar: 40 %, goal: 25 %)",
        f"(i) tasks over 100 % (bar: {tasks // 10})",
        f"(i) tasks with a higher final value (bar: {_wanted(tasks)})",
        "(ii) final value, ours less theirs, median over tasks (bar: 0)",
    )
    yield from table(header, _bar_rows(results))


def _wanted(tasks: int) -> int:
    return math.ceil(tasks * 10 / 12)


def _rivals(results: Results, method: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the groups of ``method``'s rivals: those that were run, no group twice."""
    seen = set()
    for name, members in RIVALS.items():
        there = tuple(member for member in members if member in results.methods and member != method)
        if there and there not in seen:
            seen.add(there)
            yield name, there


def _bar_rows(results: Results) -> Iterator[tuple[str, ...]]:
    for name, rivals in _rivals(results, "ours"):
        paid = [results.compare(task, "ours", rivals, "paid") for task in results.tasks]
        full = [results.compare(task, "ours", rivals, "full") for task in results.tasks]
        yield (
            name,
            percent(statistics.median(c.share for c in paid)),
            f"{sum(c.share > 1 for c in paid)} of {len(paid)}",
            f"{sum(c.gain > 0 for c in paid)} of {len(paid)}",
            f"{statistics.median(c.gain for c in full):+.4f}",
        )


def _finals(results: Results) -> Iterator[str]:
    parameters = "the logarithm of the parameters" if results.log else "the parameters"
    for measure in MEASURES:
        yield f"\n## Final hypervolume, {_TITLES[measure]}\n"
        yield f"Median [quartiles] over seeds; objectives: accuracy, cross entropy, {parameters}.\n"
        rows = (
            (task, *(quartiles(results.finals(task, method, measure)) for method in results.methods))
            for task in results.tasks
        )
        yield from table(("task", *results.methods), rows)


def _needed(results: Results) -> Iterator[str]:
    for measure in MEASURES:
        for method in ("ours", "ours-random"):
            groups = dict(_rivals(results, method))
            if method not in results.methods or not groups:
                continue
            yield f"\n## Epochs that {method} needs for the best one's final hypervolume, {_TITLES[measure]}\n"
            yield "Of the budget, median over seeds; in brackets who the best one is.\n"
            rows = []
            for task in results.tasks:
                compared = [results.compare(task, method, rivals, measure) for rivals in groups.values()]
                rows.append((task, *(f"{percent(c.share)} ({c.rival})" for c in compared)))
            yield from table(("task", *groups), rows)


def _costs(results: Results) -> Iterator[str]:
    yield "\n## What was run\n"
    yield "Medians over tasks and seeds; choosing: processor time of a whole run, the simulation included.\n"
    rows = []
    for method in results.methods:
        records = [record for task in results.tasks for record in results.records[task, method]]
        rows.append(
            (
                method,
                f"{statistics.median(r.trials for r in records):g}",
                f"{statistics.median(r.whole for r in records):g}",
                f"{statistics.median(r.epochs for r in records):g}",
                f"{statistics.median(r.seconds for r in records):.1f} s",
            )
        )
    yield from table(("method", "trials", "at the last epoch", "paid epochs", "choosing"), rows)


def _figures(results: Results) -> dict[str, object]:
    return {
        measure: {
            task: {
                "final": {method: results.finals(task, method, measure) for method in results.methods},
                "ours": {
                    name: vars(results.compare(task, "ours", rivals, measure))
                    for name, rivals in _rivals(results, "ours")
                }
                if "ours" in results.methods
                else None,
            }
            for task in results.tasks
        }
        for measure in MEASURES
    }


def table(header: Sequence[str], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield f"| {' | '.join(header)} |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def quartiles(values: Sequence[float]) -> str:
    """Return median and quartiles as a cell."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:.4f} [{low:.4f}, {high:.4f}]"


def percent(share: float) -> str:
    """Return a share of the budget as a cell; infinite: never reached."""
    return f"{share:.1%}".replace("%", " %") if math.isfinite(share) else "never"
