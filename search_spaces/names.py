"""Names that a user gives or refers to: which are allowed, and what an unknown one was meant to be."""

from __future__ import annotations

import difflib
import keyword
from collections.abc import Iterable

RESERVED = ("base", "max", "min", "round")
"""What expressions already use."""


def name_problem(name: str) -> str:
    """Return why expressions could not refer to ``name``, or an empty text where they can."""
    if name in RESERVED or keyword.iskeyword(name):
        return f"{name!r} has a meaning of its own in expressions; choose another name"
    if not name.isidentifier():
        return f"{name!r} is no name; expected letters, digits and _, not starting with a digit"
    return ""


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Say that ``name`` is no known ``what``, which one is near to it, and which ones there are."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {what} {name!r}{meant}; expected one of: {', '.join(names) or '(there is none)'}"
