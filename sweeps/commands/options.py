"""What commands have in common: their options, where they print."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from sweeps.commands.completion import metrics, sweep_names

if TYPE_CHECKING:
    from sweeps.stores import Stores


def _width() -> int | None:
    """Return how wide output is; None: as rich finds the terminal."""
    if sys.stdout.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    # a pipe or a CI log is no terminal that is narrow
    return (int(columns) if columns.isdecimal() else 0) or 160


console = Console(width=_width())

# panels of `lorasweep --help`, in the order of use
PREPARE, RUN, LOOK, HAND_IN, OTHERS = (
    "Before a sweep",
    "Run",
    "Look",
    "Use what came out",
    "What others ran",
)

Runs = Annotated[Path, typer.Option(help="Folder of databases, artifacts and trials.")]
Database = Annotated[
    str | None,
    typer.Option(
        envvar="LORASWEEP_DATABASE",
        show_default="sweeps.db in that folder",
        help="postgresql://USER@HOST/DATABASE of studies; its password better from the environment or ~/.pgpass.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Sort = Annotated[
    str | None,
    typer.Option(
        metavar="METRIC",
        help="Best first by this metric or formula, shown beside the objectives.",
        autocompletion=metrics,
    ),
]
Name = Annotated[
    str | None,
    typer.Argument(help="Name of the sweep; may be left out where there is one.", autocompletion=sweep_names),
]
RUNS = Path("mlruns")


def open_stores(runs: Path, database: str | None) -> Stores:
    """Return the stores that the options name."""
    from sweeps.database import parse
    from sweeps.stores import Stores

    # msrun's processes need not know a password, and what they know may end up in a log
    os.environ.pop("LORASWEEP_DATABASE", None)
    # by one name, or what runs there would not be known by the mark that it bears
    return Stores(runs.resolve(), parse(database) if database else None)


def print_json(value: Any) -> None:
    """Print JSON on standard output; a number that is not finite becomes null."""
    typer.echo(json.dumps(_finite(value), ensure_ascii=False, indent=2))


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: null stands for them."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
