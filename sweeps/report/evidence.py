"""What the files of one measured trial, or of the untouched base, say: each value read where it was written first.

Where another place has the value, too, both must say the same: the study what the worker wrote, the worker's means what
the predictions give, the trial's own job what its recipe gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from evaluation.score import Score, score
from sweeps.read import Known
from sweeps.report.sources import Fact, Folder, JsonFile, ReportError, Source, YamlFile, agree, in_study, joined
from sweeps.report.tracked import Recorded, Tracked
from sweeps.results import Result
from sweeps.stores import trial_paths
from trainer.job import Job
from trainer.lora import Accounting, account
from trainer.measurement import Measurement
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


class Evidence:
    """The files of a result.

    Args:
        known: the sweep.
        result: one of its measurements, or its base.
        tracked: MLflow, which is compared with; None: it is not.

    Raises:
        ReportError: a file is gone, never was there, or is none that the sweep wrote.
        RecipeError: the same of the recipe.
    """

    def __init__(self, known: Known, result: Result, tracked: Tracked | None = None) -> None:
        self._known, self.result, self._tracked = known, result, tracked
        sweep = known.stores.sweep(known.config.name)
        self.folder = Folder(sweep)
        self.paths = trial_paths(sweep, result.label, result.rung)
        if not self.paths.job.exists():
            raise ReportError(
                f"{self.paths.job}: is not there: it was imported, or its files were removed; a report is of what ran "
                "here, so put them back (MLflow's artifacts may have them)"
            )
        self.recipe = YamlFile(self.paths.recipe, self.folder)
        self.job, self.measurement = (JsonFile(f, self.folder) for f in (self.paths.job, self.paths.measurement))
        try:
            self.read_job, self.measured = Job.read(self.paths.job), Measurement.read(self.paths.measurement)
        except ValueError as error:
            raise ReportError(f"{self.paths.root}: job.json or measurement.json is broken: {error}") from None

    @cached_property
    def rungs(self) -> Mapping[int | None, TrialPaths]:
        """Rung -> its folder, up to the one that was measured, the lowest first."""
        halving, result = self._known.config.halving, self.result
        if halving is None or result.rung is None:
            return {result.rung: self.paths}
        sweep = self.folder.root
        return {rung: trial_paths(sweep, result.label, rung) for rung in halving.at if rung <= result.rung}

    @cached_property
    def recorded(self) -> Recorded:
        """What MLflow has of it."""
        if self._tracked is None:
            return Recorded()
        has_rung = self._known.config.halving is not None and self.result.rung is not None
        # where sweeps.tracking puts what was measured
        return self._tracked.ask(self.result.label, (self.measured.steps or 0) if has_rung else 0)

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
        return in_study(self._known.stores, self.result.point)

    @cached_property
    def scores(self) -> Mapping[str, Fact]:
        """All metrics that were measured on items, their values ``Score``s, as the worker wrote them.

        Raises:
            ReportError: predictions, study or MLflow say otherwise.
        """
        return {name: self._scored(name, measured) for name, measured in self.measured.scores.items()}

    def _scored(self, name: str, measured: Score) -> Fact:
        written = Fact(measured.value, (self.measurement.source("scores", name),))
        graded = self._graded.get(name)
        if graded is not None:
            written = Fact(agree(self._what(name), written, graded).value, (*written.sources, *graded.sources))
        return Fact(measured, self._agreed(name, written).sources)

    def _agreed(self, name: str, fact: Fact) -> Fact:
        """Return a metric's fact; raises ``ReportError`` unless study and MLflow have the same."""
        others = [self.stored(name), self.recorded.metrics.get(name)]
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
        found = {name: fact.value.value for name, fact in self.scores.items()}
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
            return Fact(self.scores[name].value.value, self.scores[name].sources)
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
                valid = all(0 <= value <= 100 for value in row["values"].values())
            except (ValueError, TypeError, KeyError, AttributeError):
                valid = False
            if not valid:
                raise ReportError(
                    f"{file}:{number}: expected a prediction with its values in percent, as the worker wrote it; "
                    "it was changed after the run"
                )
            yield row
