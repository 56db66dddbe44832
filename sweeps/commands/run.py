"""``lorasweep start``, ``resume``, ``stop``, ``cancel``, ``deliver``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.commands.completion import sweep_names
from sweeps.commands.options import (
    RUNS,
    Database,
    Name,
    Runs,
    console,
    open_stores,
)

if TYPE_CHECKING:
    from sweeps.start import End

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

        print_plan(sweep, runs.resolve(), trials, step_ms, console)
        return
    _finish(run_file(sweep, Options(open_stores(runs, database), console, trials, tracking_uri, accept_changes)))


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


def cancel(
    name: Annotated[str, typer.Argument(help="Name of the sweep.", autocompletion=sweep_names)],
    trial: Annotated[int, typer.Argument(min=0, help="Number of the trial.")],
    runs: Runs = RUNS,
    database: Database = None,
) -> None:
    """End one trial of a sweep for good; the others go on."""
    from sweeps.requests import ask_to_cancel

    typer.echo(ask_to_cancel(open_stores(runs, database), name, trial))


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
