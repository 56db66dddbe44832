"""One worker's work: train with MindFormers' Trainer, measure what came out, write it down."""

from __future__ import annotations

import copy
import gc
import json
import platform
import shutil
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mindspore as ms
from mindformers import Trainer, build_context
from mindformers.tools.utils import get_real_rank
from safetensors.numpy import load_file

from evaluation.generate import Shape, generated, greedy
from evaluation.items import Item
from evaluation.protocols import Evaluation, evaluate
from evaluation.score import Score
from trainer import network
from trainer.cached import use
from trainer.data import make_record
from trainer.data_statistics import Statistics
from trainer.decoding import encode, window
from trainer.files import write_whole
from trainer.job import Benchmark, Job
from trainer.measurement import Measurement
from trainer.paths import TrialPaths
from trainer.progress import Progress
from trainer.rung import Rung
from trainer.state import StateError, TrainingState, save_whole
from trainer.tokenizer import TextCodec


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
        if self._config.context.device_target == "CPU":
            network.skip_barriers()
        ms.set_seed(self._config.seed)
        self._codec = TextCodec.load(job.tokenizer)
        self._adapter: network.Arrays | None = None
        self._scores: dict[str, Score] = {}
        self._seconds: dict[str, float] = {}
        self._data: Statistics | None = None
        self._steps: int | None = None

    def train(self) -> None:
        """Train the adapter to the job's rung, and save it; below the last rung also the state to go on from.

        Evenly spaced over the whole training it is saved on the way, too.

        Raises:
            AccountingError: the network is not the one that the recipe promised.
            StateError: the state to go on from is of another training, or the rung is beyond the recipe's end.
            ValueError: the base's weights did not arrive in it.
        """
        started = time.monotonic()
        model = self._config.model.model_config
        # as long as this process runs
        self._used = use(self._job.record)
        self._data = make_record(self._job.record, self._job.source, self._codec, model.seq_length, model.pad_token_id)
        resumed = None if self._job.resume is None else TrainingState.read(self._job.resume)
        rung = self._rung(resumed)
        if get_real_rank() == 0:
            # an earlier launch's must not be taken for this one's
            self._paths.state.unlink(missing_ok=True)
            shutil.rmtree(self._paths.checkpoints, ignore_errors=True)
            self._paths.checkpoints.mkdir()
        # a copy: MindFormers takes what it has used out of its configuration
        trainer = Trainer(args=copy.deepcopy(self._config), callbacks=[rung])
        if resumed is None:
            trainer.train()
        else:
            # what was seen is skipped in the same shuffled order, without reading it
            trainer.train(data_skip_steps=resumed.steps, ignore_data_skip=False)
        trained = trainer.trainer.network
        self._check_accounting(trained)
        network.check_frozen(trained, self._job.base)
        self._adapter = network.adapter_weights(trained)
        if get_real_rank() == 0:
            save_whole(self._paths.adapter, self._adapter)
            if rung.state is not None:
                rung.state.write(self._paths.state)
        # measuring builds a network of its own: there must not be two on a card
        del trainer, trained
        gc.collect()
        self._steps = rung.steps
        self._seconds["train"] = time.monotonic() - started

    def _rung(self, resumed: TrainingState | None) -> Rung:
        until = self._job.until
        parallel = self._config.get("parallel") or {}
        if (until is not None or resumed is not None) and parallel.get("enable_parallel_optimizer"):
            raise StateError(
                "parallel.enable_parallel_optimizer: expected False where a trial is trained in rungs: "
                "with it each worker has a part of the optimizer's state, and only worker 0's is kept"
            )
        checkpoints = self._paths.checkpoints if get_real_rank() == 0 else None
        return Rung(self._config.runner_config.epochs, until, resumed, checkpoints)

    def load_adapter(self, file: Path) -> None:
        """Measure with the LoRA weights of ``file`` instead of training."""
        self._adapter = load_file(file)

    def measure(self, benchmarks: list[Benchmark]) -> None:
        """Measure benchmarks on rank 0; the other ranks have nothing to do."""
        if get_real_rank() != 0:
            return
        # one graph for all of a batch size: to compile one takes longer than to decode a short set
        for batch in dict.fromkeys(benchmark.batch for benchmark in benchmarks):
            self._measure([benchmark for benchmark in benchmarks if benchmark.batch == batch], batch)

    def _measure(self, benchmarks: list[Benchmark], batch: int) -> None:
        templates = self._job.templates
        sets = [(benchmark, *encode(benchmark, templates[benchmark.protocol], self._codec)) for benchmark in benchmarks]
        seq_length = max(window(prompts, benchmark.max_new_tokens) for benchmark, _, prompts in sets)
        decode, pad = self._decoder(batch, seq_length), self._config.model.model_config.pad_token_id
        for benchmark, items, prompts in sets:
            started = time.monotonic()
            shape = Shape(batch, seq_length, benchmark.max_new_tokens, self._codec.eos, pad)
            outputs = decode(prompts, shape, Progress(benchmark.protocol, len(items)))
            self._grade(benchmark, items, [self._codec.text(output).strip() for output in outputs])
            self._seconds[benchmark.protocol] = time.monotonic() - started

    def _grade(self, benchmark: Benchmark, items: list[Item], predictions: list[str]) -> None:
        evaluation = evaluate(benchmark.protocol, items, predictions)
        self._scores |= evaluation.metrics
        write_predictions(self._paths.predictions(benchmark.protocol), evaluation)

    def finish(self, file: Path, seconds: float) -> None:
        """Write the measurement to ``file``, the last thing that a launch does."""
        if get_real_rank() != 0:
            return
        versions = {name: version(name) for name in ("mindspore", "mindformers")}
        Measurement(
            scores=self._scores,
            seconds={name: round(value, 2) for name, value in {**self._seconds, "worker": seconds}.items()},
            versions=versions | {"python": platform.python_version()},
            data=self._data,
            steps=self._steps,
        ).write(file)

    def _check_accounting(self, trained: Any) -> None:
        trainable, total = self._job.trainable, self._job.total
        if trainable is None or total is None:
            raise AccountingError("the job is one of the untouched base: it promises no adapter")
        counted, promised = network.count_parameters(trained), (trainable, total + trainable)
        if counted != promised:
            raise AccountingError(
                f"network has (trainable, all) = {counted} parameters, the recipe promised {promised}"
            )

    def _decoder(self, batch: int, seq_length: int) -> Callable[..., list[list[int]]]:
        """Return ``(prompts, shape, progress) -> new tokens of each``; by MindFormers' loop where it keeps a cache."""
        model = network.build(self._config, seq_length, batch, adapter=self._adapter is not None)
        network.load_base(model, self._job.base)
        if self._adapter is not None:
            network.load_adapter(model, self._adapter)
        if self._config.model.model_config.get("use_past"):
            return partial(generated, network.generator(model))
        return partial(greedy, network.greedy_step(model))


def write_predictions(file: Path, evaluation: Evaluation) -> None:
    """Write each item with its prediction and verdict, JSONL."""
    lines = [json.dumps(verdict.as_dict(), ensure_ascii=False) for verdict in evaluation.verdicts]
    write_whole(file, "\n".join(lines) + "\n")
