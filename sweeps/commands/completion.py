"""What a shell completes beyond commands and options: names of sweeps and metrics.

A shell waits for it at every press of the tab key, so nothing is opened that takes longer to import than to read, and
whatever goes wrong completes nothing.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import typer

# Optuna's tables; the attribute is `sweeps.results.RUNGS`, whose module imports Optuna
_MEASURED = """
    SELECT studies.study_name, value_json FROM trial_user_attributes
    JOIN trials USING (trial_id) JOIN studies USING (study_id)
    WHERE key = 'rungs' AND (studies.study_name = ? OR ? IS NULL) LIMIT 1
"""


def sweep_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the sweeps that have a folder on this host."""
    try:
        names = sorted(folder.name for folder in (_runs(ctx) / "sweeps").iterdir() if folder.is_dir())
    except OSError:
        return []
    return [name for name in names if name.startswith(incomplete)]


def metrics(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the metrics and formulas of the sweep that is named before, or of any; SQLite only."""
    file, name = _runs(ctx) / "sweeps.db", ctx.params.get("name")
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute(_MEASURED, (name, name)).fetchone()
        names = [] if found is None else sorted(json.loads(found[1])[-1]["values"])
    except (sqlite3.Error, ValueError, LookupError, TypeError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def _runs(ctx: typer.Context) -> Path:
    default = next(option.default for option in ctx.command.params if option.name == "runs")
    return Path(ctx.params.get("runs") or str(default))
