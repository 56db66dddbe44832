"""Prompt templates, declared once: training and inference read the same text, so they cannot differ."""

from __future__ import annotations

from collections.abc import Mapping

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
