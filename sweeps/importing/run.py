"""A dossier as one finished training: its YAML, its steps, what was measured of it and of the base it began from."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from evaluation.score import Score, score
from sweeps.audit import pairing
from sweeps.audit.examine import examine
from sweeps.audit.view import count_of
from sweeps.cells import literal
from sweeps.dossier.facts import PATHS, SCORES, Fact
from sweeps.dossier.folder import Dossier
from sweeps.dossier.logs import Log
from sweeps.dossier.predictions import Predictions
from sweeps.dossier.recipes import RecipeFile, section
from trainer.step_log import StepRecord


class ImportRefused(ValueError):
    """A run cannot be imported; all reasons, a line each."""

    def __init__(self, what: object, reasons: Iterable[str]) -> None:
        """Put all reasons in one text, without what would steer a terminal: files are named by others."""
        super().__init__(literal("\n".join(f"{what}: {reason}" for reason in reasons)).plain)


@dataclass(frozen=True)
class Measured:
    """One metric.

    Attributes:
        value: in percent.
        score: with its items and interval; None where only the mean is known.
        source: file, and line where there is one.
    """

    value: float
    score: Score | None
    source: str


@dataclass(frozen=True)
class FinishedRun:
    """One training that reached its end.

    Attributes:
        logs: of one worker, in the order of their steps.
        tuned: metric -> what was measured after the training.
        base: the same of the untouched base.
        stated: what a report states and no file shows: ``f1``, ``em``, ``accuracy``.
        files: what it was read from.
    """

    recipe: RecipeFile
    logs: tuple[Log, ...]
    tuned: Mapping[str, Measured]
    base: Mapping[str, Measured]
    stated: Mapping[str, Fact]
    files: tuple[Path, ...]

    @property
    def steps(self) -> list[StepRecord]:
        """All that was logged."""
        return [record for log in self.logs for _, record in log.steps]

    @property
    def seconds(self) -> float:
        """Wall time of the training by its logs; NaN where they have no times."""
        return math.fsum(log.seconds for log in self.logs)

    @property
    def digest(self) -> str:
        """What tells this training from others: its settings and steps, whatever its files are called."""
        settings = [(name, self.recipe.facts[name].value) for name in PATHS if name in self.recipe.facts]
        return hashlib.sha256(repr((settings, self.steps)).encode()).hexdigest()


def finished_run(dossier: Dossier, what: object) -> FinishedRun:
    """Return the training that a dossier is of; what else lies in the folder is left alone.

    Args:
        what: the dossier's name, for messages.

    Raises:
        ImportRefused: it holds none, several, one that did not end, or one whose files contradict each other.
    """
    logs = _one_worker([log for log in dossier.logs if log.trains])
    if not logs:
        raise ImportRefused(what, ["no log of a training was found; expected msrun's worker log with step lines"])
    # of all workers' logs: other trainings may have had as many steps
    recipes = {r.path: r for log in dossier.logs if log.trains for r in pairing.of_log(log, dossier)}
    kinds = {tuple(sorted((n, str(fact.value)) for n, fact in r.facts.items())) for r in recipes.values()}
    reasons = list(_log_faults(logs))
    if len(kinds) != 1:
        names = ", ".join(map(str, recipes)) or "none"
        reasons.append(f"expected the MindFormers YAML (run_mode finetune or train) of one training, found {names}")
        raise ImportRefused(what, reasons)
    run = _run(dossier, list(recipes.values())[-1], logs)
    if reason := _unfinished(logs[-1], run.recipe):
        reasons.append(reason)
    wrong = [finding for finding in examine(dossier) if any(side.source.file in run.files for side in finding.sides)]
    if count := count_of(wrong, "contradiction"):
        reasons.append(f"its files contradict each other, {count} times; `lorasweep audit {what}` lists them")
    if reasons:
        raise ImportRefused(what, reasons)
    return run


def _run(dossier: Dossier, recipe: RecipeFile, logs: Sequence[Log]) -> FinishedRun:
    near = logs[-1].path
    evaluations: list[Log | Predictions] = [
        *(log for log in dossier.logs if log.final or log.pairs),
        *dossier.predictions,
    ]
    base = [file for file in evaluations if pairing.of_base(file, dossier)]
    tuned = [file for file in evaluations if file not in base and pairing.same_model(_model(file), recipe.model)]
    files = dict.fromkeys([recipe.path, *(log.path for log in logs), *(file.path for file in (*tuned, *base))])
    measured = _measured(tuned, near), _measured(base, near)
    return FinishedRun(recipe, tuple(logs), *measured, _stated(dossier, recipe), tuple(files))


def _one_worker(logs: Sequence[Log]) -> list[Log]:
    """Return of logs of the same steps (of workers, or copies) the one that says most; in the order of steps."""
    chosen: dict[tuple[int, ...], Log] = {}
    for log in logs:
        steps = tuple(record.global_step for _, record in log.steps)
        if steps not in chosen or len(log.facts) > len(chosen[steps].facts):
            chosen[steps] = log
    return sorted(chosen.values(), key=lambda log: log.steps[0][1].global_step)


def _log_faults(logs: Sequence[Log]) -> Iterable[str]:
    for before, log in pairwise(logs):
        last, first = before.steps[-1][1], log.steps[0][1]
        if first.global_step <= last.global_step or first.total_steps != last.total_steps:
            yield f"{before.path} and {log.path} are of two trainings; name the files of one"


def _unfinished(log: Log, recipe: RecipeFile) -> str:
    """Return why a training is not whole; with data sinking steps that do not fill the last sink are left out."""
    runner, last = section(recipe.values, "runner_config"), log.steps[-1][1]
    size = runner.get("sink_size", 1) if runner.get("sink_mode") else 1
    left = last.total_steps - last.global_step
    if left < max(1, size if type(size) is int else 1):
        return ""
    return f"{log.path}:{log.steps[-1][0]}: the training stopped at step {last.global_step} of {last.total_steps}"


def _measured(files: Sequence[Log | Predictions], near: Path) -> dict[str, Measured]:
    """Return what was measured, each metric by the file that is nearest in the folders to the training's last log."""
    found: dict[str, Measured] = {}
    for file in sorted(files, key=lambda file: pairing.common(file.path, near)):
        found |= _of_log(file) if isinstance(file, Log) else _of_predictions(file)
    return found


def _of_log(log: Log) -> dict[str, Measured]:
    if not log.pairs:
        return {name: Measured(log.final[name].number, None, str(log.final[name].source)) for name in ("f1", "em")}
    f1, em = zip(*log.graded, strict=True)
    blank = [100.0 * (not prediction.strip()) for _, prediction, _ in log.pairs]
    scores = {"f1": score(f1), "em": score(em), "squad_blank": score(blank)}
    return {name: Measured(found.value, found, str(log.path)) for name, found in scores.items()}


def _of_predictions(file: Predictions) -> dict[str, Measured]:
    return {name: Measured(found.value, found, str(file.path)) for name, found in file.metrics.items()}


def _stated(dossier: Dossier, recipe: RecipeFile) -> dict[str, Fact]:
    """Return what reports say of the scores that are about this training."""
    about = [
        report
        for report in dossier.reports
        if any(settings.recipe is recipe for settings in pairing.of_report(report, dossier))
    ]
    claims = {name: [fact for report in about for fact in report.of(name)] for name in SCORES}
    return {name: facts[0] for name, facts in claims.items() if facts}


def _model(file: Log | Predictions) -> str:
    return file.model if isinstance(file, Log) else ""
