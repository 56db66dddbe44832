"""What one launch measured, as its worker wrote it down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from evaluation.score import Score
from trainer.data_statistics import Statistics
from trainer.files import write_whole


class Measurement(BaseModel):
    """One launch's measurement.

    Attributes:
        scores: metric -> its value with its number of items and its 95 % interval, in percent.
        seconds: part of the launch -> wall time; ``worker`` is the whole of it, imports not counted.
        versions: package -> version that it ran with.
        data: what was trained on; None where nothing was trained.
        steps: trained since the start of the training, earlier rungs included; None where nothing was trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scores: Mapping[str, Score]
    seconds: Mapping[str, float]
    versions: Mapping[str, str]
    data: Statistics | None = None
    steps: int | None = None

    @classmethod
    def of(cls, parts: Sequence[Measurement]) -> Measurement:
        """Return what launches one after the other measured together, at least one."""
        totals: defaultdict[str, float] = defaultdict(float)
        for part in parts:
            for name, seconds in part.seconds.items():
                totals[name] += seconds
        return cls(
            scores={metric: score for part in parts for metric, score in part.scores.items()},
            seconds={name: round(seconds, 2) for name, seconds in totals.items()},
            versions=parts[0].versions,
            data=next((part.data for part in parts if part.data is not None), None),
            steps=next((part.steps for part in parts if part.steps is not None), None),
        )

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        write_whole(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Measurement:
        """Read what ``write`` wrote."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))
