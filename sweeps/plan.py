"""What a sweep is going to do, checked whole before anything starts; then each job's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from search_spaces.load import Document
from sweeps.checks import BASE, PAD, RECORD, SEED, SEQ_LENGTH, check
from sweeps.config import SweepConfig
from sweeps.stores import Stores
from trainer import files
from trainer.data import record_path
from trainer.job import Benchmark, Job
from trainer.lora import Accounting, account
from trainer.measurement import Measurement
from trainer.msrun import Launch
from trainer.paths import TrialPaths
from trainer.recipe import Recipe
from trainer.slots import Placement


@dataclass(frozen=True)
class Plan:
    """A sweep that was checked.

    Attributes:
        folder: the sweep's own folder, one folder a trial in it.
        cache: where tokenized data sets lie.
        inputs: what the sweep reads -> a digest of its content; of the base's weights only the size.
        tags: what every run's tags say: versions and digests.
    """

    config: SweepConfig
    recipe: Recipe
    folder: Path
    cache: Path
    inputs: Mapping[str, str]
    tags: Mapping[str, str]

    def prepare(
        self, paths: TrialPaths, placement: Placement, settings: Mapping[str, object] | None, label: str
    ) -> Launch:
        """Write a job's recipe and job file; returns what is to be launched.

        Args:
            settings: recipe paths that the trial sets; None for the untouched base, which is only measured.
        """
        config = self.config
        everything = {BASE: str(config.model.base), SEED: config.seed, **config.space.fixed, **(settings or {})}
        seq_length = int(str(everything.get(SEQ_LENGTH, self.recipe.get(SEQ_LENGTH))))
        pad = int(str(everything.get(PAD, self.recipe.get(PAD))))
        record = record_path(
            self.cache, config.train.data, config.train.protocol, config.model.tokenizer, seq_length, pad
        )
        # the base is measured without an adapter, so what the recipe says of one does not matter
        accounting = None if settings is None else self.account(settings)
        job = Job(
            tokenizer=config.model.tokenizer,
            train=config.train.data,
            protocol=config.train.protocol,
            record=record,
            base=config.model.base,
            trainable=None if accounting is None else accounting.trainable,
            total=None if accounting is None else accounting.total,
            workers=placement.workers,
            benchmarks=tuple(Benchmark(protocol=name, **dict(b)) for name, b in config.evaluation.items()),
            cores=placement.cores,
        )
        paths.root.mkdir(parents=True, exist_ok=True)
        job.write(paths.job)
        made_by = f"lorasweep {version('lorasweep')}: sweep {config.name}, {label}\nrecipe: {self.recipe.source}"
        files.write_whole(paths.recipe, self.recipe.render({**everything, RECORD: str(record)}, made_by))
        stages = tuple(config.evaluation) if settings is None else ("train", *config.evaluation)
        return Launch(paths.recipe, paths.job, stages)

    def account(self, settings: Mapping[str, object]) -> Accounting:
        """Return the exact parameter counts of a trial; raises ``LoraError`` where its adapter fits no module."""
        return account(self.recipe.set({**self.config.space.fixed, **settings}), self.recipe.source)

    def values(
        self, measurement: Measurement, settings: Mapping[str, object] | None, seconds: float, loss: float | None
    ) -> dict[str, float]:
        """Return every metric of a trial by name, formulas included.

        Args:
            settings: recipe paths that the trial sets; None for the untouched base, which trains nothing.
            seconds: wall time of the launch.
            loss: of the last training step; None where nothing was trained.
        """
        values = {name: score.value for name, score in measurement.scores.items()}
        values |= {"seconds": seconds, "trainable": 0.0, "ratio": 0.0}
        if settings is not None:
            accounting = self.account(settings)
            values |= {
                "trainable": float(accounting.trainable),
                "ratio": accounting.ratio(self.config.model.parameters),
            }
        if loss is not None:
            values["train_loss"] = loss
        return self.config.derived_metrics(values)


def make_plan(config: SweepConfig, document: Document, stores: Stores) -> Plan:
    """Check a sweep against its recipe and its data; nothing is written.

    Raises:
        FileFaults, RecipeError, DataError: what is wrong, with file and line.
    """
    recipe = Recipe.read(config.recipe)
    check(config, document, recipe)
    data = {"train": config.train.data, **{name: evaluation.file for name, evaluation in config.evaluation.items()}}
    inputs = {name: files.digest(file) for name, file in data.items()}
    inputs |= {"recipe": files.digest(config.recipe), "tokenizer": files.folder_digest(config.model.tokenizer)}
    # some 16 GB: reading all of it would take minutes at every start
    inputs["base"] = f"{config.model.base.stat().st_size} bytes"
    tags = {f"version.{name}": version(name) for name in ("lorasweep", "optuna", "mlflow")}
    tags |= {f"digest.{name}": digest for name, digest in inputs.items()}
    return Plan(config, recipe, stores.sweep(config.name), stores.cache, inputs, tags)
