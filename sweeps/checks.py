"""What only the recipe and the data can show to be wrong with a sweep file; all at once, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evaluation.items import read
from search_spaces.distributions import CategoricalParameter, SubsetParameter
from search_spaces.load import Document, FileFaults
from search_spaces.section import Problem
from sweeps.config import SweepConfig
from trainer.lora import LoraError, account
from trainer.recipe import Recipe

BASE, RECORD = "load_checkpoint", "train_dataset.data_loader.dataset_dir"
"""Paths of the recipe that lorasweep sets itself, as it does ``SEED``, which a sweep may set, too."""

SEED, SEQ_LENGTH, PAD = "seed", "model.model_config.seq_length", "model.model_config.pad_token_id"
_PET = "model.model_config.pet_config"
_TARGETS = f"{_PET}.target_modules"
_NEEDED = (BASE, RECORD, SEED, SEQ_LENGTH, PAD, _PET, "context.device_target", "runner_wrapper.type", "callbacks")


def check(config: SweepConfig, document: Document, recipe: Recipe) -> None:
    """Raise ``FileFaults`` with all that is wrong, and ``DataError`` where a data file is broken."""
    paths = dict(config.space.paths())
    unknown = {path for path in paths if recipe.faults([path])}
    problems: list[Problem] = [(paths[path], message) for path in unknown for message in recipe.faults([path])]
    for path in {BASE, RECORD} & paths.keys():
        problems.append(
            (paths[path], f"{path} is set by lorasweep itself: to `model.base`, and to `train.data` as tokens")
        )
    lacking = [message for path in _NEEDED for message in recipe.faults([path])]
    problems += [(("recipe",), message) for message in lacking]
    if not lacking:
        problems += [*_hardware_problems(config, recipe), *_base_problems(config, recipe)]
        fixed = {path: value for path, value in config.space.fixed.items() if path not in unknown}
        problems += _module_problems(config, recipe, fixed)
    if problems:
        raise FileFaults(document.faults(problems))
    read(config.train.protocol, config.train.data)
    for protocol, evaluation in config.evaluation.items():
        read(protocol, evaluation.file)


def _hardware_problems(config: SweepConfig, recipe: Recipe) -> Iterator[Problem]:
    target, cards = recipe.get("context.device_target"), list(config.slots.devices)
    if (target == "CPU") != (not cards):
        yield ("slots",), f"devices {cards} do not go with {recipe.source}: context.device_target is {target}"
    wrapper = recipe.get("runner_wrapper.type")
    if target == "CPU" and wrapper != "CpuTrainOneStepCell":
        message = f"{wrapper} needs an Ascend kernel; on CPU write CpuTrainOneStepCell"
        yield ("recipe",), f"{recipe.source}: runner_wrapper.type: {message}"
    if config.slots.workers > 1 and not recipe.values.get("use_parallel"):
        yield ("slots",), f"{config.slots.workers} workers need use_parallel: True in {recipe.source}"
    parallel: Any = recipe.values.get("parallel_config") or {}
    for key in ("model_parallel", "pipeline_stage"):
        if parallel.get(key, 1) != 1:
            expected = "expected 1, and data_parallel for more cards: the adapter is saved and measured from one card"
            yield ("recipe",), f"{recipe.source}: parallel_config.{key} is {parallel[key]}; {expected}"
    callbacks: Any = recipe.get("callbacks")
    if not any(isinstance(c, dict) and c.get("type") == "MFLossMonitor" for c in callbacks or ()):
        yield ("recipe",), f"{recipe.source}: callbacks: MFLossMonitor is missing; without it no step can be followed"


def _base_problems(config: SweepConfig, recipe: Recipe) -> Iterator[Problem]:
    """MindFormers ends with an error where it cannot load the base, but only after minutes of starting up."""
    base, kind = config.model.base, recipe.values.get("load_ckpt_format") or "ckpt"
    if base.suffix != f".{kind}":
        yield ("model", "base"), f"{base.name} does not go with {recipe.source}: load_ckpt_format is {kind}"
    elif recipe.values.get("use_parallel") and kind != "ckpt":
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
        choices: list[Any] = []
        if isinstance(parameter, SubsetParameter):
            choices = [[member] for member in parameter.of]
        elif isinstance(parameter, CategoricalParameter):
            choices = list(parameter.choices)
        for choice in choices:
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
