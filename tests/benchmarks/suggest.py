"""How long a suggestion takes: ``python -m tests.benchmarks.suggest [TRIALS]``, 1,000 unless told otherwise.

Four objectives, one of them known before a run, two gates, three rungs, a space as LoRA's. What was measured is made
up: only the time counts. In milliseconds of processor time: a suggestion, and learning the kernels again, which is due
whenever there are a quarter more measurements and is done while launches run (``Tuner.learn``).
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


def filled(trials: int) -> Tuner:
    """Return a tuner that knows so many trials, a third of which went on at each rung."""
    tuner = Tuner(SPACE, (True, True, False, False), lambda params: {3: size(params)}, (1, 3, 9), 3.0, 0)
    spread = Tuner(SPACE, (True,), lambda params: {}, (1,), 3.0, 1, model=False)
    rng = np.random.default_rng(0)
    for trial in range(trials):
        params: Any = spread.propose(trial)
        tuner.start(trial, params)
        for rung in range(1 + (trial % 3 == 0) + (trial % 9 == 0)):
            accuracy = 90 - 20 * abs(np.log10(params["learning_rate"] / 1e-4)) + 3 * rung + rng.normal()
            values = [accuracy, 100 - accuracy / 3 + rng.normal(), 1 / accuracy, size(params)]
            tuner.promote(trial, rung)
            tuner.report(trial, rung, values, [60 - accuracy, accuracy - 95])
    return tuner


def main() -> None:
    """Print the times."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    tuner = filled(trials)
    started = time.process_time()
    tuner.learn()
    learned = 1000 * (time.process_time() - started)
    taken = []
    for i in range(REPEATS):
        started = time.process_time()
        tuner.propose(trials + i)
        taken.append(1000 * (time.process_time() - started))
    print(f"{trials} trials, {tuner.measured} measurements, {REPEATS} suggestions")
    print(f"a suggestion: median {statistics.median(taken):.0f} ms, longest {max(taken):.0f} ms")
    print(f"learning the kernels: {learned:.0f} ms")


if __name__ == "__main__":
    main()
