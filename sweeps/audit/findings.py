"""What an audit finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sweeps.dossier.facts import Fact, Source


@dataclass(frozen=True)
class Side:
    """One source and what it says."""

    source: Source
    says: str


@dataclass(frozen=True)
class Finding:
    """One thing that cannot be true as it stands.

    Attributes:
        subject: what it is about, such as ``lora_rank``.
        sides: the sources that contradict each other; one, where it contradicts what is computed from it.
        right: what is right by computation, or why the sides cannot both hold; empty where only they can tell.
        grade: a warning may have a reason that the files do not show.
    """

    subject: str
    sides: tuple[Side, ...]
    right: str = ""
    grade: Literal["contradiction", "warning"] = "contradiction"


def contradiction(subject: str, facts: Iterable[Fact], right: str = "") -> Finding:
    """Return the finding that facts contradict each other, or what is computed."""
    return Finding(subject, tuple(side(fact, subject) for fact in facts), right)


def side(fact: Fact, subject: str) -> Side:
    """Return a fact as a side of a finding; its name goes with it where the finding is about something else."""
    return Side(fact.source, fact.text if fact.name == subject else f"{fact.name} {fact.text}")


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, those that several files of one run give alike (as the logs of its workers do) once."""
    kept: dict[object, Finding] = {}
    for finding in findings:
        key = (finding.subject, finding.right, *(one.says for one in finding.sides))
        kept.setdefault(key, finding)
    return list(kept.values())
