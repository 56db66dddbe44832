"""Prompt templates, declared once: training and inference read the same text, so they cannot differ."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter

# the contest's prompt for the base ability
_SQUAD = (
    "Read the passage and answer the question below.\n\n"
    "### Instruction:\n{passage}\n\n### Input:\n{question}\n\n### Response:"
)

TEMPLATES: Mapping[str, str] = {
    "squad_contest": _SQUAD,
    "squad_v1": _SQUAD,
    "math_contest": "### Instruction:\n{problem}\n\n### Response:",
    "multiple_choice": "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:",
}
"""The template of each protocol of ``evaluation.items``; its names are the fields of that protocol's items."""


def template_problem(protocol: str, template: str) -> str:
    """Return what is wrong with a template of the user's own, or an empty text: it must have each field of the
    protocol's items, and no other.
    """

    def fields(text: str) -> set[str]:
        # what stands after a name, as in {problem!r}, makes it another one
        parts = [(name, form, how) for _, name, form, how in Formatter().parse(text) if name is not None]
        return {name + (f"!{how}" if how else "") + (f":{form}" if form else "") for name, form, how in parts}

    wanted = fields(TEMPLATES[protocol])
    expected = f"expected each of {', '.join(f'{{{name}}}' for name in sorted(wanted))}, once or more, and no other"
    try:
        given = fields(template)
    except ValueError as error:
        return f"{error}; {expected}; a brace that is text is written twice"
    if unknown := sorted(given - wanted):
        return f"{{{unknown[0]}}} is no field of {protocol}; {expected}; a brace that is text is written twice"
    return f"{{{min(wanted - given)}}} is missing; {expected}" if wanted - given else ""
