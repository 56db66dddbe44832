"""The short table: each task by itself, ours beside the best of all others that were run, on both measures."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.halving.measure import MEASURES
from tests.benchmarks.halving.report import Results, percent, quartiles, table

_COLUMNS = ("best other", "its median", "ours, median [quartiles]", "budget needed")


def write(results: Results, out: Path) -> None:
    """Write ``summary.md``, or ``summary-log.md``; nothing where ours or all others were not run."""
    if "ours" in results.methods and len(results.methods) > 1:
        text = "\n".join([*table(("task", *_header()), _rows(results)), "", *_medians(results)]) + "\n"
        (out / f"summary{results.suffix}.md").write_text(text)


def _header() -> Iterator[str]:
    for number, _ in zip(("(i)", "(ii)"), MEASURES, strict=True):
        yield from (f"{number} {column}" for column in _COLUMNS)


def _rows(results: Results) -> Iterator[tuple[str, ...]]:
    rivals = _rivals(results)
    for task in results.tasks:
        row = [task]
        for measure in MEASURES:
            found = results.compare(task, "ours", rivals, measure)
            theirs = statistics.median(results.finals(task, found.rival, measure))
            ours = quartiles(results.finals(task, "ours", measure))
            row += [found.rival, f"{theirs:.4f}", ours, percent(found.share)]
        yield tuple(row)


def _medians(results: Results) -> Iterator[str]:
    for measure in MEASURES:
        compared = [results.compare(task, "ours", _rivals(results), measure) for task in results.tasks]
        share, gain = (statistics.median(values) for values in zip(*((c.share, c.gain) for c in compared), strict=True))
        higher, over = sum(c.gain > 0 for c in compared), sum(c.share > 1 for c in compared)
        number = "(i)" if measure == MEASURES[0] else "(ii)"
        yield (
            f"- {number}: median of the budget needed {percent(share)}, over 100 % on {over} of {len(compared)} tasks; "
            f"final value higher on {higher}, by {gain:+.4f} in the median."
        )


def _rivals(results: Results) -> list[str]:
    return [method for method in results.methods if method != "ours"]
