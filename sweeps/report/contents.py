"""What the data files of a trial hold, read once, item by item: there may be a million."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from evaluation.items import stream
from trainer.job import Job
from trainer.transforms import kind_of


@dataclass(frozen=True)
class Contents:
    """Counts of items.

    Attributes:
        kinds: kind -> how many of it the training file has; empty for those without.
        measured: protocol -> how many are measured.
        shared: how many that are measured the training file has, too, as they are; None: it is of another protocol.
    """

    kinds: Mapping[str, int]
    measured: Mapping[str, int]
    shared: int | None

    @classmethod
    def read(cls, job: Job) -> Contents:
        """Read the files; raises ``DataError`` where one is broken."""
        measured: dict[str, int] = {}
        asked: list[tuple[str, ...]] = []
        for benchmark in job.benchmarks:
            items = islice(stream(benchmark.protocol, benchmark.file), benchmark.items)
            texts = [tuple(item.fields.values()) for item in items]
            measured[benchmark.protocol] = len(texts)
            if benchmark.protocol == job.protocol:
                asked = texts
        kinds: Counter[str] = Counter()
        left = set(asked)
        for item in stream(job.protocol, job.train):
            kinds[kind_of(item, job.protocol)] += 1
            left.discard(tuple(item.fields.values()))
        shared = sum(text not in left for text in asked)
        return cls(kinds, measured, shared if job.protocol in measured else None)
