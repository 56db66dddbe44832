"""How long a free slot waits for a suggestion: ``python -m tests.benchmarks.suggest [TRIALS]``, 1,000 unless told.

Four objectives, one of them known before a run, two gates, three rungs, a space as LoRA's. What was measured is made
up: only the time counts, in milliseconds of processor time. Each suggestion is asked for right after a measurement,
before anything was learned of it; among these is the measurement at which kernels are due again, as whenever there are
a quarter more: so many trials are there beyond those asked for. Learning follows, while launches run (``Tuner.learn``).
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from search_spaces.distributions import CategoricalParameter, FloatParameter, IntParameter, SubsetParameter
from search_spaces.space import SearchSpace
from sweeps.learning import due
from sweeps.tuner import Tuner

TARGETS = ("wq", "wk", "wv", "wo")
SPACE = SearchSpace(
    {
        "learning_rate": FloatParameter(type="float", low=1e-5, high=1e-3, log=True),
        "lora_rank": IntParameter(type="int", low=1, high=64, log=True),
        "lora_dropout": CategoricalParameter(type="categorical", choices=(0.0, 0.05, 0.1)),
        "target_modules": SubsetParameter(type="subset", of=TARGETS),
        "seq_length": CategoricalParameter(type="categorical", choices=(256, 512, 1024)),
    },
    {},
    {},
)
REPEATS = 30


def size(params: Mapping[str, Any]) -> float:
    return float(params["lora_rank"] * sum(params[f"target_modules.{name}"] for name in TARGETS))


def filled(trials: int) -> tuple[Tuner, int]:
    """Return a tuner and how many trials it knows: as many, and more until kernels are due soon.

    A third of them went on at each rung.
    """
    tuner = Tuner(SPACE, (True, True, False, False), lambda params: {3: size(params)}, (1, 3, 9), 3.0, 0)
    spread = Tuner(SPACE, (True,), lambda params: {}, (1,), 3.0, 1, model=False)
    trial = 0
    while trial < trials or due(tuner.measured) == due(tuner.measured + REPEATS // 2):
        measure(tuner, trial, spread.propose(trial), 1 + (trial % 3 == 0) + (trial % 9 == 0))
        trial += 1
    return tuner, trial


def measure(tuner: Tuner, trial: int, params: Any, rungs: int) -> None:
    rng = np.random.default_rng(trial)
    tuner.start(trial, params)
    for rung in range(rungs):
        accuracy = 90 - 20 * abs(np.log10(params["learning_rate"] / 1e-4)) + 3 * rung + rng.normal()
        values = [accuracy, 100 - accuracy / 3 + rng.normal(), 1 / accuracy, size(params)]
        tuner.promote(trial, rung)
        tuner.report(trial, rung, values, [60 - accuracy, accuracy - 95])


def main() -> None:
    """Print the times."""
    tuner, first = filled(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    tuner.learn()
    taken, learned = [], []
    params = tuner.propose(first)
    for trial in range(first, first + REPEATS):
        measure(tuner, trial, params, 1)
        started = time.process_time()
        params = tuner.propose(trial + 1)
        taken.append(1000 * (time.process_time() - started))
        started = time.process_time()
        tuner.learn()
        learned.append(1000 * (time.process_time() - started))
    print(f"{first + REPEATS} trials, {tuner.measured} measurements, {REPEATS} suggestions, each after a measurement")
    print(f"a suggestion: median {statistics.median(taken):.0f} ms, longest {max(taken):.0f} ms")
    print(f"learning the kernels, once in these, after the suggestion: {max(learned):.0f} ms")


if __name__ == "__main__":
    main()
