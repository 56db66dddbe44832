"""What only the recipe and the data can show to be wrong with a sweep file; all at once, before anything starts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from functools import reduce
from typing import Any

from evaluation.items import stream
from search_spaces.distributions import CategoricalParameter, FloatParameter, Parameter, SubsetParameter
from search_spaces.load import Document, FileFaults
from search_spaces.section import Location, Problem
from sweeps.config import SweepConfig
from sweeps.evaluations import NEEDED_ON_CARDS
from sweeps.training_checks import problems as training_problems
from sweeps.training_data import Contents, of_recipe, path_problem, transforms_of
from trainer.lora import LoraError, account
from trainer.recipe import Recipe, RecipeError
from trainer.transforms import TransformError

BASE, RECORD = "load_checkpoint", "train_dataset.data_loader.dataset_dir"
"""Paths of the recipe that lorasweep sets itself, as it does ``SEED``, which a sweep may set, too."""

SEED, SEQ_LENGTH, PAD = "seed", "model.model_config.seq_length", "model.model_config.pad_token_id"
_PET = "model.model_config.pet_config"
_RANK, _TARGETS = f"{_PET}.lora_rank", f"{_PET}.target_modules"
_READ_HERE = ("context.device_target", "runner_wrapper.type", "callbacks", "run_mode")
_SAME_FOR_ALL = {*_READ_HERE, "use_parallel", "load_ckpt_format"}
_NEEDED = (BASE, RECORD, SEED, SEQ_LENGTH, PAD, _PET, *_READ_HERE)


def check(config: SweepConfig, document: Document, recipe: Recipe) -> Contents:
    """Return what the training file holds.

    Raises:
        FileFaults: all that is wrong.
        DataError: a data file is broken.
    """
    paths = dict(config.space.paths())
    said = [(path, message) for path in paths for message in _path_problems(config, recipe, path)]
    problems: list[Problem] = [(paths[path], message) for path, message in said]
    lacking = [message for path in _NEEDED for message in recipe.faults([path])]
    problems += [(("recipe",), message) for message in lacking]
    if not lacking:
        faulty = {path for path, _ in said}
        problems += _value_problems(config, recipe, faulty)
        with suppress(RecipeError):  # of which _value_problems tells
            fixed = {path: value for path, value in config.fixed.items() if path not in faulty}
            values = recipe.set(fixed)
            problems += [*_hardware_problems(config, recipe, values), *_base_problems(config, values)]
            problems += _module_problems(config, recipe, fixed)
    if problems:
        raise FileFaults(document.faults(problems))
    contents = Contents.read(config)
    items = {name: sum(1 for _ in stream(name, evaluation.file)) for name, evaluation in config.evaluation.items()}
    if problems := list(training_problems(config, recipe, contents, items)):
        raise FileFaults(document.faults(problems))
    return contents


def _path_problems(config: SweepConfig, recipe: Recipe, path: str) -> list[str]:
    if (problem := path_problem(config, path)) is not None:
        return [problem] if problem else []
    problems = recipe.faults([path])
    if path in (BASE, RECORD):
        problems.append(f"{path} is set by lorasweep itself: to `model.base`, and to `train.data` as tokens")
    if path in _SAME_FOR_ALL and path not in config.fixed:
        problems.append(f"{path} cannot differ between trials; set it under `fixed`")
    return problems


def _value_problems(config: SweepConfig, recipe: Recipe, faulty: Set[str]) -> Iterator[Problem]:
    """Set each value that a sweep file names, as a trial would: a recipe may not take it."""
    own = {BASE: "", RECORD: "", SEED: 0}
    members: list[tuple[Location, Sequence[str], list[object]]] = [
        (("fixed", path), (path,), [value]) for path, value in config.fixed.items()
    ]
    for name, parameter in config.parameters.items():
        members.append((("parameters", name), parameter.sets, [parameter.setting(v) for v in _choices(parameter)]))
    for place, sets, values in members:
        paths = [path for path in sets if path not in faulty]
        for value in values:
            try:
                settings = dict.fromkeys(paths, value)
                changed = recipe.set({**own, **of_recipe(settings)})
                _whole_numbers(changed, paths)
                transforms_of(config, settings)
            except TransformError as error:
                yield place, error.reason
                break
            except (RecipeError, ValueError) as error:
                yield place, str(error)
                break
    for name, derived in config.derived.items():
        try:
            recipe.set({**own, **of_recipe({path: 1 for path in derived.sets if path not in faulty})})
        except RecipeError as error:
            yield ("derived", name), str(error)


def _choices(parameter: Parameter) -> list[Any]:
    """Return values of a parameter to try a recipe with: all choices, each member, or both ends of a range."""
    if isinstance(parameter, SubsetParameter):
        return [[member] for member in parameter.of]
    if isinstance(parameter, CategoricalParameter):
        return list(parameter.choices)
    if isinstance(parameter, FloatParameter):
        # not the ends, which may be whole numbers: what lies between them is not
        return [math.nextafter(parameter.low, parameter.high)]
    return list(parameter.extremes())


def _whole_numbers(values: Mapping[str, Any], paths: Sequence[str]) -> None:
    for path in (SEED, SEQ_LENGTH, PAD, _RANK):
        if path in paths:
            number = reduce(lambda found, key: found[key], path.split("."), values)
            low = 0 if path in (SEED, PAD) else 1
            if isinstance(number, bool) or not isinstance(number, int) or number < low:
                raise ValueError(f"{path} takes integers from {low} only, got {number!r}; expected an int parameter")


def _hardware_problems(config: SweepConfig, recipe: Recipe, values: Mapping[str, Any]) -> Iterator[Problem]:
    source = config.recipe
    target, cards = values["context"]["device_target"], list(config.slots.devices)
    if (target == "CPU") != (not cards):
        yield ("slots",), f"devices {cards} do not go with {source}: context.device_target is {target}"
    elif cards:
        why = "with any value: it is set where a protocol is measured on cards"
        yield from ((("recipe",), f"{message} {why}") for message in recipe.faults(NEEDED_ON_CARDS))
    wrapper = values["runner_wrapper"]["type"]
    if target == "CPU" and wrapper != "CpuTrainOneStepCell":
        message = f"{wrapper} needs an Ascend kernel; on CPU write CpuTrainOneStepCell"
        yield ("recipe",), f"{source}: runner_wrapper.type: {message}"
    if config.slots.workers > 1 and not values.get("use_parallel"):
        yield ("slots",), f"{config.slots.workers} workers need use_parallel: True in {source}"
    parallel = values.get("parallel_config")
    for key in ("model_parallel", "pipeline_stage"):
        cut = parallel.get(key, 1) if isinstance(parallel, dict) else 1
        if cut != 1:
            expected = "expected 1, and data_parallel for more cards: the adapter is saved and measured from one card"
            yield ("recipe",), f"{source}: parallel_config.{key} is {cut}; {expected}"
    callbacks = values["callbacks"] if isinstance(values["callbacks"], list) else []
    if not any(isinstance(c, dict) and c.get("type") == "MFLossMonitor" for c in callbacks):
        yield ("recipe",), f"{source}: callbacks: MFLossMonitor is missing; without it no step can be followed"


def _base_problems(config: SweepConfig, values: Mapping[str, Any]) -> Iterator[Problem]:
    """MindFormers ends with an error where it cannot load the base, but only after minutes of starting up."""
    base, kind = config.model.base, values.get("load_ckpt_format") or "ckpt"
    if base.suffix != f".{kind}":
        yield ("model", "base"), f"{base.name} does not go with {config.recipe}: load_ckpt_format is {kind}"
    elif values.get("use_parallel") and kind != "ckpt":
        yield (
            ("model", "base"),
            f"{base.name}: with use_parallel: True MindFormers takes a single .ckpt file; convert it",
        )


def _module_problems(config: SweepConfig, recipe: Recipe, fixed: Mapping[str, object]) -> Iterator[Problem]:
    """Try each target module by itself: a name that fits nothing would cost a trial, or hide beside one that fits."""
    swept = False
    for name, parameter in config.parameters.items():
        if _TARGETS not in parameter.sets:
            continue
        swept = True
        for choice in _choices(parameter):
            if problem := _module_problem(recipe, {**fixed, _TARGETS: parameter.setting(choice)}):
                yield ("parameters", name), problem
    if not swept and (problem := _module_problem(recipe, fixed)):
        yield ("fixed", _TARGETS) if _TARGETS in fixed else ("recipe",), problem


def _module_problem(recipe: Recipe, settings: Mapping[str, object]) -> str:
    try:
        account(recipe.set(settings), str(recipe.source))
    except LoraError as error:
        return str(error)
    return ""
