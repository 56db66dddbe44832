"""The report's words: one table, a row a text, a column a language, so that no two reports can differ in more."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@cache
def table() -> Mapping[str, Mapping[Language, str]]:
    """Return key -> language -> text."""
    found: dict[str, dict[Language, str]] = yaml.safe_load(
        Path(__file__).with_name("texts.yaml").read_text(encoding="utf-8")
    )
    return found


class Texts:
    """The texts in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, key: str, /, **values: object) -> str:
        """Return a text with its placeholders filled in."""
        return table()[key][self.language].format(**values)
