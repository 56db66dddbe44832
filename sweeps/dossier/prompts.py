"""Which prompt template a text, a script or a YAML wraps questions in, told by the template's fixed words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.dossier.text import whole

MARKERS = (
    "Below is an instruction",
    "### Instruction",
    "### Input",
    "### Response",
    "<|im_start|>",
    "<|start_header_id|>",
    "[INST]",
    "<|User|>",
    "<reserved_106>",
)
"""Words that only a template puts into a prompt: alpaca's and those of chat models."""

_ALPACA = "AlpacaInstructDataHandler"  # MindFormers' own reader of alpaca data, which wraps it in alpaca's template
_WRITES = re.compile(r"mindrecord|FileWriter", re.IGNORECASE)
_INFERS = re.compile(r"\.predict\(|text_generation|\.generate\(")


@dataclass(frozen=True)
class Script:
    """A Python script that makes training data or asks a model.

    Attributes:
        trains: whether it writes training data (MindRecord).
        markers: marker in its texts -> line.
    """

    path: Path
    trains: bool
    markers: Mapping[str, int]


def read_script(path: Path) -> Script | None:
    """Read the texts in a Python script, which is not run; None where it neither writes data nor asks a model.

    Raises:
        ValueError: it cannot be read, with the reason.
    """
    text = whole(path)
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"is no Python 3: {error}") from error
    writes, infers = bool(_WRITES.search(text)), bool(_INFERS.search(text))
    if writes == infers:
        return None
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for marker in markers([node.value]):
                found.setdefault(marker, node.lineno)
    return Script(path, writes, found)


def markers(texts: Iterable[str]) -> frozenset[str]:
    """Return the markers that any of the texts has."""
    whole = "\n".join(texts)
    return frozenset(marker for marker in MARKERS if marker in whole)


def of_handler(values: Mapping[str, Any]) -> frozenset[str]:
    """Return the markers of the template that a training YAML's data handler applies; empty where it names none."""
    return frozenset(MARKERS[:4]) - {"### Input"} if _ALPACA in str(values.get("train_dataset", "")) else frozenset()
