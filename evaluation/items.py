"""Readers of data sets: the same items serve training and measuring."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MATH_ROW = '{"problem": "...", "solution": "..."}'
_CHOICE_ROW = '{"instruction": "...", "input": "...", "output": "The right option is C."}'
_SQUAD = 'SQuAD v1.1: {"data": [{"paragraphs": [{"context", "qas": [{"question", "answers": [{"text"}]}]}]}]}'
_KIND = re.compile(r"\w[\w .-]*")


class DataError(ValueError):
    """A data file is broken: ``FILE:LINE: what is wrong; what was expected; what to do``."""


@dataclass(frozen=True)
class Item:
    """One question.

    Attributes:
        fields: name in the prompt's template -> text.
        answers: all that are right; the first is the one to train on.
        kind: what metrics are split by; empty for none.
    """

    fields: Mapping[str, str]
    answers: tuple[str, ...]
    kind: str = ""


@dataclass(frozen=True)
class _Node:
    """A JSON value with its place, which every error names: ``FILE:LINE`` of a row, and the keys that led here."""

    place: str
    path: str
    value: Any
    expected: str

    def child(self, key: str) -> _Node:
        path = f"{self.path}.{key}" if self.path else key
        if not isinstance(self.value, dict):
            raise self.error(f"is {_type(self.value)}, not an object")
        if key not in self.value:
            raise _Node(self.place, path, None, self.expected).error("is missing")
        return _Node(self.place, path, self.value[key], self.expected)

    def children(self, key: str) -> list[_Node]:
        """Return the elements of the list ``key``, at least one."""
        return self.child(key).elements()

    def elements(self) -> list[_Node]:
        if not isinstance(self.value, list):
            raise self.error(f"is {_type(self.value)}, not a list")
        if not self.value:
            raise self.error("is an empty list")
        return [_Node(self.place, f"{self.path}[{i}]", value, self.expected) for i, value in enumerate(self.value)]

    def text(self, key: str, *, blank: bool = False) -> str:
        child = self.child(key)
        if not isinstance(child.value, str):
            raise child.error(f"is {_type(child.value)}, not a string")
        if not blank and not child.value.strip():
            raise child.error("is blank")
        try:
            child.value.encode()
        except UnicodeEncodeError:
            raise child.error("holds half of a surrogate pair, which is no character") from None
        return child.value

    def kind(self) -> str:
        if not isinstance(self.value, dict) or "kind" not in self.value:
            return ""
        if not _KIND.fullmatch(kind := self.text("kind")):
            raise self.child("kind").error(
                f"is {kind!r}, but it names a metric: only letters, digits, _ - . and blanks"
            )
        return kind

    def error(self, what: str) -> DataError:
        where = f"{self.place}: {self.path}" if self.path else f"{self.place}: it"
        return DataError(f"{where} {what}; expected {self.expected}; correct or remove it")


def read_squad_contest(path: Path) -> list[Item]:
    """Read SQuAD v1.1 JSON; fields ``passage`` and ``question``.

    As in the contest, only the first question of each paragraph is an item (2,067 of the development set). All its
    answers are kept: the contest's metric looks at the first, the official one takes the best of all.

    Raises:
        DataError: the file is broken.
    """
    return _squad(path, slice(1))


def read_squad_v1(path: Path) -> list[Item]:
    """Read SQuAD v1.1 JSON as ``read_squad_contest`` does, but all questions (10,570 of the development set).

    Raises:
        DataError: the file is broken.
    """
    return _squad(path, slice(None))


def _squad(path: Path, questions: slice) -> list[Item]:
    """Read those ``questions`` of each paragraph."""
    root = _Node(str(path), "", _parse(path, _text(path), _SQUAD), _SQUAD)
    paragraphs = (paragraph for article in root.children("data") for paragraph in article.children("paragraphs"))
    return [
        Item(
            fields={"passage": paragraph.text("context"), "question": question.text("question")},
            answers=tuple(answer.text("text") for answer in question.children("answers")),
        )
        for paragraph in paragraphs
        for question in paragraph.children("qas")[questions]
    ]


def read_math(path: Path) -> list[Item]:
    """Read the contest's JSONL, ``problem``, ``solution`` and maybe ``kind``; field ``problem``.

    Raises:
        DataError: the file is broken.
    """
    return [
        Item({"problem": row.text("problem")}, (row.text("solution"),), row.kind())
        for row in _lines(path, _text(path), _MATH_ROW)
    ]


def read_choice(path: Path) -> list[Item]:
    """Read alpaca JSON or JSONL, ``instruction``, ``input``, ``output`` and maybe ``kind``; fields the first two.

    Raises:
        DataError: the file is broken.
    """
    text = _text(path)
    is_list = text.lstrip().startswith("[")
    rows = _Node(str(path), "", _parse(path, text, _CHOICE_ROW), _CHOICE_ROW).elements() if is_list else None
    return [
        Item(
            {"instruction": row.text("instruction"), "input": row.text("input", blank=True)},
            (row.text("output"),),
            row.kind(),
        )
        for row in rows or _lines(path, text, _CHOICE_ROW)
    ]


READERS: Mapping[str, Callable[[Path], list[Item]]] = {
    "squad_contest": read_squad_contest,
    "squad_v1": read_squad_v1,
    "math_contest": read_math,
    "multiple_choice": read_choice,
}
"""Protocol -> its reader."""


def read(protocol: str, path: Path) -> list[Item]:
    """Read a protocol's data set, which has at least one item.

    Raises:
        DataError: the file is broken.
        KeyError: there is no such protocol.
    """
    return READERS[protocol](path)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; expected a data file; check the path") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}:{line}: byte {data[error.start]:#04x} is not UTF-8; expected UTF-8; "
            f"convert it, as with: iconv -f GB18030 -t UTF-8"
        ) from None
    if not text.strip():
        raise DataError(f"{path}: is empty; expected at least one item; check how it was made")
    return text


def _lines(path: Path, text: str, expected: str) -> Iterator[_Node]:
    # not splitlines: a JSON string may hold U+2028
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _Node(f"{path}:{number}", "", _parse(path, line, expected, number), expected)


def _parse(path: Path, text: str, expected: str, line: int = 1) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place, what = f"{path}:{line + error.lineno - 1}", f"{error.msg} (column {error.colno})"
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets without end
        place, what = f"{path}:{line}", str(error)
    raise DataError(f"{place}: broken JSON: {what}; expected {expected}; correct or remove it")


def _type(value: Any) -> str:
    return {type(None): "null", dict: "an object", list: "a list", str: "a string", bool: "a boolean"}.get(
        type(value), "a number"
    )
