"""The command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.commands.adapter import app as adapter_commands
from sweeps.commands.audit import audit
from sweeps.commands.importing import import_run
from sweeps.commands.options import RUNS, Database, Json, Name, Runs, Sort, console, open_stores, print_json

if TYPE_CHECKING:
    from sweeps.start import End

app = typer.Typer(
    help="Multi-objective sweeps for LoRA fine-tuning with MindFormers, tracked in MLflow.",
    no_args_is_help=True,
    add_completion=False,
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


def _step_time(value: float | None) -> float | None:
    if value is not None and not 0 < value <= _DAY:
        raise typer.BadParameter(f"expected milliseconds, above 0 and at most {_DAY:.0f} (a day), got {value}")
    return value


@app.command()
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
    """Run a sweep to its end, or continue it: every trial a real msrun launch."""
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


@app.command()
def resume(
    name: Name = None,
    trials: Trials = None,
    runs: Runs = RUNS,
    database: Database = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Go on with a sweep: what still runs is taken up, what was interrupted is done again, nothing else."""
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


@app.command()
def stop(
    name: Name = None,
    now: Annotated[bool, typer.Option("--now", help="Do not wait for running rungs: they are done again.")] = False,
    runs: Runs = RUNS,
    database: Database = None,
) -> None:
    """Have a running sweep start nothing more and end when its running rungs have, as Ctrl-C does."""
    from sweeps.requests import ask_to_stop

    typer.echo(ask_to_stop(open_stores(runs, database), name, now))


@app.command()
def cancel(
    name: Annotated[str, typer.Argument(help="Name of the sweep.")],
    trial: Annotated[int, typer.Argument(min=0, help="Number of the trial.")],
    runs: Runs = RUNS,
    database: Database = None,
) -> None:
    """End one trial of a sweep for good; the others go on."""
    from sweeps.requests import ask_to_cancel

    typer.echo(ask_to_cancel(open_stores(runs, database), name, trial))


@app.command()
def status(
    name: Name = None, runs: Runs = RUNS, database: Database = None, as_json: Json = False, sort: Sort = None
) -> None:
    """Show every trial of a sweep with its state and values."""
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


@app.command()
def front(
    name: Name = None, runs: Runs = RUNS, database: Database = None, as_json: Json = False, sort: Sort = None
) -> None:
    """Show the front: trials, at the rungs they were measured at, that hold all gates and that no other dominates.

    The knee is marked. What was measured on a part of the items, as `halving.items` says, is not compared.
    """
    from sweeps.read import Known
    from sweeps.results import Front
    from sweeps.selection import listing
    from sweeps.view import front_table

    known = Known.open(open_stores(runs, database), name)
    results, shown = listing(known.front.results, sort, known)
    if as_json:
        print_json(known.as_json(results))
    else:
        console.print(front_table(Front(results, known.front.knee), shown, known.base))


@app.command()
def export(
    name: Name = None,
    select: Annotated[str, typer.Option(help="knee, best:METRIC, trial:N or trial:N@RUNG.")] = "knee",
    out: Annotated[Path, typer.Option(help="Folder to write to; new or empty.")] = Path("export"),
    runs: Runs = RUNS,
    database: Database = None,
) -> None:
    """Write a trial's configuration as YAML that runs: recipes, launch.sh, adapter, manifest."""
    from sweeps.export import export as write_export
    from sweeps.read import Known
    from sweeps.selection import select as find

    known = Known.open(open_stores(runs, database), name)
    result = find(select, known)
    write_export(known, result, out.absolute())
    typer.echo(f"{result.point} -> {out}; run it again with {out / 'launch.sh'}")


app.add_typer(adapter_commands)


@app.command()
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
    """Serve the MLflow UI on the sweeps' own stores, the live Pareto page in it, until Ctrl-C."""
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
    raise typer.Exit(server.serve())


@app.command()
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


@app.command()
def params(
    recipe: Annotated[Path, typer.Argument(help="MindFormers YAML with a pet_config.")],
    total: Annotated[
        int | None, typer.Option(min=1, help="Denominator of the ratio, instead of the exact total.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the exact parameter counts of a recipe, without building the network."""
    from sweeps.view import accounting_table
    from trainer.lora import account
    from trainer.recipe import Recipe

    loaded = Recipe.read(recipe)
    accounting = account(loaded.values, str(recipe))
    if as_json:
        numbers = {"trainable": accounting.trainable, "total": accounting.total, "ratio": accounting.ratio(total)}
        print_json(numbers)
    else:
        console.print(accounting_table(accounting, total))


app.command()(audit)
app.command("import")(import_run)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 no usable result, 2 bad input, 3 gave up, 130 stopped by the user."""
    from evaluation.items import DataError
    from search_spaces.load import FileFaults
    from sweeps.dossier.folder import DossierError
    from sweeps.importing.run import ImportRefused
    from sweeps.selection import SelectionError
    from sweeps.stores import StoreError
    from trainer.files import FolderError
    from trainer.lora import LoraError
    from trainer.recipe import RecipeError
    from trainer.slots import SlotError
    from trainer.weights import WeightsError

    try:
        app()
    except (
        DataError,
        DossierError,
        FileFaults,
        FolderError,
        ImportRefused,
        LoraError,
        RecipeError,
        SelectionError,
        SlotError,
        StoreError,
        WeightsError,
    ) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
