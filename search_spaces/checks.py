"""What can be wrong with a search space as a whole; each fault with its place in the sweep file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from graphlib import CycleError

from search_spaces.distributions import CategoricalParameter, FloatParameter, SubsetParameter
from search_spaces.expression import ExpressionError
from search_spaces.names import name_problem, unknown
from search_spaces.section import Location, Problem, shown
from search_spaces.space import SearchSpace, ordered

_PATH = re.compile(r"[^.\s]+(\.[^.\s]+)*")
_TRIED = 1000


def problems(space: SearchSpace, unread: Collection[str] = ()) -> list[Problem]:
    """Return all that is wrong with ``space``.

    Args:
        space: all that could be read.
        unread: names of further parameters and derived values, which could not be read: nothing is said about them.
    """
    found = _Checks(space, unread)
    return [*found.names(), *found.ranges(), *found.conditions(), *found.derived(), *found.paths(), *found.idle()]


def sound_part(space: SearchSpace, faulty: Collection[str]) -> SearchSpace:
    """Return ``space`` without the parameters and derived values in ``faulty`` and without what needs them."""
    parameters, derived = dict(space.parameters), dict(space.derived)
    dropped = set(faulty)
    while dropped:
        parameters = {name: parameter for name, parameter in parameters.items() if name not in dropped}
        derived = {name: value for name, value in derived.items() if name not in dropped}
        gone = (space.parameters.keys() - parameters.keys()) | (space.derived.keys() - derived.keys()) | dropped
        dropped = {name for name, parameter in parameters.items() if gone & parameter.when.keys()}
        dropped |= {name for name, value in derived.items() if gone & value.value.names}
    return SearchSpace(parameters, derived, space.fixed)


@dataclass
class _Checks:
    space: SearchSpace
    unread: Collection[str]

    def names(self) -> Iterator[Problem]:
        for section, members in (("parameters", self.space.parameters), ("derived", self.space.derived)):
            for name in members:
                if problem := name_problem(name):
                    yield (section, name), problem
        for name in self.space.derived.keys() & self.space.parameters.keys():
            yield ("derived", name), "a parameter has that name; choose another one"

    def ranges(self) -> Iterator[Problem]:
        for name, parameter in self.space.parameters.items():
            for key, message in parameter.faults():
                yield ("parameters", name, key), message

    def conditions(self) -> Iterator[Problem]:
        parameters = self.space.parameters
        for name, parameter in parameters.items():
            for other, values in parameter.when.items():
                for message in self._condition_problems(other, values):
                    yield ("parameters", name, "when", other), message
        try:
            ordered({name: parameter.when for name, parameter in parameters.items()})
        except CycleError as error:
            yield ("parameters", error.args[1][0], "when"), f"conditions in a circle: {' -> '.join(error.args[1])}"

    def _condition_problems(self, other: str, values: tuple[object, ...]) -> Iterator[str]:
        if other in self.unread:
            return
        parameter = self.space.parameters.get(other)
        if parameter is None:
            yield unknown("parameter", other, (*self.space.parameters, *sorted(self.unread)))
        elif isinstance(parameter, (FloatParameter, SubsetParameter)):
            yield f"{other!r} is a {parameter.type}; expected a categorical or int parameter"
        elif not values:
            yield f"expected a list with at least one value of {other!r}"
        else:
            for value in values:
                try:
                    parameter.encode(other, value)
                except ValueError as error:
                    yield f"{other!r} never is {shown(value)}: {error}"

    def derived(self) -> Iterator[Problem]:
        """Names, circles, and each expression tried between the extremes of what it names."""
        known = {**self.space.parameters, **self.space.derived}
        faulty = set(self.unread)
        try:
            order = ordered({name: derived.value.names for name, derived in self.space.derived.items()})
        except CycleError as error:
            yield ("derived", error.args[1][0], "value"), f"derived values in a circle: {' -> '.join(error.args[1])}"
            order = ()
            faulty |= set(error.args[1])
        for name in order or self.space.derived:
            place: Location = ("derived", name, "value")
            used = self.space.derived[name].value.names
            messages = [message for other in sorted(used - faulty) if (message := self._operand_problem(other, known))]
            if not messages and order and not used & faulty:
                messages = self._failures(name)
            if messages or used & faulty:
                faulty.add(name)
            yield from ((place, message) for message in messages)

    def _operand_problem(self, name: str, known: Collection[str]) -> str:
        if name not in known:
            return unknown("name", name, (*known, *sorted(self.unread)))
        parameter = self.space.parameters.get(name)
        if isinstance(parameter, SubsetParameter):
            return f"{name!r} is a subset; expected a number"
        if isinstance(parameter, CategoricalParameter) and parameter.choices and not parameter.extremes():
            return f"{name!r} is not always a number: its choices are {', '.join(map(shown, parameter.choices))}"
        return ""

    def _failures(self, name: str) -> list[str]:
        """Try a derived value on all combinations of the extremes that it depends on; return the first failure."""
        chain, used = {name}, set(self.space.derived[name].value.names)
        while new := used & self.space.derived.keys() - chain:
            chain |= new
            used |= {other for member in new for other in self.space.derived[member].value.names}
        part = SearchSpace({}, {member: self.space.derived[member] for member in chain}, {})
        leaves = sorted(used & self.space.parameters.keys())
        if any(any(self.space.parameters[leaf].faults()) for leaf in leaves):
            return []
        extremes = itertools.product(*(self.space.parameters[leaf].extremes() for leaf in leaves))
        for point in itertools.islice(extremes, _TRIED):
            try:
                part.derive(dict(zip(leaves, point, strict=True)))
            except ExpressionError as error:
                return [str(error)]
        return []

    def paths(self) -> Iterator[Problem]:
        setters: dict[str, str] = {}
        for path, place in self.space.paths():
            owner = ".".join(map(str, place[:2]))
            if not _PATH.fullmatch(path):
                yield place, f"{path!r} is no path; expected keys with dots between, such as lr_schedule.learning_rate"
            for earlier, setter in setters.items():
                if f"{earlier}.".startswith(f"{path}.") or f"{path}.".startswith(f"{earlier}."):
                    yield place, f"{path!r} overlaps with what {setter} sets: {earlier!r}; only one can set it"
            setters.setdefault(path, owner)

    def idle(self) -> Iterator[Problem]:
        """Whatever sets nothing and feeds nothing: it would cost trials and change none."""
        if self.unread:
            return
        used = {name for derived in self.space.derived.values() for name in derived.value.names}
        used |= {name for parameter in self.space.parameters.values() for name in parameter.when}
        for section, members in (("parameters", self.space.parameters), ("derived", self.space.derived)):
            for name, member in members.items():
                if not member.sets and name not in used:
                    yield (section, name, "sets"), "is missing, and no derived value uses it: it would change no trial"
