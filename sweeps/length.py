"""How long a configuration trains, in steps, as its recipe and the number of its items tell before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search_spaces.encoding import Encoding
from search_spaces.section import shown
from sweeps.config import SweepConfig
from sweeps.fidelity import EPOCHS, MOST
from sweeps.forecast import steps_per_epoch
from trainer.recipe import Recipe

BATCH, ACCUMULATION = "runner_config.batch_size", "runner_config.gradient_accumulation_steps"
SINK_MODE, SINK_SIZE = "runner_config.sink_mode", "runner_config.sink_size"

_SAMPLE = 128


class LengthError(ValueError):
    """A value that the length follows from is invalid.

    Attributes:
        path: of the recipe.
    """

    def __init__(self, path: str, message: str) -> None:
        """Say what is wrong with the value at ``path``."""
        self.path = path
        super().__init__(f"{path}: {message}")


@dataclass(frozen=True)
class Length:
    """A training's.

    Attributes:
        epochs: of the whole training.
        steps_per_epoch: at most: items that ``seq_length`` cuts off whole are left out in training.
        batch: items a step and worker.
        sunk: steps done at a time, which a rung cannot end amid.
    """

    epochs: int
    steps_per_epoch: int
    batch: int
    sunk: int

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.epochs * self.steps_per_epoch

    @classmethod
    def of(cls, recipe: Recipe, settings: Mapping[str, object], rows: int, workers: int) -> Length:
        """Work it out for the recipe with ``settings`` in it.

        Args:
            rows: items of the training file.

        Raises:
            LengthError: a value is no integer within bounds.
        """

        def whole(path: str) -> int:
            value = value_of(path, recipe, settings)
            if type(value) is not int or not 1 <= value <= MOST:
                raise LengthError(path, f"expected an integer from 1 to {MOST}, got {shown(value)}")
            return value

        batch = whole(BATCH) * (1 if value_of(ACCUMULATION, recipe, settings) is None else whole(ACCUMULATION))
        steps, sunk = steps_per_epoch(rows, batch, workers), 1
        if value_of(SINK_MODE, recipe, settings):
            # as in MindFormers, -1 is a whole epoch
            sunk = max(1, steps) if value_of(SINK_SIZE, recipe, settings) == -1 else whole(SINK_SIZE)
        return cls(whole(EPOCHS), steps, batch, sunk)


def value_of(path: str, recipe: Recipe, settings: Mapping[str, object]) -> object:
    """Return what a trial has at a path of the recipe; None where there is no such key."""
    if path in settings:
        return settings[path]
    found: object = recipe.values
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def sample(config: SweepConfig) -> tuple[list[dict[str, object]], list[str]]:
    """Return what some configurations all over the space set in the recipe, and why others set nothing.

    They are the enqueued ones, two corners and 128 at random, the same for the same seed; halving's length is in them.
    """
    found: list[dict[str, object]] = []
    failed: list[str] = []
    for params in [*config.enqueued_params(), *Encoding(config.space).sample(_SAMPLE, config.seed)]:
        try:
            found.append({**config.space.settings(params), **config.length()})
        except ValueError as error:
            failed.append(str(error))
    return found, failed
