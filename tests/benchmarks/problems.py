"""What contest math costs: ``python -m tests.benchmarks.problems [ROWS]``, 810,000 unless told, in processor time.

Rows in the contest's proportions are generated; then a sample of them is recognized, rounded and worked out.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from itertools import islice

from trainer.problems import SHARES, generate, kind_of, rounded, steps

SAMPLE = 20_000


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 810_000
    rows = generate(SHARES, "zh", count, 0)
    start = time.process_time()
    sample = list(islice(rows, SAMPLE))
    given = len(sample) + sum(1 for _ in rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"generate: {given:,} rows in {time.process_time() - start:.1f} s, peak memory {peak:.0f} MiB")
    report("kind_of", sample, lambda row: kind_of(row["problem"]))
    report("rounded", sample, lambda row: rounded(row["solution"], 6))
    report("steps", sample, lambda row: steps(row["problem"], row["solution"]))


def report(name: str, sample: list[dict[str, str]], call: Callable[[dict[str, str]], object]) -> None:
    start = time.process_time()
    for row in sample:
        call(row)
    print(f"{name}: {1e6 * (time.process_time() - start) / len(sample):.1f} us a row")


if __name__ == "__main__":
    main()
