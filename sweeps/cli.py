"""The command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.commands import data
from sweeps.commands.adapter import app as adapter_commands
from sweeps.commands.audit import audit
from sweeps.commands.completion import sweep_names
from sweeps.commands.doctor import doctor
from sweeps.commands.front import front
from sweeps.commands.importing import import_run
from sweeps.commands.options import (
    HAND_IN,
    LOOK,
    OTHERS,
    PREPARE,
    RUN,
    RUNS,
    Database,
    Json,
    Name,
    Runs,
    Sort,
    console,
    open_stores,
    print_json,
)
from sweeps.commands.pack import pack
from sweeps.commands.params import params
from sweeps.commands.report import report
from sweeps.commands.watch import watch

if TYPE_CHECKING:
    from sweeps.start import End

_FIRST_STEPS = """\
The first five minutes, on any machine:
  lorasweep start search_spaces/tiny_cpu.yaml   sweep with a tiny model, live
  lorasweep front --plot                        see what came out
  lorasweep export --out best                   take it: best/launch.sh runs
"""
app = typer.Typer(
    help="Multi-objective sweeps for LoRA fine-tuning with MindFormers, tracked in MLflow.",
    epilog=_FIRST_STEPS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Trials = Annotated[int | None, typer.Option(min=1, max=10**9, help="Trials to end with, instead of the sweep's own.")]
TrackingUri = Annotated[
    str | None,
    typer.Option(
        envvar="MLFLOW_TRACKING_URI",
        help="MLflow server instead of the database in RUNS; a sweep remembers it, less the password.",
        show_default=False,
    ),
]
_DAY = 24 * 3600 * 1000.0


app.add_typer(data.app, name="data", rich_help_panel=PREPARE)


def _step_time(value: float | None) -> float | None:
    if value is not None and not 0 < value <= _DAY:
        raise typer.BadParameter(f"expected milliseconds, above 0 and at most {_DAY:.0f} (a day), got {value}")
    return value


# panels of the help stand in the order of their first commands
app.command(rich_help_panel=PREPARE)(doctor)
app.command(rich_help_panel=PREPARE)(params)


@app.command(rich_help_panel=RUN)
def start(
    sweep: Annotated[Path, typer.Argument(help="Sweep YAML.")],
    trials: Trials = None,
    runs: Runs = RUNS,
    database: Database = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would run and cost; start nothing.")] = False,
    tracking_uri: TrackingUri = None,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Start a new generation of a sweep whose settings or data changed.")
    ] = False,
    step_ms: Annotated[
        float | None, typer.Option(help="With --dry-run: milliseconds a training step takes.", callback=_step_time)
    ] = None,
) -> None:
    """Run a sweep to its end: every trial a real msrun launch.

    Started again, it goes on where it ended. --dry-run starts nothing and prints what would run and cost.
    """
    from sweeps.start import Options, run_file

    if step_ms is not None and not dry_run:
        raise typer.BadParameter(
            "it only estimates what --dry-run prints; add --dry-run, or delete it", param_hint="--step-ms"
        )
    if dry_run:
        from sweeps.dry_run import dry_run as print_plan

        print_plan(sweep, runs.absolute(), trials, step_ms, console)
        return
    _finish(run_file(sweep, Options(open_stores(runs, database), console, trials, tracking_uri, accept_changes)))


@app.command(rich_help_panel=RUN)
def resume(
    name: Name = None,
    trials: Trials = None,
    runs: Runs = RUNS,
    database: Database = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Go on with a sweep that was stopped, or whose process is gone.

    What still runs is taken up, what was interrupted is done again, nothing else.
    """
    from sweeps.start import Options
    from sweeps.start import resume as go_on

    _finish(go_on(name, Options(open_stores(runs, database), console, trials, tracking_uri)))


def _finish(end: End) -> None:
    said = {
        1: "no trial was measured on all items and holds all gates",
        3: "the sweep gave up; mend what it names, then `lorasweep resume` goes on",
        130: "stopped before its end; `lorasweep resume` goes on",
    }
    if end:
        typer.echo(said[end], err=True)
        raise typer.Exit(end)


@app.command(rich_help_panel=RUN)
def stop(
    name: Name = None,
    now: Annotated[bool, typer.Option("--now", help="Do not wait for running rungs: they are done again.")] = False,
    runs: Runs = RUNS,
    database: Database = None,
) -> None:
    """Have a running sweep end when its running rungs have.

    It starts nothing more, as after Ctrl-C.
    """
    from sweeps.requests import ask_to_stop

    typer.echo(ask_to_stop(open_stores(runs, database), name, now))


@app.command(rich_help_panel=RUN)
def cancel(
    name: Annotated[str, typer.Argument(help="Name of the sweep.", autocompletion=sweep_names)],
    trial: Annotated[int, typer.Argument(min=0, help="Number of the trial.")],
    runs: Runs = RUNS,
    database: Database = None,
) -> None:
    """End one trial of a sweep for good; the others go on."""
    from sweeps.requests import ask_to_cancel

    typer.echo(ask_to_cancel(open_stores(runs, database), name, trial))


app.command(rich_help_panel=LOOK)(watch)


@app.command(rich_help_panel=LOOK)
def status(
    name: Name = None, runs: Runs = RUNS, database: Database = None, as_json: Json = False, sort: Sort = None
) -> None:
    """Show every trial of a sweep with its state and values."""
    from sweeps import address
    from sweeps.read import Known
    from sweeps.selection import listing
    from sweeps.view import results_table, spent_text

    known = Known.open(open_stores(runs, database), name)
    results, shown = listing(known.results, sort, known)
    if as_json:
        print_json(known.as_json(results))
    else:
        console.print(results_table(results, known.base, shown, known.front))
        console.print(spent_text(known.config, known.spent))
        if (mlflow := address.of_sweep(known.config.name, known.stores)) is not None:
            typer.echo(f"MLflow: {mlflow}")


app.command(rich_help_panel=LOOK)(front)


@app.command(rich_help_panel=HAND_IN)
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


app.command(rich_help_panel=HAND_IN)(report)
app.command(rich_help_panel=HAND_IN)(pack)
app.add_typer(adapter_commands, rich_help_panel=HAND_IN)


@app.command(rich_help_panel=LOOK)
def ui(
    runs: Runs = RUNS,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own needs LORASWEEP_UI_PASSWORD.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5000,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="Name that browsers reach this server by, such as a proxy's; repeatable.")
    ] = None,
    database: Database = None,
) -> None:
    """Serve MLflow on the sweeps' own stores, with the live Pareto page."""
    from sweeps.address import own_pages
    from sweeps.server import Server

    stores = open_stores(runs, database)
    stores.check_tracking()
    server = Server.plan(stores, host, port, allowed_host or (), os.environ)
    login = "" if server.password is None else " Log in as admin; the password goes over the network as it is."
    where = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    typer.echo(
        f"MLflow on {where} for {runs}, the Pareto page on {where}/pareto; it takes some seconds to start. "
        f"Ctrl-C ends it.{login}"
    )
    for name, page in own_pages(stores, where):
        typer.echo(f"{name}: {page}")
    raise typer.Exit(server.serve())


@app.command(rich_help_panel=RUN)
def deliver(
    name: Name = None,
    runs: Runs = RUNS,
    database: Database = None,
    tracking_uri: Annotated[
        str | None, typer.Option(envvar="MLFLOW_TRACKING_URI", help="Server to deliver to, instead of the sweep's own.")
    ] = None,
    patience: Annotated[float, typer.Option(min=0, help="Seconds without progress after which to give up.")] = 30.0,
) -> None:
    """Deliver what a sweep could not tell MLflow while it ran."""
    from sweeps.deliver import deliver_rest

    raise typer.Exit(deliver_rest(open_stores(runs, database), name, tracking_uri, patience))


app.command(rich_help_panel=OTHERS)(audit)
app.command("import", rich_help_panel=OTHERS)(import_run)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 no usable result, 2 bad input, 3 gave up, 130 stopped by the user."""
    try:
        app()
    except SystemExit:
        # how every command ends, and first: to name the faults takes seconds of imports
        raise
    except _faults_of_input() as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def _faults_of_input() -> tuple[type[ValueError], ...]:
    """Return what is raised where a user's file or option is wrong; its text is all that the user needs."""
    from evaluation.items import DataError
    from search_spaces.load import FileFaults
    from sweeps.dossier.folder import DossierError
    from sweeps.importing.run import ImportRefused
    from sweeps.notify import NotifyError
    from sweeps.pack import PackError
    from sweeps.report.sources import ReportError
    from sweeps.selection import SelectionError
    from sweeps.stores import StoreError
    from trainer.blind_split import SplitError
    from trainer.files import FolderError
    from trainer.lora import LoraError
    from trainer.recipe import RecipeError
    from trainer.slots import SlotError
    from trainer.transforms import TransformError
    from trainer.weights import WeightsError

    return (
        DataError,
        DossierError,
        FileFaults,
        FolderError,
        ImportRefused,
        LoraError,
        NotifyError,
        PackError,
        RecipeError,
        ReportError,
        SelectionError,
        SlotError,
        SplitError,
        StoreError,
        TransformError,
        WeightsError,
    )


if __name__ == "__main__":
    main()
