"""What all sections of a report are written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sweeps.outbox import PARENT
from sweeps.read import Known
from sweeps.report.evidence import Evidence
from sweeps.report.markdown import code, plain
from sweeps.report.sources import Fact, Register, Source, YamlFile
from sweeps.report.texts import Texts
from sweeps.report.tracked import Tracked
from sweeps.results import Result
from trainer.yaml_text import flow

Place = Literal["alone", "packed", "left_out"]


@dataclass(frozen=True)
class HandedIn:
    """A checkpoint as the report lists it.

    Attributes:
        number: which of the evenly spaced ones; None: the best.
        name: of the file, relative to the sweep's folder, or to the pack.
    """

    number: int | None
    step: int | None
    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Context:
    """A report's contents before they are words.

    Attributes:
        select: how the trial was selected.
        front: point -> the files of each measurement on the front that are there.
        baseline: the recipe that the hyperparameters are compared with.
        inputs: what the sweep reads -> the digest that it had when the sweep was started.
        recorded_tags: what MLflow's run of the trial is tagged with.
        checkpoints: the evenly spaced ones that are there, then the best.
        digests: file -> sha256, of all files that the report lists.
        checkpoint_url: where checkpoints were uploaded to; None: nowhere.
        rerun: shell commands that run the trial again.
        place: where the report lies: in no pack, in one with merged checkpoints, in one from which they are left out.
    """

    known: Known
    trial: Evidence
    base: Evidence
    front: Mapping[str, Evidence]
    say: Texts
    select: str
    baseline: YamlFile
    inputs: Mapping[str, str]
    tracked: Tracked
    recorded_tags: Mapping[str, Fact]
    checkpoints: Sequence[HandedIn]
    digests: Mapping[Path, str]
    checkpoint_url: str | None
    rerun: str
    place: Place = "alone"
    register: Register = field(default_factory=Register)

    @property
    def result(self) -> Result:
        """The measurement that the report is of."""
        return self.trial.result

    def study(self, place: str) -> Source:
        """Return a place in the study's database as a source."""
        file = self.known.stores.study_file
        return Source("study" if file is None else file.name, f", {place}")

    def compared(self) -> str:
        """Return the sentence that says where else these numbers stand."""
        others = [self.trial.in_study, self.base.in_study]
        if not self.tracked.trouble:
            others += [self.tracked.source(label) for label in self.tracked.runs if label != PARENT]
        return self.say("compared", sources=self.register.cite(*others))

    def fact_row(self, name: str, fact: Fact, shown: str | None = None) -> tuple[str, str, str]:
        """Return a table's row: name, value, references.

        Args:
            name: Markdown.
            shown: the value as Markdown, where it is not the fact's own.
        """
        return name, value_text(fact.value) if shown is None else shown, self.register.cite(*fact.sources)


def value_text(value: object) -> str:
    """Return a value as Markdown: text as code, as it is; all else as in YAML, numbers with all their digits."""
    if isinstance(value, str):
        return code(value)
    if isinstance(value, float):
        return plain(repr(value))
    return plain(flow(value)) if isinstance(value, (bool, int, type(None))) else code(flow(value))
