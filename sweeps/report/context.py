"""What all sections of a report are written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sweeps.outbox import PARENT
from sweeps.read import Known
from sweeps.report.evidence import Evidence
from sweeps.report.markdown import code, plain
from sweeps.report.material import Material
from sweeps.report.sources import Fact, Register, Source, in_study
from sweeps.report.texts import Texts
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
    """A report in one language while it is written.

    Attributes:
        say: the language's words.
        checkpoints: the evenly spaced ones that are there, then the best.
        rerun: shell commands that run the trial again.
        place: where the report lies: in no pack, in one with merged checkpoints, in one from which they are left out.
    """

    material: Material
    say: Texts
    checkpoints: Sequence[HandedIn]
    rerun: str
    place: Place = "alone"
    register: Register = field(default_factory=Register)

    @property
    def known(self) -> Known:
        """The sweep."""
        return self.material.known

    @property
    def trial(self) -> Evidence:
        """The files of the trial."""
        return self.material.trial

    @property
    def base(self) -> Evidence:
        """The files of the untouched base."""
        return self.material.base

    @property
    def result(self) -> Result:
        """The measurement that the report is of."""
        return self.trial.result

    def study(self, place: str) -> Source:
        """Return a place in the study's database as a source."""
        return in_study(self.known.stores, place)

    def compared(self) -> str:
        """Return the sentence that says where else these numbers stand."""
        others = [self.trial.in_study, self.base.in_study]
        if not self.material.untold:
            others += [self.material.tracked.source(label) for label in self.material.tracked.runs if label != PARENT]
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
    if isinstance(value, Mapping):
        return plain(_listed(value))
    return plain(flow(value)) if isinstance(value, (bool, int, type(None))) else code(flow(value))


def _listed(values: Mapping[object, object]) -> str:
    return ", ".join(f"{key}: ({_listed(v)})" if isinstance(v, Mapping) else f"{key}: {v}" for key, v in values.items())
