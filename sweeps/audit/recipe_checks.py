"""Contradictions within and between YAML files."""

from __future__ import annotations

from collections.abc import Iterator

from sweeps.audit.findings import Finding, contradiction
from sweeps.audit.pairing import adapted, nearest, same_model
from sweeps.dossier.facts import PATHS, TARGETS
from sweeps.dossier.folder import Dossier
from sweeps.dossier.recipes import RecipeFile
from trainer.lora import Accounting

_ADAPTER = ("lora_rank", "lora_alpha", TARGETS)


def dead_patterns(dossier: Dossier) -> Iterator[Finding]:
    """Find target_modules that match no module of the model, or of which an alternative matches none."""
    for recipe in dossier.recipes:
        if TARGETS in recipe.facts and (reason := dead(recipe.accounting)):
            yield contradiction(TARGETS, [recipe.facts[TARGETS]], reason)


def dead(counted: object) -> str:
    """Return why a pattern matches nothing, where that is why nothing could be counted; else empty."""
    path, _, reason = str(counted).partition(": ")
    return f"matches no module: {reason}" if isinstance(counted, str) and path == PATHS[TARGETS] else ""


def training_against_inference(dossier: Dossier) -> Iterator[Finding]:
    """Find adapters that inference builds otherwise than training did: weights do not fit, or scale wrong."""
    for recipe in dossier.recipes:
        if recipe.trains or not recipe.has_adapter:
            continue
        trainings = nearest(recipe.path, [other for other in dossier.trainings if _same_network(recipe, other)])
        for name in _ADAPTER if trainings else ():
            known = [training for training in trainings if name in training.facts]
            if name in recipe.facts and known and not any(_same(name, recipe, training) for training in known):
                facts = [known[0].facts[name], recipe.facts[name]]
                yield contradiction(name, facts, "inference must build the adapter that was trained")


def _same(name: str, first: RecipeFile, second: RecipeFile) -> bool:
    # one set of modules may be written as many patterns
    counted = [first.accounting, second.accounting]
    if name == TARGETS and all(isinstance(one, Accounting) for one in counted):
        return adapted(counted[0]) == adapted(counted[1])
    return first.facts[name].value == second.facts[name].value


def _same_network(first: RecipeFile, second: RecipeFile) -> bool:
    sizes = [
        {key: recipe.values["model"]["model_config"].get(key) for key in ("type", "hidden_size", "num_layers")}
        for recipe in (first, second)
    ]
    return sizes[0] == sizes[1] and same_model(first.model, second.model)
