"""Where the numbers of a report stand: a file and a place in it, a row of a database, a run of MLflow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.stores import Stores
from trainer.recipe import Recipe


class ReportError(ValueError):
    """What a report needs is missing, or two places that should say the same do not."""


@dataclass(frozen=True)
class Source:
    """One place.

    Attributes:
        where: the file's name as the report shows it, or what the place is called.
        place: in the file: ``:LINE`` or ``#/JSON/POINTER``; empty: all of it.
    """

    where: str
    place: str = ""

    def __str__(self) -> str:
        return self.where + self.place


def in_study(stores: Stores, place: str) -> Source:
    """Return a place in the studies' database as a source."""
    return Source("study" if stores.study_file is None else stores.study_file.name, f", {place}")


@dataclass(frozen=True)
class Fact:
    """A value with the places that say it."""

    value: Any
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Folder:
    """Names files as the report shows them: those below the sweep's folder by their names there, others in full."""

    root: Path

    def name(self, file: Path) -> str:
        """Return a file's name in the report."""
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else str(file)

    def line(self, file: Path, first: int, last: int | None = None) -> Source:
        """Return a line of a file, or several, as a source."""
        return Source(self.name(file), f":{first}" if last is None else f":{first}-{last}")

    def whole(self, file: Path) -> Source:
        """Return a file as a source."""
        return Source(self.name(file))


class JsonFile:
    """A JSON file, of which each value is a fact.

    Raises:
        ReportError: the file is gone, or no JSON.
    """

    def __init__(self, file: Path, folder: Folder) -> None:
        self.file, self._folder = file, folder
        try:
            self._data = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ReportError(f"{file}: cannot be read: {error}; MLflow's artifacts may have it, put it back") from None

    def fact(self, *keys: str) -> Fact:
        """Return the value that the keys, or indices of lists, lead to; None where there is none."""
        found = self._data
        for key in keys:
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                found = found.get(key) if isinstance(found, dict) else None
        return Fact(found, (self.source(*keys),))

    def source(self, *keys: str) -> Source:
        """Return the place to which the keys lead."""
        pointer = "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in keys)
        return Source(self._folder.name(self.file), f"#{pointer}")


class YamlFile:
    """A recipe, of which each value is a fact.

    Raises:
        RecipeError: the file is gone, or no recipe.
    """

    def __init__(self, file: Path, folder: Folder) -> None:
        self.recipe = Recipe.read(file)
        self.file, self._folder = file, folder

    def fact(self, path: str) -> Fact | None:
        """Return the value at a dotted path; None where the recipe has no such key."""
        if self.recipe.faults([path]):
            return None
        return Fact(self.recipe.get(path), (self._folder.line(self.file, self.recipe.line(path)),))


class Register:
    """Numbers the sources in the order in which they are cited."""

    def __init__(self) -> None:
        self._numbers: dict[Source, int] = {}

    def cite(self, *sources: Source) -> str:
        """Return the references, ``[S1] [S2]``."""
        return " ".join(f"[S{self._numbers.setdefault(source, len(self._numbers) + 1)}]" for source in sources)

    @property
    def cited(self) -> Sequence[tuple[int, Source]]:
        """All sources that were cited, with their numbers."""
        return [(number, source) for source, number in self._numbers.items()]


def joined(facts: Iterable[Fact]) -> tuple[Source, ...]:
    """Return the sources of several facts, each once."""
    return tuple(dict.fromkeys(source for fact in facts for source in fact.sources))


def _plain(value: Any) -> Any:
    # 6144 and 6144.0 are one number; not a number is what it is, too
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def agree(what: str, *facts: Fact) -> Fact:
    """Return the first of facts that say the same.

    Raises:
        ReportError: they do not; both places are named.
    """
    first = facts[0]
    for other in facts[1:]:
        if repr(_plain(other.value)) != repr(_plain(first.value)):
            raise ReportError(
                f"{what}: {_said(first)}, but {_said(other)}; one of them was changed after the run, "
                "so there is no report of it"
            )
    return first


def _said(fact: Fact) -> str:
    where = " and ".join(map(str, fact.sources)) or "the formula"
    return f"{where} gives {fact.value!r}"
