"""``lorasweep export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeps.commands.options import (
    RUNS,
    Database,
    Name,
    Runs,
    open_stores,
)


def export(
    name: Name = None,
    select: Annotated[str, typer.Option(help="knee, best:METRIC, trial:N or trial:N@RUNG.")] = "knee",
    out: Annotated[Path, typer.Option(help="Folder to write to; new or empty.")] = Path("export"),
    runs: Runs = RUNS,
    database: Database = None,
) -> None:
    """Write a trial's configuration as YAML that runs.

    Recipes, launch.sh, adapter, manifest.
    """
    from sweeps.export import export as write_export
    from sweeps.read import Known
    from sweeps.selection import select as find

    known = Known.open(open_stores(runs, database), name)
    result = find(select, known)
    write_export(known, result, out.absolute())
    typer.echo(f"{result.point} -> {out}; run it again with {out / 'launch.sh'}")
