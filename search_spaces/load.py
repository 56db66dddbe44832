"""YAML -> plain data with the line of every key; all that is wrong with a file is told at once.

A file is data only: no tags, no anchors, no aliases (so none that expand without end), no key twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from search_spaces.section import Location, Problem, shown


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong with a file.

    Attributes:
        line: from 1; 0 where the file as a whole is meant.
        key: dotted, ``enqueue[0].lora_rank``; empty where no key is meant.
        message: what is wrong, and what was expected.
    """

    file: Path
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        """Return ``FILE:LINE: key: message``."""
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return ": ".join(part for part in (place, self.key, self.message) if part)


class FileFaults(ValueError):
    """All that is wrong with a file, sorted by line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Sort the faults; each is said once."""
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))


@dataclass
class Document:
    """What a YAML file holds.

    Attributes:
        file: as it was given.
        data: the content; empty where the file has no keys.
        lines: place of every key and list item -> its line, from 1.
        problems: what is wrong with the file as YAML; the rest of it is in ``data`` all the same.
    """

    file: Path
    data: dict[str, object] = field(default_factory=dict)
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def fault(self, location: Location, message: str) -> Fault:
        """Say what is wrong at ``location``; where the file has no such key, the line is that of the key around it.

        Steps that the file does not have are left out, unless they are the last: pydantic names the tags of unions.
        """
        place: Location = ()
        missing: Location = ()
        for step in location:
            known = (*place, step) in self.lines
            place = (*place, step) if known else place
            missing = () if known or isinstance(step, int) or step == "[key]" else (step,)
        return Fault(self.file, self.lines.get(place, 1), _dotted((*place, *missing)), message)

    def faults(self, problems: Iterable[Problem]) -> list[Fault]:
        """Return a fault for each problem."""
        return [self.fault(location, message) for location, message in problems]


def _dotted(location: Location) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).lstrip(".")


_MOST_BITS = 1023
"""Of an integer: what is larger is no float, either."""


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads ``1e-4`` as a number, as YAML 1.2 does, and refuses aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem="anchors and aliases are not allowed; write the value out", problem_mark=event.start_mark
            )
        return super().compose_node(parent, index)


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    value: int = loader.construct_yaml_int(node)
    # beyond, not even a message can say what it is
    if value.bit_length() > _MOST_BITS:
        raise yaml.constructor.ConstructorError(problem=f"an integer of {value.bit_length()} bits")
    return value


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_COLLECTIONS = (_Loader.DEFAULT_MAPPING_TAG, _Loader.DEFAULT_SEQUENCE_TAG)

_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read(file: Path) -> Document:
    """Read one YAML file.

    Raises:
        FileFaults: it cannot be read, or is no YAML.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"not UTF-8: {error}"
        raise FileFaults([Fault(file, 0, "", f"cannot be read: {reason}")]) from error
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return _Reader(loader, Document(file)).read(node)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise FileFaults([Fault(file, line, "", f"no YAML: {error.reason}")]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise FileFaults([Fault(file, mark.line + 1 if mark else 0, "", f"no YAML: {reason}")]) from error
    except RecursionError as error:
        raise FileFaults([Fault(file, 0, "", "no YAML: nested too deeply")]) from error


@dataclass
class _Reader:
    """Turns YAML nodes into data, writing down lines and problems on the way."""

    loader: _Loader
    document: Document

    def read(self, node: yaml.Node | None) -> Document:
        if not isinstance(node, yaml.MappingNode):
            raise yaml.MarkedYAMLError(problem="expected keys with values, such as `name: first-sweep`")
        self.document.data = self._mapping(node, ())
        return self.document

    def _value(self, node: yaml.Node, location: Location) -> object:
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _COLLECTIONS:
            self.document.problems.append((location, f"the tag {node.tag!r} is not allowed; delete it"))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*location, i)) for i, item in enumerate(node.value)]
        try:
            value: object = self.loader.construct_object(node)
        except (yaml.constructor.ConstructorError, ValueError) as error:
            reason = error.problem if isinstance(error, yaml.MarkedYAMLError) else error
            said = f"{shown(node.value)} cannot be read: {reason}; put text in quotes"
            self.document.problems.append((location, said))
            return node.value
        return value

    def _item(self, node: yaml.Node, location: Location) -> object:
        self.document.lines[location] = node.start_mark.line + 1
        return self._value(node, location)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, object]:
        data: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
            place = (*location, key)
            first = self.document.lines.get(place)
            self.document.lines[place] = line
            if key_node.tag == "tag:yaml.org,2002:merge" or key == "?":
                self.document.problems.append((place, "expected text as a key"))
            elif first is not None:
                self.document.problems.append((place, f"the key stands twice, first in line {first}; delete one"))
            data[key] = self._value(value_node, place)
        return data
