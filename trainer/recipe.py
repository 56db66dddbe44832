"""A MindFormers YAML of the user's: what it says, and the same text with other values in it.

A value is set in the text itself, where PyYAML, which MindFormers reads recipes with, found the old one: all else stays
as the user wrote it. Does not know what any key means.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import yaml

from trainer import yaml_text
from trainer.yaml_text import Parsed, YamlError


class RecipeError(ValueError):
    """A recipe cannot be read, or a value cannot be set in it."""


@dataclass(frozen=True)
class _Edit:
    """One value in the text, ``text[start:end]``, and what is to stand there."""

    start: int
    end: int
    path: str
    node: yaml.Node
    value: object


@dataclass(frozen=True)
class Recipe:
    """A MindFormers YAML.

    A dotted path names a value: keys, and indices of list elements, as in ``callbacks.1.prefix``. Keys that are no
    text, or hold a dot, have no path.

    Attributes:
        source: the file's name, for messages.
        text: the file's content.
    """

    source: str
    text: str = field(repr=False)
    _parsed: Parsed = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read a recipe.

        A key that stands twice is MindFormers' to take (it takes the last), but lorasweep neither gets nor sets it.

        Raises:
            RecipeError: the file cannot be read, is no YAML, or no mapping; with the line.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
            return cls(str(path), text, yaml_text.parse(text))
        except OSError as error:
            raise RecipeError(f"{path}: cannot be read: {error.strerror}; name a MindFormers YAML file") from error
        except UnicodeDecodeError as error:
            raise RecipeError(f"{path}: is not UTF-8: {error}; save it as UTF-8") from error
        except YamlError as error:
            raise RecipeError(f"{path}:{error.line}: {error}" if error.line else f"{path}: {error}") from error

    @property
    def values(self) -> Mapping[str, Any]:
        """What MindFormers reads: plain data, as PyYAML's ``safe_load`` gives it (YAML 1.1)."""
        return self._parsed.values

    def get(self, dotted: str) -> object:
        """Return the value at a path; raises ``RecipeError`` with near matches where there is none."""
        self._refuse_faults([dotted])
        found: object = yaml_text.follow(self.values, dotted.split("."))
        return found

    def line(self, dotted: str) -> int:
        """Return the line, from 1, in which a value stands; raises ``RecipeError`` as ``get`` does."""
        self._refuse_faults([dotted])
        return int(self._parsed.nodes[dotted].start_mark.line) + 1

    def faults(self, paths: Iterable[str]) -> list[str]:
        """Return a message for each path that the recipe does not have, with near matches, or has twice."""
        return [message for path in paths if (message := self._fault(path))]

    def set(self, settings: Mapping[str, object]) -> dict[str, Any]:
        """Return the values as they are with ``settings``: dotted path -> value.

        Where a path leads through an alias, all places that share its anchor change: that is what the recipe says.

        Raises:
            RecipeError: a path does not exist or stands twice, a mapping would be replaced by something else (which
                would drop its keys silently), or two of the paths contradict each other.
        """
        return self._changed(self._edits(settings))

    def render(self, settings: Mapping[str, object], made_by: str) -> str:
        """Return the YAML text with ``settings`` in it, below a comment that says what made it and what it set.

        Comments, order and anchors stay, except inside a mapping or list that is replaced as a whole.

        Args:
            made_by: any text, of one or more lines.

        Raises:
            RecipeError: as ``set`` does; or the text would not load as ``set`` says.
        """
        edits, text = self._edits(settings), self.text
        paths = [path for path in self._parsed.nodes if path in settings]
        header = [*made_by.splitlines(), *(["set, as it was -> is:"] if paths else [])]
        try:
            for edit in reversed(edits):
                new = yaml_text.replacement(text[edit.start : edit.end], edit.value)
                text = text[: edit.start] + new + text[edit.end :]
            header += [f"  {p}: {yaml_text.flow(self.get(p))} -> {yaml_text.flow(settings[p])}" for p in paths]
        except YamlError as error:
            raise RecipeError(f"{self.source}: {dict(settings)}: {error}") from error
        text = yaml_text.comment(header) + "\n" + text
        self._verify(text, paths, self._changed(edits))
        return text

    def _verify(self, text: str, paths: list[str], expected: dict[str, Any]) -> None:
        try:
            # repr tells 1, 1.0 and True apart, and finds a nan equal to itself
            as_expected, problem = repr(yaml.safe_load(text)) == repr(expected), "other values would change, too"
        except (yaml.YAMLError, ValueError) as error:
            as_expected, problem = False, f"the text would be no YAML any more: {error}"
        if not as_expected:
            raise RecipeError(
                f"{self.source}: {', '.join(paths)}: cannot be set: {problem}; "
                "write what stands there as `key: value`, with no anchor inside and no `<<`"
            )

    def _changed(self, edits: Iterable[_Edit]) -> dict[str, Any]:
        new = {id(edit.node): edit.value for edit in edits}
        values = copy.deepcopy(self._parsed.values)
        for path, node in self._parsed.nodes.items():
            if id(node) in new:
                *parents, last = path.split(".")
                parent = yaml_text.follow(values, parents)
                parent[int(last) if isinstance(parent, list) else last] = copy.deepcopy(new[id(node)])
        return values

    def _edits(self, settings: Mapping[str, object]) -> list[_Edit]:
        """Return what is to change in the text, in its order; what shares an anchor is one edit."""
        self._refuse_faults(settings)
        edits: dict[int, _Edit] = {}
        for path, value in settings.items():
            node = self._parsed.nodes[path]
            if isinstance(node, yaml.MappingNode) and not isinstance(value, dict):
                keys = ", ".join(map(str, yaml_text.follow(self.values, path.split("."))))
                raise RecipeError(f"{self.source}: {path}: {value!r}: expected a mapping; set one of its keys: {keys}")
            edit = edits.setdefault(id(node), _Edit(*yaml_text.span(self.text, node), path, node, value))
            if repr(edit.value) != repr(value):
                self._refuse_both(edit.path, path, "they are one value, by an anchor")
        ordered = sorted(edits.values(), key=lambda edit: (edit.start, -edit.end))
        for outer, inner in pairwise(ordered):
            if inner.start < outer.end:
                self._refuse_both(outer.path, inner.path, "the one holds the other")
        return ordered

    def _refuse_both(self, first: str, second: str, reason: str) -> None:
        raise RecipeError(f"{self.source}: {first} and {second} cannot both be set: {reason}; set one of them")

    def _refuse_faults(self, paths: Iterable[str]) -> None:
        if faults := self.faults(paths):
            raise RecipeError("\n".join(faults))

    def _fault(self, path: str) -> str:
        if path not in self._parsed.nodes:
            return self._unknown(path)
        for prefix in accumulate(path.split("."), "{}.{}".format):
            if lines := self._parsed.repeated.get(prefix):
                return f"{self.source}:{lines[1]}: {prefix}: the key stands twice, first in line {lines[0]}; delete one"
        return ""

    def _unknown(self, path: str) -> str:
        name = _name(path)
        names = difflib.get_close_matches(name, set(map(_name, self._parsed.nodes)))
        near = {known for known in self._parsed.nodes if _name(known) in names}
        near.update(difflib.get_close_matches(path, self._parsed.nodes))
        ordered = sorted(near, key=lambda known: (-_likeness(path, known) - _likeness(name, _name(known)), known))
        top = ", ".join(map(str, self.values))
        meant = f"did you mean {' or '.join(ordered[:3])}?" if near else f"its top keys are {top}."
        return f"{self.source}: {path}: there is no such key; {meant} Only what the recipe has can be set: add it there"


def _name(path: str) -> str:
    return path.rpartition(".")[2]


def _likeness(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, a, b).ratio()
