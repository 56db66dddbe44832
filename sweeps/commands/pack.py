"""``lorasweep pack``: all that a contest wants handed in, in one folder or zip file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeps.commands.options import RUNS, Database, Name, Runs
from sweeps.commands.report import Baseline, CheckpointUrl, Lang, Select, TrialNumber, chosen


def pack(
    out: Annotated[Path, typer.Option(help="New or empty folder, or a new file that ends with .zip.")],
    name: Name = None,
    trial: TrialNumber = None,
    select: Select = None,
    lang: Lang = None,
    baseline: Baseline = None,
    checkpoint_url: CheckpointUrl = None,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints/--no-checkpoints", help="Merge checkpoints into the base: each as large.")
    ] = True,
    runs: Runs = RUNS,
    database: Database = None,
) -> None:
    """Bundle all that a contest wants of a trial.

    Report, YAML, logs, predictions, five merged checkpoints and the best, code.
    """
    from sweeps.pack import Packer
    from sweeps.report.material import Material
    from sweeps.report.texts import LANGUAGES

    known, result, options = chosen(name, trial, select, baseline, checkpoint_url, runs, database)
    languages = LANGUAGES if lang is None else (lang,)
    files = Packer(Material.of(known, result, options), languages, checkpoints).write(out.absolute())
    typer.echo(f"{result.point} -> {out}: {len(files)} files, {sum(size for _, size in files.values()) / 1e6:.1f} MB")
