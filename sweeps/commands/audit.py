"""``lorasweep audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeps.commands.options import Json, console, print_json


def audit(
    paths: Annotated[
        list[Path], typer.Argument(help="Folders or files: MindFormers YAML, logs (also .gz), reports (.md).")
    ],
    as_json: Json = False,
) -> None:
    """List contradictions between anyone's YAML, logs and report.

    Exit code 1 where there are any.
    """
    from rich.text import Text

    from sweeps.audit.examine import examine
    from sweeps.audit.view import as_json as plain
    from sweeps.audit.view import count_of, findings_table, summary
    from sweeps.dossier.folder import read_dossier

    dossier = read_dossier(paths)
    findings = examine(dossier)
    if as_json:
        print_json(plain(findings, dossier))
    else:
        if findings:
            console.print(findings_table(findings))
        for line in summary(findings, dossier):
            console.print(Text(line), soft_wrap=True)
    if count_of(findings, "contradiction"):
        raise typer.Exit(1)
