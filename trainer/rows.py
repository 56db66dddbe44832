"""Items written back as the rows that they were read from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from evaluation.items import DataError, Item

ANSWERS = {"math_contest": "solution", "multiple_choice": "output"}
"""Protocol whose data sets have a row an item -> the key of its answer."""


def write_rows(path: Path, items: Iterable[Item], protocol: str) -> int:
    """Write a JSONL file, whole or not at all, that the protocol's reader reads as ``items``; returns how many.

    Keys that no item has, and all answers but the first, are not written.

    Raises:
        DataError: the file is there already, or cannot be written.
    """
    if path.exists():
        raise DataError(f"{path}: is there already; name a new file")
    unfinished = path.with_name(f".{path.name}.part")
    written = 0
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            for item in items:
                row = {**item.fields, ANSWERS[protocol]: item.answers[0], **({"kind": item.kind} if item.kind else {})}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                written += 1
        unfinished.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}; choose another place") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return written
