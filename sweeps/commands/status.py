"""``lorasweep status``."""

from __future__ import annotations

import typer

from sweeps.commands.options import (
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
