"""Contradictions within logs and predictions, and between them and the YAML."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from sweeps.audit.findings import Finding, Side, contradiction, side
from sweeps.audit.pairing import Settings, of_log, same_model
from sweeps.dossier.facts import PATHS, Fact, Source, shown
from sweeps.dossier.folder import Dossier
from sweeps.dossier.logs import Log
from sweeps.dossier.predictions import Predictions
from sweeps.dossier.recipes import RecipeFile
from trainer.lora import Accounting

SQUAD_ITEMS = 2067
"""First questions of the paragraphs of SQuAD v1.1's development set, which the contest evaluates."""

_CHECKPOINT = re.compile(r"_rank_\d+-(\d+)_(\d+)(?:_\w+)?\.(?:ckpt|safetensors)")


def training_logs(dossier: Dossier) -> Iterator[Finding]:
    """Check each training's log by itself and against the YAML that it ran with."""
    trainings = [log for log in dossier.logs if log.trains]
    for log in trainings:
        yield from _diverged(log)
        if not any(_goes_on(log, other) for other in trainings):
            yield from _cut_off(log)
        if recipes := of_log(log, dossier):
            yield from _against_recipe(log, recipes)


def _diverged(log: Log) -> Iterator[Finding]:
    broken = [(line, record) for line, record in log.steps if not math.isfinite(record.loss)]
    if broken:
        line, record = broken[0]
        of = f"{len(broken)} of {len(log.steps)} logged steps have no finite loss: the training diverged"
        yield Finding("loss", (Side(Source(log.path, line), f"step {record.global_step}: loss {record.loss}"),), of)


def _cut_off(log: Log) -> Iterator[Finding]:
    line, last = log.steps[-1]
    if not log.over and last.total_steps - last.global_step >= _stride(log):
        says = f"last step {last.global_step} of {last.total_steps}"
        right = "the log ends before its training did: there is no `Training Over`"
        yield Finding("steps", (Side(Source(log.path, line), says),), right)


def _goes_on(log: Log, other: Log) -> bool:
    """Whether another log is of the same training, from about the step where this one ends."""
    first, last = (log.steps[place][1].global_step for place in (0, -1))
    begins, ends = (other.steps[place][1] for place in (0, -1))
    # training goes on from a checkpoint, which may be older than the last step
    follows = first < begins.global_step <= last + _stride(log) and ends.global_step > last
    return follows and ends.total_steps == log.steps[-1][1].total_steps and same_model(log.model, other.model)


def _stride(log: Log) -> int:
    # not every step is logged, and with data sinking those that would not fill the last sink are not trained
    return max(1, log.steps[-1][1].global_step - log.steps[-2][1].global_step) if len(log.steps) > 1 else 1


def _against_recipe(log: Log, recipes: Sequence[RecipeFile]) -> Iterator[Finding]:
    settings = [Settings.of_recipe(recipe) for recipe in recipes]
    facts, (line, step) = dict(log.facts), log.steps[0]
    facts["epochs"] = Fact("epochs", step.epochs, Source(log.path, line), str(step.epochs))
    for name in (*PATHS, "cards"):
        if name in facts and not any(one.agrees(facts[name]) for one in settings):
            yield contradiction(name, [settings[0].facts[name], facts[name]], "the log is not of a run with this YAML")
    if (printed := log.facts.get("trainable")) is None:
        return
    counted = [(r.facts["lora_rank"], r.accounting.trainable) for r in recipes if isinstance(r.accounting, Accounting)]
    if counted and not any(_printed(printed, number) for _, number in counted):
        rank, number = counted[0]
        yield contradiction("trainable", [rank, printed], f"{number:,} by the YAML")


def _printed(fact: Fact, number: int) -> bool:
    # in millions it is floored
    return fact.number == (number if not fact.unit else number // fact.unit * fact.unit)


def evaluation_logs(dossier: Dossier) -> Iterator[Finding]:
    """Check the scores and counts that evaluation logs end with against their own items."""
    for log in dossier.logs:
        if not log.final:
            continue
        items = log.final["items"]
        size = log.facts.get("size")
        if size is not None and size.number != items.number:
            yield contradiction("items", [size, items], "the log does not evaluate its whole data set")
        if log.pairs and len(log.pairs) != items.number:
            last = Side(Source(log.path, log.pairs[-1][0]), f"{len(log.pairs)} predictions")
            yield Finding("items", (last, side(items, "items")), "the log does not hold all of its predictions")
        elif log.pairs:
            yield from _recomputed(log)
        if items.number != SQUAD_ITEMS:
            yield Finding("items", (side(items, "items"),), f"the contest evaluates {SQUAD_ITEMS:,} items", "warning")


def _recomputed(log: Log) -> Iterator[Finding]:
    for name, scores in zip(("f1", "em"), zip(*log.graded, strict=True), strict=True):
        mean = math.fsum(scores) / len(scores)
        if not math.isclose(mean, log.final[name].number, rel_tol=1e-9, abs_tol=1e-9):
            right = f"{mean!r} by the log's own {len(scores):,} predictions and labels"
            yield contradiction(name, [log.final[name]], right)


def predictions(dossier: Dossier) -> Iterator[Finding]:
    """Check the verdicts that stand beside predictions."""
    for file in dossier.predictions:
        if file.differing is not None:
            line, metric, said, value = file.differing
            says = Side(Source(file.path, line), shown(said))
            yield Finding(metric, (says,), f"{shown(value)} by this item's prediction and answers")


def checkpoint_names(dossier: Dossier) -> Iterator[Finding]:
    """Check the steps and epochs in checkpoints' names against the trainings that the logs show."""
    trainings = [log for log in dossier.logs if log.trains]
    named = [(path.name, Source(path, 0)) for path in dossier.checkpoints]
    named += [(name, Source(report.path, line)) for report in dossier.reports for name, line in report.links]
    for name, source in named if trainings else ():
        found = _CHECKPOINT.search(name)
        if found and not any(_fits(int(found[1]), int(found[2]), log) for log in trainings):
            line, last = trainings[0].steps[-1]
            says = Side(Source(trainings[0].path, line), f"{last.epochs} epochs of {last.steps} steps")
            yield Finding("checkpoint", (Side(source, name), says), "no step of that training has this name")


def _fits(first: int, second: int, log: Log) -> bool:
    """Whether ``<prefix>-<first>_<second>`` may be a checkpoint of a training.

    MindSpore writes epoch and step within it; with data sinking, how many sinks and steps of each; some versions of
    MindFormers write step and epoch.
    """
    last = log.steps[-1][1]
    is_epoch = first <= last.epochs and second <= last.steps
    is_sink = first * second <= last.total_steps
    is_step = first <= last.total_steps and second <= last.epochs
    return is_epoch or is_sink or is_step


def scores(dossier: Dossier, model: str) -> list[tuple[Log | Predictions, dict[str, Fact]]]:
    """Return what was measured of a model: logs and predictions with ``f1``, ``em``, ``accuracy``, ``items``."""
    found: list[tuple[Log | Predictions, dict[str, Fact]]] = []
    for log in dossier.logs:
        if log.final and same_model(log.model, model):
            found.append((log, log.final))
    for file in dossier.predictions:
        measured = {name: value for name in ("f1", "em", "accuracy") if (value := file.score(name)) is not None}
        if "f1" in measured:
            measured["items"] = file.items
        whole = Source(file.path, 0)
        found.append((file, {name: Fact(name, value, whole, shown(value)) for name, value in measured.items()}))
    return found
