"""On cards each protocol is measured by an msrun of its own, with a YAML of its own; on CPU, by the training's process.

Each YAML is the trial's recipe as MindFormers decodes with it (``run_mode: predict``): a key-value cache large enough
for a batch, dynamic shapes, one card without any parallelism, since each card can hold the model. Which keys these are
was taken from MindFormers' own ``configs/llama2/predict_llama2_7b.yaml``. The base's weights are the recipe's
``load_checkpoint``; those of the adapter are given to the worker. No card was at hand: what is rendered and started is
tested, and the chain of launches runs on CPU in a test, without a cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pydantic import ValidationError

from trainer import decoding
from trainer.job import Benchmark, Job
from trainer.measurement import Measurement
from trainer.msrun import Launch, left
from trainer.paths import TrialPaths
from trainer.recipe import Recipe

_MODEL = "model.model_config"
_WINDOW = f"{_MODEL}.seq_length"
_CACHE, _DYNAMIC, _BATCH = f"{_MODEL}.use_past", f"{_MODEL}.is_dynamic", f"{_MODEL}.batch_size"
_BLOCK_SIZE, _BLOCKS = f"{_MODEL}.block_size", f"{_MODEL}.num_blocks"
NEEDED_ON_CARDS = (_CACHE, _DYNAMIC, _BATCH, _BLOCK_SIZE, _BLOCKS)
"""Paths that a recipe for cards must have beside those of any recipe, whatever stands there: they are set here."""

_ALONE = {"use_parallel": False, "parallel_config.data_parallel": 1}


def settings(recipe: Recipe, benchmark: Benchmark, job: Job) -> dict[str, object]:
    """Return the recipe paths that differ from the training's where a benchmark is measured."""
    window = decoding.window_of(benchmark, job.templates[benchmark.protocol], job.tokenizer)
    return {
        "run_mode": "predict",
        **{path: value for path, value in _ALONE.items() if not recipe.faults([path])},
        _WINDOW: window,
        _CACHE: True,
        _DYNAMIC: True,
        _BATCH: benchmark.batch,
        _BLOCK_SIZE: decoding.MULTIPLE,
        _BLOCKS: benchmark.batch * window // decoding.MULTIPLE,
    }


def chain(paths: TrialPaths, benchmarks: Sequence[Benchmark], *, trains: bool, again: bool) -> Launch:
    """Return what a job on cards launches: its training, if any, then each benchmark, of which there is one at least.

    Args:
        trains: whether there is a training, whose adapter is measured; else the untouched base is.
        again: an earlier attempt was to do the very same: what of it ended well is not done again.
    """
    first, *then = _launches(paths, benchmarks, trains)
    if not then:
        # alone it writes the trial's measurement itself: nothing is to be put together
        return replace(first, measurement=None)
    links = []
    for link in (first, *then):
        # what follows one that is to be run is to be run, too
        again = again and _ended_well(link, paths)
        links.append(replace(link, done=again))
    return replace(links[0], then=tuple(links[1:]))


def _ended_well(link: Launch, paths: TrialPaths) -> bool:
    """Whether all is there that a link leaves; what it measured is the last that it writes."""
    try:
        Measurement.read(link.measurement or paths.measurement)
    except (OSError, ValidationError):
        return False
    return all(file.exists() for file in left(link, paths))


def _launches(paths: TrialPaths, benchmarks: Sequence[Benchmark], trains: bool) -> Iterator[Launch]:
    if trains:
        yield Launch(paths.recipe, paths.job, ("train",), measurement=paths.part("train"))
    for place, benchmark in enumerate(benchmarks, 1):
        protocol = benchmark.protocol
        yield Launch(
            paths.evaluation(protocol),
            paths.job,
            (protocol,),
            adapter=paths.adapter if trains else None,
            measurement=paths.part(protocol),
            workers=1,
            log_folder=paths.link(place, protocol).log_folder,
        )
