"""A trial's report as files: ``report.LANGUAGE.md``, ``.html`` and pictures."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.read import Known
from sweeps.report import data, listing, results, training
from sweeps.report.context import Context, HandedIn, Place
from sweeps.report.evidence import Evidence
from sweeps.report.page import html
from sweeps.report.picture import svg
from sweeps.report.sources import Fact, Folder, ReportError, YamlFile, agree
from sweeps.report.texts import Language, Texts
from sweeps.report.tracked import Recorded, Tracked
from sweeps.results import Result
from sweeps.study import started_with
from trainer import files
from trainer.paths import TrialPaths


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
class Report:
    """A report that was checked, in any language.

    Attributes:
        checkpoints: as they are handed in.
        digests: file -> sha256, of all that is listed.
        rerun: shell commands that run the trial again.
    """

    known: Known
    trial: Evidence
    base: Evidence
    front: Mapping[str, Evidence]
    options: Options
    baseline: YamlFile
    inputs: Mapping[str, str]
    tracked: Tracked
    recorded: Recorded
    digests: Mapping[Path, str]

    @classmethod
    def of(cls, known: Known, result: Result, options: Options) -> Report:
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
        recorded, of_base = (_recorded(tracked, known, one) for one in (result, known.base))
        trial = Evidence(known, result, recorded.metrics)
        base = Evidence(known, known.base, of_base.metrics)
        _, inputs = started_with(known.config.name, known.stores.study_url)
        baseline = _baseline(known, options.baseline, trial.folder, inputs)
        listed = [*_files(trial.rungs), *_files([base.paths]), *_read_files(trial, known), baseline.file]
        digests = {file: files.digest(file) for file in dict.fromkeys(listed)}
        tracked = tracked if not recorded.trouble else tracked.in_trouble(recorded.trouble)
        front = _front(known, trial)
        return cls(known, trial, base, front, options, baseline, inputs, tracked, recorded, digests)

    def write(
        self,
        out: Path,
        languages: Sequence[Language],
        checkpoints: Sequence[HandedIn],
        rerun: str,
        place: Place = "alone",
    ) -> list[Path]:
        """Write the report to the folder ``out`` in some languages; returns the files."""
        out.mkdir(parents=True, exist_ok=True)
        written = []
        for language in languages:
            say = Texts(language)
            pictures = self._pictures(say)
            c = Context(
                self.known,
                self.trial,
                self.base,
                self.front,
                say,
                self.options.select,
                self.baseline,
                self.inputs,
                self.tracked,
                self.recorded.tags,
                checkpoints,
                self.digests,
                self.options.checkpoint_url,
                rerun,
                place,
            )
            markdown = "\n\n".join(_blocks(c, tuple(pictures))) + "\n"
            page = html(markdown, f"{say('title')}: {self.known.config.name}", language, pictures)
            texts = {f"report.{language}.md": markdown, f"report.{language}.html": page, **pictures}
            for name, text in texts.items():
                files.write_whole(out / name, text)
                written.append(out / name)
        return written

    def _pictures(self, say: Texts) -> dict[str, str]:
        """Return name -> SVG, the first objective against each of the others."""
        measured = [result for result in self.known.measured if result.comparable]
        y, *others = self.known.config.objectives
        if not measured:
            return {}
        return {
            f"front_{number}.{say.language}.svg": svg(
                x, y, measured, self.known.base, self.known.front, self.trial.result, say
            )
            for number, x in enumerate(others or [y], 1)
        }


def _blocks(c: Context, pictures: Sequence[str]) -> Iterator[str]:
    yield from data.head(c)
    yield from data.algorithm(c)
    yield from training.hyperparameters(c)
    yield from training.cost(c)
    yield from training.environment(c)
    yield from results.base_ability(c)
    yield from results.accuracy(c)
    yield from results.front(c, pictures)
    yield from listing.checkpoints(c)
    yield from listing.files(c)
    yield from listing.again(c)
    yield from listing.sources(c)


def _recorded(tracked: Tracked, known: Known, result: Result) -> Recorded:
    rung = None if known.config.halving is None else result.rung
    steps = Evidence(known, result).measurement.fact("steps").value
    # where sweeps.tracking puts what was measured
    return tracked.ask(result.label, steps if rung is not None and isinstance(steps, int) else 0)


def _baseline(known: Known, named: Path | None, folder: Folder, inputs: Mapping[str, str]) -> YamlFile:
    if named is not None:
        return YamlFile(named.absolute(), folder)
    baseline = YamlFile(known.config.recipe, folder)
    now = Fact(files.digest(baseline.file), (folder.whole(baseline.file),))
    then = Fact(inputs.get("recipe"), (folder.whole(known.stores.sweeps),))
    agree(f"{baseline.file}, the baseline (name the one it was with --baseline)", now, then)
    return baseline


def _files(folders: Sequence[TrialPaths]) -> Iterator[Path]:
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
            except (ReportError, ValueError):
                continue
    return found


def rerun(known: Known, result: Result) -> str:
    """Return the commands that export a trial and run it again."""
    at = "" if result.rung is None else f"@{result.rung}"
    name, runs = shlex.quote(known.config.name), shlex.quote(str(known.stores.root))
    return f"lorasweep export {name} --select trial:{result.number}{at} --out again --runs {runs}\nagain/launch.sh"
