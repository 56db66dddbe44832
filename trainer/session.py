"""One worker's work: train with MindFormers' Trainer, measure what came out, write it down."""

from __future__ import annotations

import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

import mindspore as ms
from mindformers import Trainer, build_context
from mindformers.tools.utils import get_real_rank
from safetensors.numpy import load_file, save_file

from trainer import network
from trainer.benchmark import Predictor, Scores, measure
from trainer.job import Benchmark, Job, write_json
from trainer.paths import TrialPaths
from trainer.tokenizer import load_tokenizer


class AccountingError(RuntimeError):
    """The network that was built has other parameters than the recipe promised."""


class Session:
    """Trains and measures one recipe in this process.

    Args:
        job: what to train on and measure.
        recipe: rendered MindFormers YAML.
        paths: the folder of the trial; MindFormers' own ``output`` lies there too.
    """

    def __init__(self, job: Job, recipe: Path, paths: TrialPaths) -> None:
        self._job, self._paths = job, paths
        self._config = network.load_config(recipe)
        build_context(self._config)
        ms.set_seed(self._config.seed)
        self._tokenizer = load_tokenizer(job.tokenizer)
        self._adapter: network.Arrays | None = None
        self._scores: list[Scores] = []
        self._seconds: dict[str, float] = {}

    def train(self) -> None:
        """Train the adapter; raises ``AccountingError`` where the network is not the one that was promised."""
        started = time.monotonic()
        trainer = Trainer(args=self._config)
        trainer.train()
        trained = trainer.trainer.network
        counted = network.count_parameters(trained)
        if counted != (self._job.trainable, self._job.total):
            raise AccountingError(
                f"network has (trainable, total) = {counted}, the recipe promised {(self._job.trainable, self._job.total)}"
            )
        self._adapter = network.adapter_weights(trained)
        self._seconds["train"] = time.monotonic() - started
        if get_real_rank() == 0:
            temporary = self._paths.adapter.with_suffix(".part")
            save_file(self._adapter, temporary)
            temporary.replace(self._paths.adapter)

    def load_adapter(self, file: Path) -> None:
        """Measure with the LoRA weights of ``file`` instead of training."""
        self._adapter = load_file(file)

    def measure(self, benchmark: Benchmark) -> None:
        """Measure one benchmark on rank 0; the other ranks have nothing to do."""
        if get_real_rank() != 0:
            return
        started = time.monotonic()
        scores = measure(benchmark, self._job.prompt, self._tokenizer, self._predictor(benchmark))
        scores.write_predictions(self._paths.predictions(benchmark.protocol))
        self._scores.append(scores)
        self._seconds[benchmark.protocol] = time.monotonic() - started

    def finish(self, seconds: float) -> None:
        """Write the measurement, the last thing that a launch does."""
        if get_real_rank() != 0:
            return
        self._seconds["worker"] = seconds
        write_json(
            self._paths.measurement,
            {
                "metrics": {name: score for scores in self._scores for name, score in scores.as_json().items()},
                "seconds": {name: round(value, 2) for name, value in self._seconds.items()},
                "versions": {name: version(name) for name in ("mindspore", "mindformers")}
                | {"python": platform.python_version()},
            },
        )

    def _predictor(self, benchmark: Benchmark) -> Predictor:
        def predict(prompts: list[list[int]]) -> list[str]:
            raise NotImplementedError

        return predict
