"""Which files are about the same run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sweeps.dossier.facts import TARGETS, Fact, modules
from sweeps.dossier.folder import Dossier
from sweeps.dossier.logs import Log
from sweeps.dossier.predictions import Predictions
from sweeps.dossier.recipes import RecipeFile
from sweeps.dossier.reports import Report
from trainer.lora import Accounting

_BASE = "base"


@dataclass(frozen=True)
class Settings:
    """What a run was set to, by its YAML or by its log.

    Attributes:
        model: MindFormers' name of the model; empty where it is not known.
        targets: modules that the adapter is on; None where they are not known, or the pattern matches none.
        batches: what may be called its batch size.
        recipe: None for a log's.
    """

    model: str
    facts: Mapping[str, Fact]
    targets: frozenset[str] | None
    batches: frozenset[float]
    recipe: RecipeFile | None = None

    @classmethod
    def of_recipe(cls, recipe: RecipeFile) -> Settings:
        """Return what a YAML says."""
        counted = recipe.accounting
        names = frozenset(module.name for module in counted.modules) if isinstance(counted, Accounting) else None
        return cls(recipe.model, recipe.facts, names, recipe.batches, recipe)

    @classmethod
    def of_log(cls, log: Log) -> Settings:
        """Return what a worker's log says."""
        batches = [log.facts[name].number for name in ("batch_size", "global_batch") if name in log.facts]
        targets = _names(log.facts[TARGETS].text) if TARGETS in log.facts else None
        return cls(log.model, log.facts, targets or None, frozenset(batches))

    def agrees(self, claim: Fact) -> bool:
        """Whether it says what a fact of a report, or of a log, says; also where it does not say anything."""
        if (known := self.facts.get(claim.name)) is None:
            return True
        if claim.name == TARGETS:
            return claim.value == known.value or self._has_targets(claim)
        if claim.name == "batch_size":
            return any(claim.agrees(batch) for batch in self.batches)
        return claim.agrees(known.number)

    def _has_targets(self, claim: Fact) -> bool:
        is_pattern = isinstance(claim.value, str) or "*" in claim.text
        if is_pattern and self.recipe is not None and isinstance(self.recipe.accounting, Accounting):
            counted = self.recipe.changed({TARGETS: claim.text})
            # a report may write a pattern carelessly; a log holds the one that ran
            if isinstance(counted, Accounting) or isinstance(claim.value, str):
                return adapted(counted) == adapted(self.recipe.accounting)
        said = claim.value if isinstance(claim.value, frozenset) else _names(str(claim.value))
        return self.targets is None or not said or said == self.targets


def adapted(counted: Accounting | str) -> object:
    """Return which modules an adapter is on, however its pattern is written; why it is on none, where it is not."""
    return counted if isinstance(counted, str) else frozenset((module.name, module.count) for module in counted.modules)


def _names(pattern: str) -> frozenset[str]:
    """Return the modules that a pattern names; none where a part of it, such as ``.*w[qk]``, names none."""
    return modules(pattern) if all(map(modules, pattern.split("|"))) else frozenset()


def of_report(report: Report, dossier: Dossier) -> list[Settings]:
    """Return the settings that a report may be about: the YAML that it names first, else all for training, else logs.

    A report that was copied from another may name YAML of that one further down. What lies in a folder ``base`` was
    measured only.
    """
    trainings = [recipe for recipe in dossier.trainings if not _in_base(recipe.path)] or dossier.trainings
    names = {recipe.path.name for recipe in trainings}
    first = next((name for name in report.recipes if name in names), None)
    if recipes := [recipe for recipe in trainings if first in (None, recipe.path.name)]:
        return [Settings.of_recipe(recipe) for recipe in recipes]
    return [Settings.of_log(log) for log in dossier.logs if log.trains]


def of_log(log: Log, dossier: Dossier) -> list[RecipeFile]:
    """Return the YAML files that a training may have run with: of its model, the nearest in the folders."""
    return nearest(log.path, [recipe for recipe in dossier.trainings if same_model(recipe.model, log.model)])


def nearest(path: Path, recipes: Sequence[RecipeFile]) -> list[RecipeFile]:
    """Return those that have most folders in common with ``path``."""
    shared = {id(recipe): common(path, recipe.path) for recipe in recipes}
    return [recipe for recipe in recipes if shared[id(recipe)] == max(shared.values())]


def common(first: Path, second: Path) -> int:
    """Return how many folders two files have in common, from the root."""
    return len(Path(os.path.commonpath([first.absolute().parent, second.absolute().parent])).parts)


def same_model(first: str, second: str) -> bool:
    """Whether two of MindFormers' names may be of one model, as ``internlm_7b`` and ``internlm_7b_lora`` are."""
    return first.startswith(second) or second.startswith(first)


def of_base(file: Log | Predictions, dossier: Dossier) -> bool:
    """Whether an evaluation is of the untuned model.

    It is where it loaded the checkpoint that a training began from, or lies in a folder ``base`` (or a folder of that).
    """
    if isinstance(file, Log) and file.checkpoint:
        begun = [str(recipe.values.get("load_checkpoint") or "") for recipe in dossier.trainings]
        begun += [log.checkpoint for log in dossier.logs if log.trains]
        return PurePosixPath(file.checkpoint).name in {PurePosixPath(path).name for path in begun}
    return _in_base(file.path)


def _in_base(path: Path) -> bool:
    return _BASE in path.absolute().parts[-3:-1]
