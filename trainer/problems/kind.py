"""What a kind of problem is: one table of texts and three functions serve recognition, answers, steps and drawing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

LANGUAGES = ("zh", "en")
NATURAL = r"\d{1,15}"
WHOLE = r"-?\d{1,15}"
DECIMAL = r"-?\d{1,15}(?:\.\d{1,15})?"
"""Expressions for fields; bounded, so that no number of a hostile file takes long to compute with."""


@dataclass(frozen=True)
class Kind:
    """One kind of problem.

    Attributes:
        name: fit to name a metric.
        rows: how many of the contest's Chinese problems, without duplicates, are of this kind.
        problems: how many different problems ``draw`` can give.
        fields: name -> regular expression of its text, in the order in which the functions take and give the texts.
        questions: language -> the problem's text, with ``{field}`` where a field's text stands.
        solutions: language -> the solution's text, with fields and ``{result}``.
        draw: a seeded source -> one problem's fields, each problem as likely as in the contest.
        solve: fields -> the result's text, digit for digit as the contest writes it. Raises ArithmeticError where
            there is none, as for a division by zero.
        lines: fields -> true equations that lead to the result; None for a kind without steps. Raises ArithmeticError
            where they would be too long or inexact.
    """

    name: str
    rows: int
    problems: int
    fields: Mapping[str, str]
    questions: Mapping[str, str]
    solutions: Mapping[str, str]
    draw: Callable[[Random], Sequence[str]]
    solve: Callable[..., str]
    lines: Callable[..., list[str]] | None = None

    def question(self, language: str, texts: Sequence[str]) -> str:
        """Return the problem's text."""
        return self.questions[language].format(**dict(zip(self.fields, texts, strict=True)))

    def solution(self, language: str, texts: Sequence[str]) -> str:
        """Return the solution's text, as the contest writes it."""
        fields = dict(zip(self.fields, texts, strict=True))
        return self.solutions[language].format(**fields, result=self.solve(*texts))

    def parse(self, problem: str) -> tuple[str, tuple[str, ...]] | None:
        """Return a problem's language and fields; None where it is not of this kind.

        Blanks, the width of punctuation and the last full stop or question mark do not matter.
        """
        text = unicodedata.normalize("NFKC", problem).strip()
        for language, pattern in self._patterns.items():
            if match := pattern.fullmatch(text):
                return language, tuple(match[field] for field in self.fields)
        return None

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        return {language: self._pattern(self.questions[language]) for language in LANGUAGES}

    def _pattern(self, question: str) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", unicodedata.normalize("NFKC", question).rstrip("?.。"))
        for i, part in enumerate(parts):
            is_field = i % 2
            parts[i] = f"(?P<{part}>{self.fields[part]})" if is_field else r"\s*".join(map(re.escape, part.split(" ")))
        return re.compile("".join(parts) + r"\s*[?.。]?")
