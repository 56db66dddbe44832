"""Text as Markdown (CommonMark with tables): what comes from users' files is shown as it is, never as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#&!$])")


def plain(text: object) -> str:
    """Return a text in one line, its markup escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def code(text: object) -> str:
    """Return a text as code, in one line; for a table's cell, in which a bar must be escaped even in code."""
    line = " ".join(str(text).split()).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if line[:1] == "`" or line[-1:] == "`" or not line else ""
    return f"{fence}{space}{line}{space}{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def block(text: str) -> str:
    """Return lines as a block of code."""
    fence = "`" * (1 + max(2, *(len(run) for run in re.findall("`+", text)), 2))
    return f"{fence}\n{text}\n{fence}"
