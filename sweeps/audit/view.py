"""Findings as a table for people and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.table import Table

from sweeps.audit.findings import Finding
from sweeps.cells import literal
from sweeps.dossier.folder import Dossier


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return the findings, one a row."""
    table = Table(box=box.ROUNDED, show_lines=True)
    for heading in ("what", "says", "where", "right is"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        subject = finding.subject if finding.grade == "contradiction" else f"{finding.subject}\n({finding.grade})"
        says = "\n".join(one.says for one in finding.sides)
        where = "\n".join(str(one.source) for one in finding.sides)
        table.add_row(*(literal(cell) for cell in (subject, says, where, finding.right)))
    return table


def summary(findings: Sequence[Finding], dossier: Dossier) -> Iterator[str]:
    """Yield what was read, what was passed over and how much was found, a line each."""
    counts = {
        "training YAML": len(dossier.trainings),
        "other YAML": len(dossier.recipes) - len(dossier.trainings),
        "training log": sum(log.trains for log in dossier.logs),
        "evaluation log": sum(log.evaluates and not log.trains for log in dossier.logs),
        "predictions": len(dossier.predictions),
        "report": len(dossier.reports),
        "script": len(dossier.scripts),
    }
    yield "read: " + ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    for path, reason in dossier.unread.items():
        yield literal(f"passed over: {path}: {reason}").plain
    wrong = count_of(findings, "contradiction")
    warnings = count_of(findings, "warning")
    said = "no contradiction" if not wrong else f"{wrong} contradiction{'s' if wrong > 1 else ''}"
    yield said + (f", {warnings} warning{'s' if warnings > 1 else ''}" if warnings else "")


def count_of(findings: Iterable[Finding], grade: str) -> int:
    """Return how many findings are of a grade."""
    return sum(finding.grade == grade for finding in findings)


def as_json(findings: Sequence[Finding], dossier: Dossier) -> dict[str, object]:
    """Return findings and files as plain data."""
    read: dict[str, list[Path]] = {
        "recipes": [recipe.path for recipe in dossier.recipes],
        "logs": [log.path for log in dossier.logs],
        "predictions": [file.path for file in dossier.predictions],
        "reports": [report.path for report in dossier.reports],
        "scripts": [script.path for script in dossier.scripts],
    }
    return {
        "read": {kind: list(map(str, paths)) for kind, paths in read.items()},
        "unread": {str(path): reason for path, reason in dossier.unread.items()},
        "findings": [
            {
                **asdict(finding),
                "sides": [
                    {"file": str(one.source.file), "line": one.source.line or None, "says": one.says}
                    for one in finding.sides
                ],
            }
            for finding in findings
        ],
    }
