"""``lorasweep report``: what a contest wants to read of one trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sweeps.commands.options import RUNS, Database, Name, Runs, open_stores

if TYPE_CHECKING:
    from sweeps.read import Known
    from sweeps.report.material import Options
    from sweeps.results import Result

Select = Annotated[str | None, typer.Option(help="knee, best:METRIC, trial:N or trial:N@RUNG.", show_default="knee")]
TrialNumber = Annotated[int | None, typer.Option(min=0, help="Short for --select trial:N.", show_default=False)]
Lang = Annotated[Literal["zh", "en"] | None, typer.Option(help="Language.", show_default="both")]
Baseline = Annotated[
    Path | None, typer.Option(help="Recipe to compare hyperparameters with.", show_default="the sweep's recipe")
]
CheckpointUrl = Annotated[str | None, typer.Option(help="Object storage that the checkpoints were uploaded to.")]


def report(
    name: Name = None,
    trial: TrialNumber = None,
    select: Select = None,
    lang: Lang = None,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("report"),
    baseline: Baseline = None,
    checkpoint_url: CheckpointUrl = None,
    runs: Runs = RUNS,
    database: Database = None,
) -> None:
    """Write a trial's report for a contest, Markdown and HTML.

    Every number is read from the runs' files, with its source.
    """
    from sweeps.report.kept import adapters
    from sweeps.report.material import Material
    from sweeps.report.texts import LANGUAGES
    from sweeps.report.write import rerun, write

    known, result, options = chosen(name, trial, select, baseline, checkpoint_url, runs, database)
    languages = LANGUAGES if lang is None else (lang,)
    material = Material.of(known, result, options)
    for file in write(material, out.absolute(), languages, adapters(material.trial), rerun(known, result)):
        typer.echo(file)


def chosen(
    name: str | None,
    trial: int | None,
    select: str | None,
    baseline: Path | None,
    checkpoint_url: str | None,
    runs: Path,
    database: str | None,
) -> tuple[Known, Result, Options]:
    """Return the sweep, the selected trial and how it is reported."""
    from sweeps.read import Known
    from sweeps.report.material import Options
    from sweeps.selection import select as find

    if trial is not None and select is not None:
        raise typer.BadParameter("names a trial as --select does; give one of them", param_hint="--trial")
    text = (select or "knee") if trial is None else f"trial:{trial}"
    known = Known.open(open_stores(runs, database), name)
    return known, find(text, known), Options(text, baseline, checkpoint_url)
