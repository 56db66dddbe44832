"""What the files of one measured trial, or of the untouched base, say: each value read where it was written first.

Where another place has the value, too, both must say the same: the study what the worker wrote, the worker's means what
the predictions give, the trial's own job what its recipe gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from evaluation.score import score
from sweeps.read import Known
from sweeps.report.sources import Fact, Folder, JsonFile, ReportError, Source, YamlFile, agree, joined
from sweeps.results import Result
from sweeps.stores import trial_paths
from trainer.job import Job
from trainer.lora import Accounting, account
from trainer.paths import TrialPaths
from trainer.step_log import StepRecord, parse_line

_PET = "model.model_config.pet_config"
RANK, TARGETS = f"{_PET}.lora_rank", f"{_PET}.target_modules"


@dataclass(frozen=True)
class LoggedSteps:
    """The step lines of a worker's log.

    Attributes:
        file: the log.
        lines: number of the line -> what it says, in the order of the file.
    """

    file: Path
    lines: Mapping[int, StepRecord]

    @classmethod
    def read(cls, file: Path) -> LoggedSteps:
        """Read a log; one that is not there has no lines."""
        if not file.exists():
            return cls(file, {})
        with file.open(encoding="utf-8", errors="replace") as log:
            found = {number: record for number, line in enumerate(log, 1) if (record := parse_line(line))}
        return cls(file, found)

    @property
    def last(self) -> tuple[int, StepRecord] | None:
        """The number of the last step line, and what it says; None where there is none."""
        return max(self.lines.items(), key=lambda line: line[0], default=None)


@dataclass(frozen=True)
class Scored:
    """A metric that was measured on items: its mean with its sources, how many items, its 95 % interval."""

    value: Fact
    items: int
    low: float
    high: float


class Evidence:
    """The files of a result.

    Args:
        known: the sweep.
        result: one of its measurements, or its base.
        recorded: what MLflow has of it.

    Raises:
        ReportError: a file is gone.
        RecipeError: the recipe that it ran with is gone.
    """

    def __init__(self, known: Known, result: Result, recorded: Mapping[str, Fact] | None = None) -> None:
        self._known, self.result, self._recorded = known, result, recorded or {}
        sweep = known.stores.sweep(known.config.name)
        self.folder = Folder(sweep)
        self.paths = trial_paths(sweep, result.label, result.rung)
        self.job = JsonFile(self.paths.job, self.folder)
        self.measurement = JsonFile(self.paths.measurement, self.folder)
        self.recipe = YamlFile(self.paths.recipe, self.folder)

    @cached_property
    def rungs(self) -> Sequence[TrialPaths]:
        """The folders of the rungs up to the one that was measured, the lowest first."""
        halving, result = self._known.config.halving, self.result
        if halving is None or result.rung is None:
            return (self.paths,)
        sweep = self.folder.root
        return [trial_paths(sweep, result.label, rung) for rung in halving.at if rung <= result.rung]

    @cached_property
    def read_job(self) -> Job:
        """What the worker was told; raises ``ReportError`` where the file is none that the sweep wrote."""
        try:
            return Job.read(self.paths.job)
        except ValueError as error:
            raise ReportError(f"{self.paths.job}: was changed after the run: {error}") from None

    @cached_property
    def accounting(self) -> Accounting:
        """The parameter counts of the recipe that was trained; raises ``LoraError`` where it cannot be counted."""
        return account(self.recipe.recipe.values, str(self.paths.recipe))

    @cached_property
    def steps(self) -> LoggedSteps:
        """What the worker that the sweep followed logged on the way to this rung."""
        return self.steps_of(self.paths)

    def steps_of(self, paths: TrialPaths) -> LoggedSteps:
        """Return the steps logged on the way to one rung of the trial."""
        return LoggedSteps.read(paths.worker_log(self.read_job.workers - 1))

    def stored(self, name: str) -> Fact:
        """Return what the study has of a metric; its value is None where it has nothing."""
        return Fact(self.result.values.get(name), (self.in_study,))

    @property
    def in_study(self) -> Source:
        """The measurement in the study, as a source."""
        file = self._known.stores.study_file
        return Source("study" if file is None else file.name, f", {self.result.point}")

    @cached_property
    def scores(self) -> Mapping[str, Scored]:
        """All metrics that were measured on items, as the worker wrote them; raises ``ReportError`` as ``agree``."""
        names = self.measurement.fact("scores").value or {}
        return {name: self._scored(name) for name in names}

    def _scored(self, name: str) -> Scored:
        stored = self.measurement.fact("scores", name).value
        # in the order of Score's fields
        value, items, low, high = (stored.get(key) for key in ("value", "items", "low", "high"))
        written = Fact(value, (self.measurement.source("scores", name),))
        graded = self._graded.get(name)
        if graded is not None:
            written = Fact(agree(self._what(name), written, graded).value, (*written.sources, *graded.sources))
        return Scored(self._agreed(name, written), items, low, high)

    def _agreed(self, name: str, fact: Fact) -> Fact:
        """Return a metric's fact; raises ``ReportError`` unless study and MLflow have the same."""
        others = [self.stored(name), self._recorded.get(name)]
        return agree(self._what(name), fact, *(other for other in others if other is not None))

    def _what(self, name: str) -> str:
        return f"{self.paths.root}: {name}"

    @cached_property
    def _graded(self) -> Mapping[str, Fact]:
        """Metric, or metric/kind -> its mean over the predictions that the worker kept."""
        found: dict[str, Fact] = {}
        for benchmark in self.read_job.benchmarks:
            file = self.paths.predictions(benchmark.protocol)
            if file.exists():
                found |= {
                    name: Fact(score(values).value, (self.folder.line(file, 1, count),))
                    for name, (count, values) in _by_metric(file).items()
                }
        return found

    @cached_property
    def values(self) -> Mapping[str, float]:
        """Every metric, formulas included, worked out from the files; raises ``ReportError`` as ``agree`` does."""
        config = self._known.config
        found = {name: scored.value.value for name, scored in self.scores.items()}
        # the wall time of a launch is known to the process only that ran the sweep
        found["seconds"] = self.stored("seconds").value
        if self.result.number is None:
            found |= {"trainable": 0.0, "ratio": 0.0}
        else:
            accounting = self.accounting
            found |= {"trainable": accounting.trainable, "ratio": accounting.ratio(config.model.parameters)}
            if (last := self.steps.last) is not None:
                found["train_loss"] = last[1].loss
        return config.derived_metrics(found)

    def checked(self, name: str) -> Fact:
        """Return any metric, from where it was written first, or of what it is worked out."""
        if name in self.scores:
            return self.scores[name].value
        return self._agreed(name, Fact(self.values.get(name), self._sources(name)))

    def _sources(self, name: str) -> tuple[Source, ...]:
        last, formula = self.steps.last, self._known.config.metrics.get(name)
        if name == "train_loss" and last is not None:
            return (self.folder.line(self.steps.file, last[0]),)
        if name in ("trainable", "ratio") and self.result.number is not None:
            recipe = (self.recipe.fact(path) for path in (RANK, TARGETS))
            return joined([*(fact for fact in recipe if fact is not None), self.job.fact("trainable")])
        if formula is not None:
            return joined(self.checked(used) for used in sorted(formula.names))
        return (self.in_study,)


def _by_metric(file: Path) -> dict[str, tuple[int, list[float]]]:
    """Return the items' values of each metric, and of each accuracy by kind, with the number of the file's lines."""
    columns: dict[str, list[float]] = {}
    rows = list(_rows(file))
    for row in rows:
        for name, value in row["values"].items():
            columns.setdefault(name, []).append(value)
            if row.get("kind") and name.endswith("_accuracy"):
                columns.setdefault(f"{name}/{row['kind']}", []).append(value)
    return {name: (len(rows), values) for name, values in columns.items()}


def _rows(file: Path) -> Iterator[Mapping[str, Mapping[str, float]]]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                # as a Score takes them
                score(list(row["values"].values()))
            except (ValueError, TypeError, KeyError, AttributeError):
                problem = f"{file}:{number}: expected a prediction with its values in percent, as the worker wrote it"
                raise ReportError(f"{problem}; it was changed after the run") from None
            yield row
