"""The search space: what a trial asks Optuna for, what that sets in the recipe, and how the user reads and writes it.

Three forms of the same point:

* *params*: what Optuna stores, ``{"target_modules.wq": True, "target_modules.wv": False, ...}``;
* *configuration*: what the user reads and writes, ``{"target_modules": ["wq"], "lora_alpha": 16, ...}``;
* *settings*: what the recipe gets, ``{"model.model_config.pet_config.target_modules": ".*wq", ...}``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter

import optuna

from search_spaces.distributions import OptunaValue, Parameter, Params, Paths
from search_spaces.expression import ExpressionError, Formula
from search_spaces.names import unknown
from search_spaces.section import Location, Problem, Section, Setting, shown


class Derived(Section):
    """A value that follows from others.

    Attributes:
        value: over parameters that are numbers and other derived values. Where one of them is absent from a trial
            (see ``when``), this one is absent, too.
        sets: dotted paths of the recipe that get it; empty: it only feeds other derived values.
    """

    value: Formula
    sets: Paths = ()

    def setting(self, value: object) -> object:
        """Return the value as the recipe has it."""
        return value


class ConfigurationError(ValueError):
    """A configuration is no point of the search space.

    Attributes:
        problems: place (the parameter's name; none for all of it) and message.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Put all messages in one text."""
        self.problems = tuple(problems)
        super().__init__("; ".join(": ".join((*map(str, place), message)) for place, message in self.problems))


@dataclass(frozen=True)
class SearchSpace:
    """Named parameters and what follows from them; ``search_spaces.checks`` says what can be wrong with it.

    Attributes:
        fixed: dotted path of the recipe -> the value that all trials have.
    """

    parameters: Mapping[str, Parameter]
    derived: Mapping[str, Derived]
    fixed: Mapping[str, Setting]

    @cached_property
    def _order(self) -> tuple[str, ...]:
        return ordered({name: parameter.when for name, parameter in self.parameters.items()})

    @cached_property
    def _derived_order(self) -> tuple[str, ...]:
        return ordered({name: derived.value.names for name, derived in self.derived.items()})

    def paths(self) -> Iterator[tuple[str, Location]]:
        """Yield each dotted path that is set, with the place in the sweep file that says so."""
        for section, members in (("parameters", self.parameters), ("derived", self.derived)):
            for name, member in members.items():
                for i, path in enumerate(member.sets):
                    yield path, (section, name, "sets", i)
        for path in self.fixed:
            yield path, ("fixed", path)

    def influencing(self, wanted: Callable[[str], bool]) -> list[str]:
        """Return the parameters on which the values at any of the ``wanted`` paths of the recipe depend."""
        members: Mapping[str, Parameter | Derived] = {**self.parameters, **self.derived}
        needs = {name: {*parameter.when} for name, parameter in self.parameters.items()}
        needs |= {name: {*derived.value.names} for name, derived in self.derived.items()}
        found: set[str] = set()
        waiting = [name for name, member in members.items() if any(map(wanted, member.sets))]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += needs[name]
        return [name for name in self.parameters if name in found]

    def suggest(self, trial: optuna.Trial) -> dict[str, OptunaValue]:
        """Ask the trial for every parameter whose condition holds; returns the params."""
        params: dict[str, OptunaValue] = {}
        values: dict[str, object] = {}
        for name in self._order:
            if self._is_present(name, values):
                suggested = self.parameters[name].suggest(trial, name)
                values[name] = self.parameters[name].decode(name, suggested)
                params |= suggested
        return params

    def complete(self, params: Params) -> dict[str, OptunaValue]:
        """Return those of ``params`` whose conditions hold, subsets as ``suggest`` would have returned them."""
        kept: dict[str, OptunaValue] = {}
        values: dict[str, object] = {}
        for name in self._order:
            if self._is_present(name, values):
                parameter = self.parameters[name]
                values[name] = parameter.decode(name, params)
                kept |= parameter.encode(name, values[name])
        return kept

    def configuration(self, params: Params) -> dict[str, object]:
        """Return the values of ``params``, derived ones included, in the order of the sweep file.

        Raises:
            ValueError: ``params`` are of another search space.
        """
        values: dict[str, object] = {}
        for name in self._order:
            if self._is_present(name, values):
                try:
                    values[name] = self.parameters[name].decode(name, params)
                except KeyError as error:
                    raise ValueError(f"the params hold no {error}: they are of another search space") from error
        values |= self.derive(values)
        return {name: values[name] for name in (*self.parameters, *self.derived) if name in values}

    def settings(self, params: Params) -> dict[str, object]:
        """Return what the recipe gets: dotted path -> value, fixed ones included.

        Raises:
            ValueError: ``params`` are of another search space.
        """
        settings: dict[str, object] = dict(self.fixed)
        for name, value in self.configuration(params).items():
            member = self.parameters[name] if name in self.parameters else self.derived[name]
            settings |= dict.fromkeys(member.sets, member.setting(value))
        return settings

    def encode(self, configuration: Mapping[str, object]) -> dict[str, OptunaValue]:
        """Return the params of a configuration; derived values may be left out.

        Raises:
            ConfigurationError: it is no point of this space.
        """
        params: dict[str, OptunaValue] = {}
        values: dict[str, object] = {}
        problems: list[Problem] = []
        faulty: set[str] = set()
        for name in self._order:
            if faulty & self.parameters[name].when.keys():
                # whether it should be there cannot be said
                faulty.add(name)
                continue
            try:
                encoded = self._encode(name, configuration, values)
            except ValueError as error:
                problems.append(((name,), str(error)))
                faulty.add(name)
                continue
            if encoded:
                values[name] = self.parameters[name].decode(name, encoded)
                params |= encoded
        problems += self._other_problems(configuration, values)
        if problems:
            raise ConfigurationError(problems)
        return params

    def _encode(
        self, name: str, configuration: Mapping[str, object], values: Mapping[str, object]
    ) -> dict[str, OptunaValue]:
        parameter = self.parameters[name]
        if self._is_present(name, values):
            if name not in configuration:
                raise ValueError("is missing; every parameter needs a value")
            return parameter.encode(name, configuration[name])
        if name in configuration:
            condition = " and ".join(f"{other} is one of {list(when)}" for other, when in parameter.when.items())
            raise ValueError(f"is only there where {condition}; delete it")
        return {}

    def _other_problems(self, configuration: Mapping[str, object], values: Mapping[str, object]) -> Iterator[Problem]:
        try:
            derived = self.derive(values)
        except ExpressionError as error:
            derived = {}
            yield (), str(error)
        for name in configuration.keys() - self.parameters.keys():
            if name not in self.derived:
                yield (name,), unknown("parameter", name, self.parameters)
            elif name in derived and derived[name] != configuration[name]:
                computed = f"{self.derived[name].value.text} = {shown(derived[name])}"
                yield (name,), f"is computed as {computed}, got {shown(configuration[name])}; delete it"

    def derive(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return those derived values that ``values`` suffice for.

        Raises:
            ExpressionError: one cannot be computed, as in a division by zero.
        """
        derived: dict[str, object] = {}
        for name in self._derived_order:
            expression = self.derived[name].value
            known = {**values, **derived}
            if expression.names <= known.keys():
                derived[name] = expression.evaluate(known)
        return derived

    def _is_present(self, name: str, values: Mapping[str, object]) -> bool:
        return all(
            other in values and values[other] in allowed for other, allowed in self.parameters[name].when.items()
        )


def ordered(needs: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the keys so that each stands after those it needs; raises ``graphlib.CycleError`` where none can.

    What is needed but no key is left out.
    """
    graph = {name: sorted(other for other in others if other in needs) for name, others in needs.items()}
    return tuple(TopologicalSorter(graph).static_order())
