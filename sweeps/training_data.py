"""What a trial trains on: ``train`` of the sweep file, with what the trial sets in it.

A parameter or derived value may set ``train.cot``, ``train.shares.averages`` and so on as it sets a path of the recipe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from evaluation.items import Item, stream
from search_spaces import section
from search_spaces.names import unknown
from search_spaces.section import Location
from sweeps.config import SweepConfig
from trainer import problems as math_problems
from trainer.transforms import MATH, TransformError, Transforms, kind_of

_PREFIX, _SHARES = "train.", "train.shares."


def of_recipe(settings: Mapping[str, object]) -> dict[str, object]:
    """Return those settings of a trial that its recipe gets."""
    return {path: value for path, value in settings.items() if not path.startswith(_PREFIX)}


def transforms_of(config: SweepConfig, settings: Mapping[str, object]) -> Transforms:
    """Return what becomes of the training file in a trial.

    Raises:
        TransformError: a value is none that a transform takes.
    """
    values: dict[str, Any] = {name: getattr(config.train, name) for name in Transforms.model_fields}
    values["shares"] = dict(config.train.shares)
    for path, value in settings.items():
        if path.startswith(_SHARES):
            values["shares"][path.removeprefix(_SHARES)] = value
        elif path.startswith(_PREFIX):
            values[path.removeprefix(_PREFIX)] = value
    try:
        # as the sweep file's section, whose errors are worded for its writer
        train = config.train.model_validate({"data": config.train.data, "protocol": config.train.protocol, **values})
    except ValidationError as error:
        place, reason = section.problems(error)[0]
        raise TransformError(str(place[0]), reason) from error
    return Transforms(**{name: getattr(train, name) for name in Transforms.model_fields})


def path_problem(config: SweepConfig, path: str) -> str | None:
    """Return what is wrong with setting a path, or an empty text; None: it is one of the recipe's."""
    if not path.startswith(_PREFIX):
        return None
    if path in config.fixed:
        return f"write it under `train`: {path.removeprefix(_PREFIX)}: {config.fixed[path]}"
    name = path.removeprefix(_PREFIX)
    if path.startswith(_SHARES) or (name in Transforms.model_fields and name != "shares"):
        return ""
    return unknown("transform", name, [*(name for name in Transforms.model_fields if name != "shares"), "shares.KIND"])


@dataclass(frozen=True)
class Contents:
    """What the training file holds, as far as it matters to the sweep.

    Attributes:
        kinds: kind of item -> how many; all under ``""`` where no share depends on it.
        worked: whether any answer can be worked out step by step; not looked for where no trial asks for it.
        rounded: whether any answer can be rounded; likewise.
    """

    kinds: Mapping[str, int]
    worked: bool = False
    rounded: bool = False

    @classmethod
    def read(cls, config: SweepConfig) -> Contents:
        """Read the training file once, item by item; raises ``DataError`` where it is broken."""
        paths = {path.split(".")[1] for path, _ in config.space.paths() if path.startswith(_PREFIX)}
        train = config.train
        is_math = train.protocol == MATH
        by_kind = bool(train.shares) or "shares" in paths
        find_worked = is_math and (train.step_by_step or "step_by_step" in paths)
        find_rounded = is_math and (train.decimals is not None or "decimals" in paths)
        kinds: Counter[str] = Counter()
        worked = rounded = False
        for item in stream(train.protocol, train.data):
            kinds[kind_of(item, train.protocol) if by_kind else ""] += 1
            worked = worked or (find_worked and _can_be_worked(item))
            rounded = rounded or (find_rounded and math_problems.rounded(item.answers[0], 0) is not None)
        return cls(kinds, worked, rounded)

    @property
    def items(self) -> int:
        """All of them."""
        return sum(self.kinds.values())

    def rows(self, config: SweepConfig, settings: Mapping[str, object]) -> int:
        """Return how many items a trial trains on; raises ``TransformError`` where its data cannot be had."""
        transforms = transforms_of(config, settings)
        transforms.check(config.train.protocol)
        if transforms.step_by_step and not self.worked:
            raise TransformError(
                "step_by_step", f"no problem of {config.train.data} is of a kind that can be worked out"
            )
        if transforms.decimals is not None and not self.rounded:
            raise TransformError("decimals", f"no answer of {config.train.data} has a number to round")
        return transforms.rows(self.kinds)


def _can_be_worked(item: Item) -> bool:
    return math_problems.steps(item.fields["problem"], item.answers[0]) is not None


def place_of(config: SweepConfig, field: str) -> Location:
    """Return where the sweep file sets a transform."""
    for path, place in config.space.paths():
        if f"{path}.".startswith(f"{_PREFIX}{field}."):
            return place
    return "train", field
