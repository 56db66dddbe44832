"""``lorasweep import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeps.commands.options import RUNS, Database, Runs, console, open_stores


def import_run(
    folder: Annotated[Path, typer.Argument(help="Folder of one run: MindFormers YAML, msrun logs, evaluation logs.")],
    sweep: Annotated[str | None, typer.Option(help="Sweep to import into; not needed where it fits only one.")] = None,
    into: Annotated[Path | None, typer.Option(help="Sweep YAML to import into; its sweep need not exist yet.")] = None,
    runs: Runs = RUNS,
    database: Database = None,
    tracking_uri: Annotated[
        str | None, typer.Option(envvar="MLFLOW_TRACKING_URI", help="MLflow server, instead of the sweep's own.")
    ] = None,
) -> None:
    """Make a finished run of others a trial of a sweep.

    A completed one, and a run in MLflow with its step metrics.
    """
    from sweeps.importing.bring_in import import_run as bring_in

    if sweep is not None and into is not None:
        raise typer.BadParameter("name either a sweep or a sweep file", param_hint="--sweep, --into")
    typer.echo(bring_in(folder, open_stores(runs, database), sweep, into, tracking_uri, console))
