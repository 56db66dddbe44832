"""The command line."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

app = typer.Typer(
    help="Multi-objective sweeps for LoRA fine-tuning with MindFormers, tracked in MLflow.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# where there is no terminal to be narrow, as in a pipe or a CI log, nothing need be cut off
console = Console(width=None if sys.stdout.isatty() else 160)

Runs = Annotated[Path, typer.Option(help="Folder of databases, artifacts and trials.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Name = Annotated[str | None, typer.Argument(help="Name of the sweep; may be left out where there is one.")]
_RUNS = Path("mlruns")
_DAY = 24 * 3600 * 1000.0


def _step_time(value: float | None) -> float | None:
    if value is not None and not 0 < value <= _DAY:
        raise typer.BadParameter(f"expected milliseconds, above 0 and at most {_DAY:.0f} (a day), got {value}")
    return value


@app.command()
def start(
    sweep: Annotated[Path, typer.Argument(help="Sweep YAML.")],
    trials: Annotated[
        int | None, typer.Option(min=1, max=10**9, help="Trials to end with, instead of the sweep's own.")
    ] = None,
    runs: Runs = _RUNS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would run and cost; start nothing.")] = False,
    step_ms: Annotated[
        float | None, typer.Option(help="With --dry-run: milliseconds a training step takes.", callback=_step_time)
    ] = None,
) -> None:
    """Run a sweep to its end, or continue it: every trial a real msrun launch."""
    from sweeps.signals import end_like_ctrl_c
    from sweeps.start import run_sweep

    if step_ms is not None and not dry_run:
        raise typer.BadParameter(
            "it only estimates what --dry-run prints; add --dry-run, or delete it", param_hint="--step-ms"
        )
    if dry_run:
        from sweeps.dry_run import dry_run as print_plan

        print_plan(sweep, runs.absolute(), trials, step_ms, console)
        return
    end_like_ctrl_c()
    try:
        found = run_sweep(sweep, trials, runs.absolute(), console)
    except KeyboardInterrupt:
        typer.echo("stopped; `lorasweep start` of the same file continues", err=True)
        raise typer.Exit(130) from None
    if not found:
        typer.echo("no trial was measured on all items and holds all gates", err=True)
        raise typer.Exit(1)


@app.command()
def status(name: Name = None, runs: Runs = _RUNS, as_json: Json = False) -> None:
    """Show every trial of a sweep with its state and values."""
    from sweeps.read import Known
    from sweeps.view import results_table, spent_text

    known = Known.open(runs.absolute(), name)
    if as_json:
        _print_json(known.as_json(known.results))
    else:
        console.print(results_table(known.results, known.base, known.config.objectives, known.front))
        console.print(spent_text(known.config, known.spent))


@app.command()
def front(name: Name = None, runs: Runs = _RUNS, as_json: Json = False) -> None:
    """Show the front: trials, at the rungs they were measured at, that hold all gates and that no other dominates.

    The knee is marked. What was measured on a part of the items, as `halving.items` says, is not compared.
    """
    from sweeps.read import Known
    from sweeps.view import front_table

    known = Known.open(runs.absolute(), name)
    if as_json:
        _print_json(known.as_json(known.front.results))
    else:
        console.print(front_table(known.front, known.config.objectives, known.base))


@app.command()
def export(
    name: Name = None,
    select: Annotated[str, typer.Option(help="knee, best:METRIC, trial:N or trial:N@RUNG.")] = "knee",
    out: Annotated[Path, typer.Option(help="Folder to write to; new or empty.")] = Path("export"),
    runs: Runs = _RUNS,
) -> None:
    """Write a trial's configuration as YAML that runs: recipes, launch.sh, adapter, manifest."""
    from sweeps.export import export as write_export
    from sweeps.read import Known
    from sweeps.selection import select as find

    known = Known.open(runs.absolute(), name)
    result = find(select, known)
    write_export(known, result, out.absolute())
    typer.echo(f"{result.point} -> {out}; run it again with {out / 'launch.sh'}")


@app.command()
def ui(
    runs: Runs = _RUNS,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5000,
) -> None:
    """Serve the MLflow UI on the sweeps' own stores until Ctrl-C."""
    from sweeps.server import serve
    from sweeps.stores import Stores

    stores = Stores(runs.absolute())
    stores.check()
    typer.echo(f"MLflow on http://{host}:{port} for {runs}; it takes some seconds to start. Ctrl-C ends it.")
    raise typer.Exit(serve(stores, host, port))


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
        _print_json(numbers)
    else:
        console.print(accounting_table(accounting, total))


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(_finite(value), ensure_ascii=False, indent=2))


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: null stands for them."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 no usable result, 2 bad input, 130 stopped by the user."""
    from evaluation.items import DataError
    from search_spaces.load import FileFaults
    from sweeps.selection import SelectionError
    from sweeps.stores import StoreError
    from trainer.lora import LoraError
    from trainer.recipe import RecipeError
    from trainer.slots import SlotError

    try:
        app()
    except (DataError, FileFaults, LoraError, RecipeError, SelectionError, SlotError, StoreError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
