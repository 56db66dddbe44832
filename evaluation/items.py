"""Readers of data sets: the same items serve training and measuring.

A text that is wrapped in a prompt template already is refused: it would be wrapped a second time in training or in
measuring, and what was trained on would not be what is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MATH_ROW = '{"problem": "...", "solution": "..."}'
_CHOICE_ROW = '{"instruction": "...", "input": "...", "output": "The right option is C."}'
_SQUAD = 'SQuAD v1.1: {"data": [{"paragraphs": [{"context", "qas": [{"question", "answers": [{"text"}]}]}]}]}'
_KIND = re.compile(r"\w[\w .-]*")
# Alpaca's, and the ways that Llama 2, ChatML and Llama 3 mark turns
_WRAPPED = re.compile(
    r"^\s*Below is an instruction\b|### ?(?:Instruction|Input|Question|Response|Answer) ?:"
    r"|\[INST\]|<\|im_start\|>|<\|start_header_id\|>",
    re.MULTILINE,
)
_TOKENIZED = ("input_ids", "labels", "attention_mask")
_WRAPPING = (
    "lorasweep wraps the bare text, in training and in measuring alike; a template of your own stands once under "
    "`templates` in the sweep file"
)


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

    def bare(self, key: str, *, blank: bool = False) -> str:
        """Return a text that goes into a prompt."""
        text = self.text(key, blank=blank)
        if wrapped := _WRAPPED.search(text):
            what = f"is wrapped in a prompt template already ({wrapped[0].strip()!r})"
            raise DataError(f"{self.child(key).where} {what}; {_WRAPPING}")
        return text

    def refuse_made(self) -> None:
        """Raise for a row of a data set that was made for another program: wrapped, or tokenized."""
        keys = self.value.keys() if isinstance(self.value, dict) else ()
        if "text" in keys:
            raise DataError(f"{self.where} holds `text`, a prompt wrapped already; delete that key: {_WRAPPING}")
        if made := [key for key in _TOKENIZED if key in keys]:
            what = f"holds `{made[0]}`: it is tokenized already; name the file that it was made from"
            raise DataError(f"{self.where} {what}: {_WRAPPING}")

    def kind(self) -> str:
        if not isinstance(self.value, dict) or "kind" not in self.value:
            return ""
        if not _KIND.fullmatch(kind := self.text("kind")):
            raise self.child("kind").error(
                f"is {kind!r}, but it names a metric: only letters, digits, _ - . and blanks"
            )
        return kind

    @property
    def where(self) -> str:
        return f"{self.place}: {self.path}" if self.path else f"{self.place}: it"

    def error(self, what: str) -> DataError:
        return DataError(f"{self.where} {what}; expected {self.expected}; correct or remove it")


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
            fields={"passage": paragraph.text("context"), "question": question.bare("question")},
            answers=tuple(answer.text("text") for answer in question.children("answers")),
        )
        for paragraph in paragraphs
        for question in paragraph.children("qas")[questions]
    ]


def stream_math(path: Path) -> Iterator[Item]:
    """Read the contest's JSONL, ``problem``, ``solution`` and maybe ``kind``; field ``problem``.

    Raises:
        DataError: the file is broken, at the line that is.
    """
    for row in _rows(_lines(path, _MATH_ROW)):
        yield Item({"problem": row.bare("problem")}, (row.text("solution"),), row.kind())


def stream_choice(path: Path) -> Iterator[Item]:
    """Read alpaca JSON or JSONL, ``instruction``, ``input``, ``output`` and maybe ``kind``; fields the first two.

    Raises:
        DataError: the file is broken, at the line that is.
    """
    for row in _rows(_list(path, _CHOICE_ROW) if _is_list(path) else _lines(path, _CHOICE_ROW)):
        fields = {"instruction": row.bare("instruction"), "input": row.bare("input", blank=True)}
        yield Item(fields, (row.text("output"),), row.kind())


READERS: Mapping[str, Callable[[Path], Iterable[Item]]] = {
    "squad_contest": read_squad_contest,
    "squad_v1": read_squad_v1,
    "math_contest": stream_math,
    "multiple_choice": stream_choice,
}
"""Protocol -> its reader."""


def stream(protocol: str, path: Path) -> Iterator[Item]:
    """Yield the items of a protocol's data set, at least one; of JSONL only one is held at a time.

    Raises:
        DataError: the file is broken; what stands before that was yielded.
        KeyError: there is no such protocol.
    """
    if path.suffix == ".mindrecord":
        raise DataError(f"{path}: is tokenized already; name the file that it was made from: {_WRAPPING}")
    empty = True
    for item in READERS[protocol](path):
        empty = False
        yield item
    if empty:
        raise _empty(path)


def read(protocol: str, path: Path) -> list[Item]:
    """Read a protocol's data set whole; raises as ``stream`` does."""
    return list(stream(protocol, path))


def _rows(nodes: Iterable[_Node]) -> Iterator[_Node]:
    for node in nodes:
        node.refuse_made()
        yield node


def _text(path: Path) -> str:
    text = "".join(line for _, line in _decoded(path))
    if not text.strip():
        raise _empty(path)
    return text


def _list(path: Path, expected: str) -> list[_Node]:
    return _Node(str(path), "", _parse(path, _text(path), expected), expected).elements()


def _is_list(path: Path) -> bool:
    first = next((line.lstrip() for _, line in _decoded(path) if line.strip()), "")
    return first.startswith("[")


def _lines(path: Path, expected: str) -> Iterator[_Node]:
    for number, line in _decoded(path):
        if line.strip():
            yield _Node(f"{path}:{number}", "", _parse(path, line.rstrip(), expected, number), expected)


def _decoded(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line, its end included."""
    try:
        # as bytes: read as text, a line would end at what is in it, too, such as U+2028
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise DataError(
                        f"{path}:{number}: byte {line[error.start]:#04x} is not UTF-8; expected UTF-8; "
                        f"convert it, as with: iconv -f GB18030 -t UTF-8"
                    ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; expected a data file; check the path") from None


def _empty(path: Path) -> DataError:
    return DataError(f"{path}: is empty; expected at least one item; check how it was made")


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
