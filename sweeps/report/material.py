"""What a report of one trial says, before it is words: read from the files, and compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sweeps.read import Known
from sweeps.report.contents import Contents
from sweeps.report.evidence import Evidence
from sweeps.report.sources import Fact, Folder, ReportError, YamlFile, agree, in_study
from sweeps.report.tracked import Tracked
from sweeps.results import Result
from sweeps.study import started_with
from trainer import files
from trainer.paths import TrialPaths
from trainer.recipe import RecipeError


@dataclass(frozen=True)
class Options:
    """What the user chose.

    Attributes:
        select: text by which the trial was selected.
        baseline: recipe to compare with; None: the sweep's own.
        checkpoint_url: where checkpoints were uploaded to; None: nowhere.
    """

    select: str
    baseline: Path | None = None
    checkpoint_url: str | None = None


@dataclass(frozen=True)
class Material:
    """All that a report says, read and compared, before it is words.

    Attributes:
        front: point -> the files of each measurement on the front that are there.
        baseline: recipe that the hyperparameters are compared with.
        inputs: what the sweep reads -> the digest that it had when the sweep was started.
        digests: file -> sha256, of all files that the report lists.
        contents: of the data files.
    """

    known: Known
    trial: Evidence
    base: Evidence
    front: Mapping[str, Evidence]
    options: Options
    baseline: YamlFile
    inputs: Mapping[str, str]
    tracked: Tracked
    digests: Mapping[Path, str]
    contents: Contents

    @classmethod
    def of(cls, known: Known, result: Result, options: Options) -> Material:
        """Read and compare all that a report says.

        Raises:
            ReportError: something is missing, or two places that should say the same do not.
            RecipeError: a recipe cannot be read.
            LoraError: the trial's recipe cannot be counted.
            DataError: a data file is broken.
        """
        if known.base is None:
            raise ReportError(f"{known.config.name}: the base was not measured, so there is nothing to compare with")
        tracked = Tracked.of(known, (result.label, known.base.label))
        trial, base = Evidence(known, result, tracked), Evidence(known, known.base, tracked)
        _, inputs = started_with(known.config.name, known.stores.study_url)
        baseline = _baseline(known, options.baseline, trial.folder, inputs)
        listed = [*_files(trial.rungs.values()), *_files([base.paths]), *_read_files(trial, known), baseline.file]
        digests = {file: files.digest(file) for file in dict.fromkeys(listed)}
        front, contents = _front(known, trial), Contents.read(trial.read_job)
        return cls(known, trial, base, front, options, baseline, inputs, tracked, digests, contents)

    @property
    def untold(self) -> str:
        """Why MLflow could not be compared with; empty: it could."""
        return self.trial.recorded.trouble or self.base.recorded.trouble


def _baseline(known: Known, named: Path | None, folder: Folder, inputs: Mapping[str, str]) -> YamlFile:
    if named is not None:
        return YamlFile(named.absolute(), folder)
    baseline = YamlFile(known.config.recipe, folder)
    now = Fact(files.digest(baseline.file), (folder.whole(baseline.file),))
    then = Fact(inputs.get("recipe"), (in_study(known.stores, "inputs: recipe"),))
    agree(f"{baseline.file}, the baseline (name the one it was with --baseline)", now, then)
    return baseline


def _files(folders: Iterable[TrialPaths]) -> Iterator[Path]:
    for paths in folders:
        yield from paths.artifacts()
        if paths.scheduler_log.exists():
            yield paths.scheduler_log


def _read_files(trial: Evidence, known: Known) -> Iterator[Path]:
    job = trial.read_job
    for file in (job.train, *(benchmark.file for benchmark in job.benchmarks), known.config.recipe, job.base):
        if not file.is_file():
            raise ReportError(f"{file}: is gone, and the report names its digest; put it back")
        yield file
    yield from sorted(file for file in job.tokenizer.iterdir() if file.is_file())


def _front(known: Known, trial: Evidence) -> dict[str, Evidence]:
    """Return the evidence of what is on the front, as far as its files are there."""
    found = {trial.result.point: trial}
    for result in known.front.results:
        if result.point not in found:
            try:
                found[result.point] = Evidence(known, result)
            except (ReportError, RecipeError):
                continue
    return found
