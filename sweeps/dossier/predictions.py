"""Predictions as lorasweep keeps them (``predictions_<protocol>.jsonl``), graded again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from evaluation.items import Item
from evaluation.protocols import METRICS, evaluate
from evaluation.score import Score
from sweeps.dossier.text import whole

NAME = re.compile(r"predictions_(\w+)\.jsonl")


class _Row(BaseModel):
    fields: Mapping[str, str]
    answers: tuple[str, ...]
    kind: str = ""
    prediction: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Predictions:
    """One file of predictions.

    Attributes:
        metrics: metric -> its mean over the items, graded now; accuracies by kind as well.
        differing: line, metric, value that stands there and value graded now, of the first item where they differ.
    """

    path: Path
    protocol: str
    items: int
    metrics: Mapping[str, Score]
    differing: tuple[int, str, float, float] | None

    def score(self, name: str) -> float | None:
        """Return what a report calls ``f1``, ``em`` or ``accuracy``; None where these were not measured."""
        metric = next((m for m in self.metrics if m == name or (name == "accuracy" and m.endswith("_accuracy"))), None)
        return None if metric is None else self.metrics[metric].value


def read_predictions(path: Path) -> Predictions | None:
    """Read and grade one file; None where its protocol is none of ours.

    Raises:
        ValueError: it cannot be read, with the reason.
    """
    named = NAME.fullmatch(path.name)
    protocol = named[1] if named else ""
    if protocol not in METRICS:
        return None
    rows = _rows(path)
    items = [Item(row.fields, row.answers, row.kind) for row in rows]
    graded = evaluate(protocol, items, [row.prediction for row in rows])
    differing = next(
        (
            (line, metric, row.values[metric], value)
            for line, (row, verdict) in enumerate(zip(rows, graded.verdicts, strict=True), 1)
            for metric, value in verdict.values.items()
            if metric in row.values and abs(row.values[metric] - value) > 1e-9
        ),
        None,
    )
    return Predictions(path, protocol, len(rows), graded.metrics, differing)


def _rows(path: Path) -> list[_Row]:
    rows = []
    # not splitlines: a JSON string may hold U+2028
    for number, line in enumerate(whole(path).removesuffix("\n").split("\n"), 1):
        try:
            rows.append(_Row.model_validate_json(line))
        except ValidationError as error:
            raise ValueError(f"line {number} is no prediction: {error.errors()[0]['msg']}") from error
        if not rows[-1].answers:
            raise ValueError(f"line {number} has no answer")
    return rows
