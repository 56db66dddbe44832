"""What a sweep is going to do, checked whole before anything starts; then each job's files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from search_spaces.load import Document
from sweeps import evaluations
from sweeps.checks import BASE, PAD, RECORD, SEED, SEQ_LENGTH, check
from sweeps.config import SweepConfig
from sweeps.fidelity import EPOCHS
from sweeps.stores import Stores
from sweeps.training_data import Contents, of_recipe, transforms_of
from trainer import files
from trainer.data import Source, record_path
from trainer.job import Benchmark, Job, Until
from trainer.lora import Accounting, account
from trainer.measurement import Measurement
from trainer.msrun import Launch
from trainer.paths import TrialPaths
from trainer.prompts import TEMPLATES
from trainer.recipe import Recipe
from trainer.slots import Placement


@dataclass(frozen=True)
class Plan:
    """A sweep that was checked.

    Attributes:
        folder: the sweep's own folder, one folder a trial in it.
        cache: where tokenized data sets lie.
        contents: what the training file holds.
        inputs: what the sweep reads -> a digest of its content; of the base's weights only the size.
        tags: what every run's tags say: versions and digests.
    """

    config: SweepConfig
    recipe: Recipe
    folder: Path
    cache: Path
    contents: Contents
    inputs: Mapping[str, str]
    tags: Mapping[str, str]

    def prepare(
        self,
        paths: TrialPaths,
        placement: Placement,
        settings: Mapping[str, object] | None,
        label: str,
        rung: int | None = None,
        resume: Path | None = None,
    ) -> Launch:
        """Write a job's recipe and job file, on cards also a recipe for each protocol; returns what is to be launched.

        Args:
            settings: what the trial sets; None for the untouched base, which is only measured.
            rung: fidelity to train to; None: to the recipe's end.
            resume: state of the rung before; None: from the base.
        """
        config = self.config
        everything: dict[str, object] = {BASE: str(config.model.base), SEED: config.seed, **config.space.fixed}
        everything |= of_recipe(settings or {}) | config.length()
        source = self._source(settings or {})
        record = self._record(source, everything)
        # the base is measured without an adapter, so what the recipe says of one does not matter
        accounting = None if settings is None else self.account(settings)
        unit = config.unit
        job = Job(
            tokenizer=config.model.tokenizer,
            train=source.file,
            protocol=source.protocol,
            transforms=source.transforms,
            data_seed=source.seed,
            templates=self._templates,
            record=record,
            base=config.model.base,
            trainable=None if accounting is None else accounting.trainable,
            total=None if accounting is None else accounting.total,
            workers=placement.workers,
            benchmarks=self._benchmarks(rung),
            cores=placement.cores,
            until=None if rung is None else Until(unit=unit, count=rung),
            resume=resume,
        )
        paths.root.mkdir(parents=True, exist_ok=True)
        made_by = f"lorasweep {version('lorasweep')}: sweep {config.name}, {label}\nrecipe: {self.recipe.source}"
        everything |= {RECORD: str(record)}
        recipe = self.recipe.render(everything, made_by)
        again = _is_again(paths, job, recipe)
        job.write(paths.job)
        files.write_whole(paths.recipe, recipe)
        if placement.devices and job.benchmarks:
            for benchmark in job.benchmarks:
                own = evaluations.settings(self.recipe, benchmark, job)
                rendered = self.recipe.render({**everything, **own}, f"{made_by}\nmeasures: {benchmark.protocol}")
                files.write_whole(paths.evaluation(benchmark.protocol), rendered)
            return evaluations.chain(paths, job.benchmarks, trains=settings is not None, again=again)
        stages = tuple(config.evaluation) if settings is None else ("train", *config.evaluation)
        return Launch(paths.recipe, paths.job, stages)

    @property
    def _templates(self) -> Mapping[str, str]:
        return {**TEMPLATES, **self.config.templates}

    def _source(self, settings: Mapping[str, object]) -> Source:
        train = self.config.train
        transforms = transforms_of(self.config, settings)
        return Source(train.data, train.protocol, self._templates[train.protocol], transforms, self.config.seed)

    def _record(self, source: Source, values: Mapping[str, object]) -> Path:
        seq_length, pad = (int(str(values.get(path, self.recipe.get(path)))) for path in (SEQ_LENGTH, PAD))
        return record_path(self.cache, source, self.inputs["train"], self.inputs["tokenizer"], seq_length, pad)

    def _benchmarks(self, rung: int | None) -> tuple[Benchmark, ...]:
        halving, found = self.config.halving, []
        for protocol, evaluation in self.config.evaluation.items():
            settings = dict(evaluation)
            if halving is not None and rung is not None and rung != halving.at[-1]:
                settings["items"] = halving.items.get(protocol, evaluation.items)
            found.append(Benchmark(protocol=protocol, **settings))
        return tuple(found)

    def units(self, settings: Mapping[str, object], rung: int | None) -> int:
        """Return what a trial trains up to a rung, in epochs, or in steps where rungs count these."""
        if rung is not None:
            return rung
        return int(str({**self.config.space.fixed, **settings}.get(EPOCHS, self.recipe.get(EPOCHS))))

    def rows(self, settings: Mapping[str, object]) -> int:
        """Return how many items a trial trains on, those included that ``seq_length`` cuts off whole."""
        return self.contents.rows(self.config, settings)

    def account(self, settings: Mapping[str, object]) -> Accounting:
        """Return the exact parameter counts of a trial; raises ``LoraError`` where its adapter fits no module."""
        return account(self.recipe.set({**self.config.space.fixed, **of_recipe(settings)}), self.recipe.source)

    def known_values(self, settings: Mapping[str, object]) -> dict[str, float]:
        """Return the metrics of a trial that its recipe tells before it runs, formulas over them included."""
        accounting = self.account(settings)
        values = {"trainable": float(accounting.trainable), "ratio": accounting.ratio(self.config.model.parameters)}
        return {name: value for name, value in self.config.derived_metrics(values).items() if math.isfinite(value)}

    def values(
        self, measurement: Measurement, settings: Mapping[str, object] | None, seconds: float, loss: float | None
    ) -> dict[str, float]:
        """Return every metric of a trial by name, formulas included.

        Args:
            settings: what the trial sets; None for the untouched base, which trains nothing.
            seconds: wall time of the launch.
            loss: of the last training step; None where nothing was trained.
        """
        values = {name: score.value for name, score in measurement.scores.items()}
        values |= {"seconds": seconds, "trainable": 0.0, "ratio": 0.0}
        if settings is not None:
            values |= self.known_values(settings)
        if loss is not None:
            values["train_loss"] = loss
        return self.config.derived_metrics(values)


def _is_again(paths: TrialPaths, job: Job, recipe: str) -> bool:
    """Whether an earlier attempt in that folder was to do the same, on whatever cores and from whichever state."""
    anywhere: dict[str, object] = {"cores": (), "resume": None}
    try:
        before = Job.read(paths.job)
        same = before.model_copy(update=anywhere) == job.model_copy(update=anywhere)
        return same and paths.recipe.read_text(encoding="utf-8") == recipe
    except (OSError, ValueError):
        return False


def make_plan(config: SweepConfig, document: Document, stores: Stores) -> Plan:
    """Check a sweep against its recipe and its data; nothing is written.

    Raises:
        FileFaults, RecipeError, DataError: what is wrong, with file and line.
    """
    recipe = Recipe.read(config.recipe)
    contents = check(config, document, recipe)
    data = {"train": config.train.data, **{name: evaluation.file for name, evaluation in config.evaluation.items()}}
    inputs = {name: files.digest(file) for name, file in data.items()}
    inputs |= {"recipe": files.digest(config.recipe), "tokenizer": files.folder_digest(config.model.tokenizer)}
    # some 16 GB: reading all of it would take minutes at every start
    inputs["base"] = f"{config.model.base.stat().st_size} bytes"
    tags = {f"version.{name}": version(name) for name in ("lorasweep", "optuna", "mlflow")}
    tags |= {f"digest.{name}": digest for name, digest in inputs.items()}
    return Plan(config, recipe, stores.sweep(config.name), stores.cache, contents, inputs, tags)
