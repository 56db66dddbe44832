"""What MLflow has of a sweep's runs, to be compared with what the files say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from sweeps.outbox import FOLDER, PARENT, Outbox
from sweeps.read import Known
from sweeps.report.sources import Fact, Source
from sweeps.tracking_uri import TrackingUri


@dataclass(frozen=True)
class Recorded:
    """What one run says.

    Attributes:
        metrics: those of one step, by name.
        trouble: why MLflow could not be asked; empty: it could.
    """

    metrics: Mapping[str, Fact] = field(default_factory=dict)
    tags: Mapping[str, Fact] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True)
class Tracked:
    """The runs of a sweep in MLflow.

    Attributes:
        uri: of the tracking store, without secrets; empty where nothing was ever to be delivered from here.
        runs: label of a trial, of the base or of the sweep itself -> id of its run.
        trouble: why MLflow does not have all that it is to have; empty: it has.
    """

    uri: str = ""
    runs: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    _full_uri: str = field(default="", repr=False)

    @classmethod
    def of(cls, known: Known, labels: tuple[str, ...]) -> Tracked:
        """Find the runs of those labels, and of the sweep."""
        folder = known.stores.sweep(known.config.name) / FOLDER
        if not folder.is_dir():
            return cls()
        outbox = Outbox(folder)
        uri = TrackingUri.choose(None, outbox, known.stores)
        # a password, if it has one, comes from the caller's environment
        full = uri.environment["MLFLOW_TRACKING_URI"]
        found = {label: outbox.delivered.run(uri.place, label) for label in (PARENT, *labels)}
        waiting = outbox.count_waiting()
        outbox.close()
        runs = {label: run for label, run in found.items() if run is not None}
        return cls(uri.shown, runs, f"{waiting} records wait to be delivered" if waiting else "", full)

    def ask(self, label: str, step: int) -> Recorded:
        """Return what a run says of one step."""
        run = self.runs.get(label)
        if run is None or self.trouble:
            return Recorded(trouble=self.trouble or f"{label} has no run")
        from sweeps.mlflow_calls import Unavailable, recorded

        os.environ["MLFLOW_TRACKING_URI"] = self._full_uri
        try:
            metrics, tags = recorded(self._full_uri, run, step)
        except Unavailable as error:
            return Recorded(trouble=str(error))
        if not metrics:
            return Recorded(trouble=f"run {run} has no metric at step {step}")
        return Recorded(
            {name: Fact(value, (self.source(label),)) for name, value in metrics.items()},
            {name: Fact(value, (self.source(label),)) for name, value in tags.items()},
        )

    def source(self, label: str) -> Source:
        """Return a run as a source."""
        return Source(f"MLflow run {self.runs[label]}", f" ({label})")
