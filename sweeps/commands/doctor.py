"""``lorasweep doctor``: whether this host, and a sweep on it, are fit to start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sweeps.commands.options import RUNS, Database, Json, Runs, console, open_stores, print_json

if TYPE_CHECKING:
    from sweeps.doctor.finding import Check, Finding, Level

_STYLES: dict[Level, str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    sweep: Annotated[Path | None, typer.Argument(help="Sweep YAML; without it only the host is looked at.")] = None,
    runs: Runs = RUNS,
    database: Database = None,
    as_json: Json = False,
    no_step: Annotated[
        bool, typer.Option("--no-step", help="Do not train the tiny model for two steps, which takes half a minute.")
    ] = False,
) -> None:
    """Look at this host and a sweep before it starts.

    Ok, warn or fail with what to do; exit code 1 where one fails.
    """
    from sweeps.doctor.examination import checks
    from sweeps.doctor.subject import Subject

    stores = open_stores(runs, database)
    progress = Console(stderr=True)
    with progress.status(Text(f"reading {sweep or 'this host'}")):
        subject = Subject.of(sweep, stores)
    found: list[tuple[Check, Finding]] = []
    group = ""
    for check in checks(subject, step=not no_step):
        with progress.status(Text(f"{check.group}: {check.name}")):
            findings = check.run()
        found += [(check, finding) for finding in findings]
        if as_json:
            continue
        if check.group != group:
            group = check.group
            console.print(Text(group, style="bold"))
        for finding in findings:
            console.print(_row(check, finding))
    levels = [finding.level for _, finding in found]
    if as_json:
        print_json({"ok": "fail" not in levels, "findings": [_as_json(*one) for one in found]})
    else:
        console.print(", ".join(f"{levels.count(level)} {level}" for level in _STYLES))
    raise typer.Exit(int("fail" in levels))


def _row(check: Check, finding: Finding) -> Table:
    """Return a line that wraps within its column, however narrow the terminal is."""
    row = Table.grid(padding=(0, 1))
    row.add_column(width=4)
    row.add_column(overflow="fold")
    # as Text: paths and names are no markup
    text = Text(f"{check.name}: {finding.text}")
    if finding.advice:
        text.append(f"\n-> {finding.advice}", style="bold")
    row.add_row(Text(finding.level, style=_STYLES[finding.level]), text)
    return row


def _as_json(check: Check, finding: Finding) -> dict[str, str]:
    return {
        "group": check.group,
        "check": check.name,
        "level": finding.level,
        "text": finding.text,
        "advice": finding.advice,
    }
