"""The sweep file: what it may hold, and all that is wrong with one at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from evaluation.protocols import MAX_NEW_TOKENS, METRICS
from search_spaces import checks, section
from search_spaces.distributions import OptunaValue, Parameter
from search_spaces.load import Document, FileFaults, read
from search_spaces.names import unknown
from search_spaces.section import Items, Problem, Section, Setting, shown
from search_spaces.space import ConfigurationError, Derived, SearchSpace
from sweeps.fidelity import EPOCHS, Budget, Count, Halving
from sweeps.fidelity_checks import problems as fidelity_problems
from sweeps.goals import Gate, GateText, MetricFormula, Metrics, Objective, with_formulas
from sweeps.notify import Notify
from sweeps.recovery import Retries
from sweeps.retention import DiskSettings
from sweeps.shipped import Base, DataFile, Recipe, Tokenizer
from trainer.prompts import template_problem
from trainer.transforms import Transforms
from trainer.watch import Limits

__all__ = ["Gate", "Objective", "SweepConfig", "load_sweep"]

_MAX_NAME = 80


def _name(value: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*", value) or len(value) > _MAX_NAME:
        raise ValueError(
            f"{shown(value)} cannot name folders and experiments; expected letters, digits, _ - . only, "
            f"not starting with - or ., at most {_MAX_NAME} characters"
        )
    return value


def _protocol(value: str) -> str:
    if value not in METRICS:
        raise ValueError(unknown("protocol", value, METRICS))
    return value


Name = Annotated[str, AfterValidator(_name)]
Protocol = Annotated[str, AfterValidator(_protocol)]


class Model(Section):
    """The base model.

    Attributes:
        base: its weights; ``tiny`` in the file: the shipped ones.
        tokenizer: Hugging Face tokenizer folder; ``tiny`` in the file: the shipped one.
        parameters: denominator of the ratio; None: the parameters of the base model, counted.
    """

    base: Base
    tokenizer: Tokenizer
    parameters: Annotated[int, Field(ge=1, le=10**15)] | None = None


class Train(Section, Transforms):
    """What trials train on, and what becomes of it before (see ``trainer.transforms.Transforms``).

    Attributes:
        data: file; ``tiny/NAME`` in the sweep file is a shipped one.
    """

    data: DataFile
    protocol: Protocol


class Evaluation(Section):
    """What one protocol measures on.

    Attributes:
        items: how many items from the file's start; None: all.
        max_new_tokens: decoding stops there at the latest.
        batch: sequences decoded at once.
    """

    file: DataFile
    items: Count | None = None
    max_new_tokens: Count
    batch: Count


class SlotSettings(Section):
    """How many launches run at the same time.

    Attributes:
        workers: msrun workers, so cards, a launch.
        devices: Ascend cards that may be used; empty: this host's CPU.
    """

    count: Count
    workers: Count
    devices: Items[Annotated[int, Field(ge=0)]] = ()

    @model_validator(mode="after")
    def _fit(self) -> SlotSettings:
        if len(set(self.devices)) < len(self.devices):
            raise ValueError(f"devices {list(self.devices)} name a card twice")
        if self.devices and self.count * self.workers > len(self.devices):
            raise ValueError(
                f"`count * workers <= number of devices` must hold, but got {self.count} * {self.workers} "
                f"and {len(self.devices)} devices"
            )
        return self


class Sampler(Section):
    """How configurations are chosen.

    Attributes:
        type: ``ehvi``: what is expected to add most hypervolume at the last rung (``sweeps.proposal``); the others are
            Optuna's.
        startup_trials: trials spread evenly (``ehvi``) or at random (``tpe``) before anything is modelled.
    """

    type: Literal["ehvi", "tpe", "nsga2", "random"]
    startup_trials: Annotated[int, Field(ge=0)] = 10


class WatchSettings(Section, Limits):
    """When a launch counts as hung, diverged or exploded (see ``trainer.watch.Limits``)."""


class SweepConfig(Section):
    """A sweep file that was checked, all file names absolute.

    Attributes:
        evaluation: protocol -> what it measures on.
        templates: protocol -> prompt of the user's own, in training and in measuring alike.
        trials: so many are started; None: as many as the budget allows.
        halving: rungs at which trials are compared; None: each trains to its end in one launch.
        budget: what the sweep may cost.
        timeout: seconds after which a launch is stopped; None: never.
        watch: when a launch is stopped because it hangs or diverges.
        retries: what is done about failures by the host's fault.
        disk: how much room the sweep may take.
        notify: whom to tell of what happens; None: nobody.
        fixed: dotted path of the recipe -> the value that all trials have.
        metrics: name -> formula over measured metrics and the formulas above it, or a shipped one's name.
        enqueue: configurations that are tried first.
    """

    name: Name
    recipe: Recipe
    model: Model
    train: Train
    evaluation: dict[Protocol, Evaluation]
    templates: dict[Protocol, str] = Field(default_factory=dict)
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    trials: Count | None = None
    halving: Halving | None = None
    budget: Budget | None = None
    slots: SlotSettings
    timeout: Annotated[float, Field(gt=0)] | None = None
    watch: WatchSettings = WatchSettings()
    retries: Retries = Retries()
    disk: DiskSettings = DiskSettings()
    notify: Notify | None = None
    sampler: Sampler
    parameters: Annotated[dict[str, Parameter], Field(min_length=1)]
    derived: dict[str, Derived] = Field(default_factory=dict)
    fixed: dict[str, Setting] = Field(default_factory=dict)
    metrics: dict[str, MetricFormula] = Field(default_factory=dict)
    objectives: Annotated[Items[Objective], Field(min_length=1)]
    gates: Items[GateText] = ()
    enqueue: Items[dict[str, Setting]] = ()

    @cached_property
    def space(self) -> SearchSpace:
        """What trials differ in."""
        return SearchSpace(self.parameters, self.derived, self.fixed)

    @property
    def unit(self) -> Literal["epochs", "steps"]:
        """What rungs and budgets of training count: ``epochs`` or ``steps``."""
        return "epochs" if self.halving is None else self.halving.unit

    def enqueued_params(self) -> list[dict[str, OptunaValue]]:
        """Return the enqueued configurations as Optuna takes them."""
        return [self.space.encode(configuration) for configuration in self.enqueue]

    def length(self) -> dict[str, object]:
        """Return what the rungs set in the recipe: the whole training, over which the learning-rate schedule goes."""
        return {EPOCHS: self.halving.at[-1]} if self.halving is not None and self.halving.unit == "epochs" else {}

    def derived_metrics(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return ``values`` and the formulas over them; NaN where a formula has no finite value."""
        return with_formulas(values, self.metrics)


def load_sweep(path: Path) -> tuple[SweepConfig, Document]:
    """Read a sweep file; the document tells the line of each key, for faults that only its recipe can show.

    Raises:
        FileFaults: all that is wrong with it.
    """
    document = read(path)
    problems = list(document.problems)
    config = None
    try:
        config = SweepConfig.model_validate(document.data, context=path.parent.absolute())
    except ValidationError as error:
        problems += section.problems(error)
    problems += [*_space_problems(document.data), *_goal_problems(document.data)]
    problems += [] if config is None else [*fidelity_problems(config), *_protocol_problems(config)]
    if config is None or problems:
        raise FileFaults(document.faults(problems))
    return config, document


def _protocol_problems(config: SweepConfig) -> Iterator[Problem]:
    for protocol, evaluation in config.evaluation.items():
        given, most = evaluation.max_new_tokens, MAX_NEW_TOKENS.get(protocol)
        if most is not None and given > most:
            message = f"expected at most {most}, as {protocol} has it, got {given}"
            yield ("evaluation", protocol, "max_new_tokens"), message
    for protocol, template in config.templates.items():
        if protocol not in (config.train.protocol, *config.evaluation):
            yield ("templates", protocol), "the sweep neither trains nor measures with that protocol; delete it"
        if problem := template_problem(protocol, template):
            yield ("templates", protocol), problem


def _space_problems(data: Mapping[str, object]) -> Iterator[Problem]:
    parameters, unread_parameters = _entries(TypeAdapter(Parameter), _keyed(data, "parameters"))
    derived, unread_derived = _entries(TypeAdapter(Derived), _keyed(data, "derived"))
    fixed, _ = _entries(TypeAdapter(Setting), _keyed(data, "fixed"))
    space = SearchSpace(parameters, derived, fixed)
    unread = {*unread_parameters, *unread_derived}
    found = checks.problems(space, unread)
    yield from found
    faulty = unread | {str(place[1]) for place, _ in found if place[0] != "fixed" and "sets" not in place}
    yield from _enqueue_problems(data, checks.sound_part(space, faulty), {*parameters, *derived, *unread})


def _enqueue_problems(data: Mapping[str, object], sound: SearchSpace, names: Collection[str]) -> Iterator[Problem]:
    """Check the enqueued configurations as far as the space is sound; ``names`` are all that it should have."""
    configurations, _ = _entries(TypeAdapter(dict[str, Setting]), data.get("enqueue"))
    seen: list[object] = []
    for i, configuration in configurations.items():
        if configuration in seen:
            yield ("enqueue", i), "stands there twice; delete one"
        seen.append(configuration)
        for name in configuration.keys() - names:
            yield ("enqueue", i, name), unknown("parameter", name, sorted(names))
        known = {*sound.parameters, *sound.derived}
        try:
            sound.encode({name: value for name, value in configuration.items() if name in known})
        except ConfigurationError as error:
            yield from ((("enqueue", i, *place), message) for place, message in error.problems)


def _goal_problems(data: Mapping[str, object]) -> Iterator[Problem]:
    evaluation = data.get("evaluation")
    formulas, unread = _entries(TypeAdapter(MetricFormula), _keyed(data, "metrics"))
    metrics = Metrics(evaluation if isinstance(evaluation, dict) else (), formulas, unread)
    yield from metrics.formula_problems()
    objectives, _ = _entries(TypeAdapter(dict[str, Any]), data.get("objectives"))
    named = {i: objective.get("metric") for i, objective in objectives.items()}
    yield from metrics.objective_problems({i: name for i, name in named.items() if isinstance(name, str)})
    yield from metrics.gate_problems(_entries(TypeAdapter(GateText), data.get("gates"))[0])


def _keyed(data: Mapping[str, object], section: str) -> object:
    """Return a section that must have keys with values; empty where it is something else, which was said."""
    values = data.get(section)
    return values if isinstance(values, dict) else {}


T = TypeVar("T")


def _entries(kind: TypeAdapter[T], values: object) -> tuple[dict[Any, T], list[Any]]:
    """Return the entries of a list or of keys with values that are valid, and the indices or keys of the others.

    What is wrong with those others was said when the whole file was validated.
    """
    given = dict(enumerate(values)) if isinstance(values, list) else values if isinstance(values, dict) else {}
    valid: dict[Any, T] = {}
    for key, value in given.items():
        with suppress(ValidationError):
            valid[key] = kind.validate_python(value)
    return valid, [key for key in given if key not in valid]
