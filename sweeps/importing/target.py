"""The sweep that a finished run goes to: the one named, that of a sweep file, or the only one that it fits."""

from __future__ import annotations

from pathlib import Path

import optuna

from sweeps import study as studies
from sweeps.config import SweepConfig, load_sweep
from sweeps.generations import name_of
from sweeps.importing.fit import Fit, fit
from sweeps.importing.run import FinishedRun, ImportRefused
from sweeps.plan import Plan, make_plan
from sweeps.stores import StoreError, Stores
from sweeps.training_data import Contents
from trainer import files
from trainer.recipe import Recipe, RecipeError


def of_file(sweep: Path, stores: Stores) -> Plan:
    """Return the plan of a sweep file, whose sweep may not have been started yet.

    Raises:
        FileFaults, RecipeError, DataError, StoreError: the file is not fit to start, or was started otherwise.
    """
    config, document = load_sweep(sweep)
    plan = make_plan(config, document, stores)
    if _names(stores):
        # a later generation would have a name that the user has not seen
        name = name_of(config, stores.study_url, plan.inputs, accept_changes=False)
        if name != config.name:
            raise StoreError(f"{sweep}: its sweep goes on as {name}; import with --sweep {name}")
    return plan


def of_study(name: str, stores: Stores) -> Plan:
    """Return the plan of a sweep that was started; its data need not be there any more.

    Raises:
        StoreError: there is none of that name, or its recipe changed since.
    """
    stores.check()
    study = studies.load_study(name, stores.study_url)
    config, inputs = studies.started_with(study.study_name, stores.study_url)
    if config is None:
        raise StoreError(f"sweep {name} has only just been started; try again in a second")
    return _plan(config, inputs, stores)


def _plan(config: SweepConfig, inputs: object, stores: Stores) -> Plan:
    known = dict(inputs) if isinstance(inputs, dict) else {}
    try:
        recipe = Recipe.read(config.recipe)
        changed = known.get("recipe") != files.digest(config.recipe)
    except (RecipeError, OSError) as error:
        raise StoreError(f"sweep {config.name}: its recipe cannot be read: {error}") from error
    if changed:
        raise StoreError(f"sweep {config.name}: its recipe {config.recipe} changed since it was started")
    # nothing is trained, so what there is to train on does not matter
    return Plan(config, recipe, stores.sweep(config.name), stores.cache, Contents({}), known, {})


def study_of(plan: Plan, stores: Stores) -> optuna.Study | None:
    """Return the study of a sweep; None where it was not started yet."""
    started = plan.config.name in _names(stores)
    return studies.load_study(plan.config.name, stores.study_url) if started else None


def _names(stores: Stores) -> list[str]:
    """Return the sweeps that were started; without making a database where there is none."""
    is_there = stores.study_file is None or stores.study_file.exists()
    return studies.study_names(stores.study_url) if is_there else []


def fitting(run: FinishedRun, stores: Stores) -> tuple[Plan, Fit]:
    """Return the only sweep that a run fits.

    Raises:
        ImportRefused: it fits none, with all reasons, or several.
    """
    found, reasons = [], []
    names = _names(stores)
    for name in names:
        try:
            plan = of_study(name, stores)
        except StoreError as error:
            reasons.append(str(error))
            continue
        fitted = fit(run, plan)
        if isinstance(fitted, Fit):
            found.append((plan, fitted))
        else:
            reasons += [f"does not fit sweep {name}: {reason}" for reason in fitted]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(plan.config.name for plan, _ in found)
        raise ImportRefused(run.recipe.path, [f"fits several sweeps, {several}; name one with --sweep"])
    if not names:
        reasons = [f"there is no sweep in {stores.root}; name a sweep file with --into"]
    raise ImportRefused(run.recipe.path, reasons)
