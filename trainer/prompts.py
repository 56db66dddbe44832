"""Prompt templates, declared once: training and inference read the same text, so they cannot differ."""

from __future__ import annotations

SQUAD = (
    "Read the passage and answer the question below.\n\n### Instruction:\n{passage}\n\n### Input:\n{question}\n\n### Response:"
)
"""The contest's prompt for the base ability."""

INSTRUCTION = "### Instruction:\n{problem}\n\n### Response:"
"""The prompt for problems of the task."""
