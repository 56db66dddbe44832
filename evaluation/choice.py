"""Grading of multiple choice: by the option's letter.

An option is A, B, C or D at one of these places:

* alone on its line: ``C``, ``(C)``, ``c.``;
* after a word that names it: ``The right option is C.``, ``Answer: (C)``, ``I choose C``, ``答案是C``, ``选C``;
* before a verdict: ``C is correct``, ``C项正确``;
* before its text on the first line, ``C. Paris``, unless the next line starts with an option, too: that is a list.

The first line that has one decides, since a base model that has answered rambles on below; naming two, it is ambiguous.
An ``A`` that a lower-case word follows is an article, except before ``because``, ``since``, ``as``, ``is``, ``and``,
``or``. What is called wrong or is negated is not named.
"""

from __future__ import annotations

import re
import unicodedata

# not the start of a word or a name: "Damage", "A dog", "A科技馆"
_LETTERS = (
    r"[A-D]{1,4}(?![A-Za-z0-9'])(?!(?<=A) (?!(?:because|since|as|is|and|or)\b)[a-z])"
    r"(?!(?!选?项|是|正确|错|不|因|或|和|与|及)[一-龥])"
)
_OPTIONS = rf"(?P<options>(?>{_LETTERS}(?:(?:\.? ?(?:[,、/&]|\bor\b|\band\b|或|和|与|及) ?){{1,2}}{_LETTERS}){{0,3}}))"
_NAME = (
    r"(?<!wrong )(?<!incorrect )(?<![Nn]ot )\b(?i:options?|answers?|choices?|choose|select|pick)\b"
    r"(?:(?: [a-z]+){0,6}? is)?|(?<!不)(?<!不能)(?:答案|选)"
)
_WRONG = r"\.? ?(?:(?:is|are) (?:not|wrong|incorrect|false)\b|isn't\b|(?:选?项)?是?(?:错|不))"
_RIGHT = r"\.? ?(?:is (?:the )?(?:right|correct|answer)\b|(?:选?项)?是?(?:正确的?|对的)(?![一-龥]))"
_NAMED = re.compile(rf"(?:{_NAME})[ :是为应该选项择]{{0,9}}{_OPTIONS}(?!{_WRONG})")
_JUDGED = re.compile(rf"(?<![A-Za-z0-9]){_OPTIONS}{_RIGHT}")
_ALONE = re.compile(r"([A-Da-d])[.:、]?")
_LEADING = re.compile(rf"{_OPTIONS}[.:、](?![A-Z]\.)")

_BRACKETED = re.compile(r"[(\[](\w)[)\]]|\b([A-D])[)\]]")
_MARKUP = re.compile(r"[*\"“”「」]|(?<!\w)['‘]|['’](?!\w)")


def chosen(text: str) -> str | None:
    """Return the option that a text names, ``A`` to ``D``; None where it names none or is ambiguous."""
    lines = [line for line in map(_plain, text.splitlines()) if line]
    for i, line in enumerate(lines):
        if alone := _ALONE.fullmatch(line):
            return alone[1].upper()
        matches = [*_NAMED.finditer(line), *_JUDGED.finditer(line)]
        if not matches and not i and not any(map(_LEADING.match, lines[1:2])):
            matches = [match for match in [_LEADING.match(line)] if match]
        if named := {letter for match in matches for letter in re.findall("[A-D]", match["options"])}:
            return named.pop() if len(named) == 1 else None
    return None


def is_correct(prediction: str, solution: str) -> bool:
    """Whether the prediction names the option that the solution names; a text that names none is never right."""
    given = chosen(prediction)
    return given is not None and given == chosen(solution)


def _plain(line: str) -> str:
    """Write ``(C)`` and ``C)`` as ``C.``, without quotes and emphasis."""
    text = _MARKUP.sub("", unicodedata.normalize("NFKC", line).replace("。", "."))
    return " ".join(_BRACKETED.sub(r"\1\2. ", text).split())
