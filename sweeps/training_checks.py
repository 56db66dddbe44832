"""What a sweep's recipe and data show to be wrong with how far its trials train: else only launches would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from search_spaces.section import Location, Problem
from sweeps.config import SweepConfig
from sweeps.fidelity import EPOCHS
from sweeps.length import BATCH, SINK_SIZE, Length, LengthError, sample, value_of
from sweeps.training_data import Contents, place_of
from trainer.recipe import Recipe
from trainer.transforms import TransformError

_PARALLEL_OPTIMIZER = "parallel.enable_parallel_optimizer"


def problems(config: SweepConfig, recipe: Recipe, contents: Contents, items: Mapping[str, int]) -> Iterator[Problem]:
    """Say what is wrong, tried on configurations all over the space; of faults alike the first.

    Args:
        contents: of the file to train on.
        items: protocol -> items of its file.
    """
    yield from _item_problems(config, items)
    sampled, failed = sample(config)
    if not sampled:
        yield ("derived",), f"none of the {len(failed)} configurations tried can be computed: {failed[0]}"
    said: set[Location] = set()
    for settings in sampled:
        try:
            training = _Training(config, recipe, settings, contents.rows(config, settings))
        except TransformError as error:
            found: Iterable[Problem] = [(place_of(config, error.field), error.reason)]
        else:
            found = training.problems()
        for place, message in found:
            if place not in said:
                said.add(place)
                yield place, message


def _item_problems(config: SweepConfig, items: Mapping[str, int]) -> Iterator[Problem]:
    """Find rungs that would measure all items and yet count as measured on a part, which bars them from the front."""
    for protocol, count in ({} if config.halving is None else config.halving.items).items():
        if count >= items[protocol]:
            file = config.evaluation[protocol].file
            message = (
                f"expected fewer than the {items[protocol]} items of {file}, got {count}; delete it to measure all"
            )
            yield ("halving", "items", protocol), message


class _Training:
    """One configuration's training."""

    def __init__(self, config: SweepConfig, recipe: Recipe, settings: Mapping[str, object], rows: int) -> None:
        self._config, self._recipe, self._settings, self._rows = config, recipe, settings, rows
        self._places = dict(config.space.paths())

    def problems(self) -> Iterator[Problem]:
        workers = self._config.slots.workers
        try:
            length = Length.of(self._recipe, self._settings, self._rows, workers)
        except LengthError as error:
            yield self._place(error.path), f"{self._source(error.path)}{error}"
            return
        if not length.steps_per_epoch:
            message = f"an epoch has no step: {self._rows} items of {self._config.train.data} for {workers} workers"
            yield (
                self._place(BATCH),
                f"{message} do not fill a batch of {length.batch} ({BATCH} * gradient_accumulation_steps); lower it",
            )
            return
        yield from self._rung_problems(length)
        yield from self._budget_problems(length)

    def _rung_problems(self, length: Length) -> Iterator[Problem]:
        halving = self._config.halving
        if halving is None:
            return
        where = ("halving", "rungs" if halving.rungs else "max")
        epochs = halving.unit == "epochs"
        steps = {rung: rung * length.steps_per_epoch if epochs else rung for rung in halving.at}
        if halving.at[-1] > length.steps and not epochs:
            whole = f"{length.epochs} epochs of at most {length.steps_per_epoch} steps, {BATCH} {length.batch}"
            message = f"expected at most {length.steps}, the training's last step ({whole}), got {halving.at[-1]}"
            yield where, f"{message}; raise {EPOCHS}, or lower the rung"
        if length.sunk > length.steps:
            message = f"expected at most {length.steps}, the steps of a training, got {length.sunk}"
            yield self._place(SINK_SIZE), f"{self._source(SINK_SIZE)}{SINK_SIZE}: {message}"
        for rung, step in steps.items():
            if step < length.steps and step % length.sunk:
                message = f"expected 1, or a divisor of {step}, the step where rung {rung} ends, got {length.sunk}"
                yield self._place(SINK_SIZE), f"{self._source(SINK_SIZE)}{SINK_SIZE}: {message}"
        if value_of(_PARALLEL_OPTIMIZER, self._recipe, self._settings):
            message = "expected False with `halving`: of the optimizer's state only worker 0's part would be kept"
            yield (
                self._place(_PARALLEL_OPTIMIZER),
                f"{self._source(_PARALLEL_OPTIMIZER)}{_PARALLEL_OPTIMIZER}: {message}",
            )

    def _budget_problems(self, length: Length) -> Iterator[Problem]:
        budget, halving = self._config.budget, self._config.halving
        # where trials differ in their epochs, another may fit
        if budget is None or (halving is None and self._config.space.influencing(lambda path: path == EPOCHS)):
            return
        first, what = (length.epochs, "the epochs of a trial") if halving is None else (halving.at[0], "the first rung")
        for key, units in (("epochs", budget.epochs), ("steps", budget.steps)):
            if units is not None and units < first:
                yield ("budget", key), f"expected at least {first}, {what}, got {units}: no trial could start"

    def _place(self, path: str) -> Location:
        return self._places.get(path, ("recipe",))

    def _source(self, path: str) -> str:
        return "" if path in self._places else f"{self._recipe.source}: "
