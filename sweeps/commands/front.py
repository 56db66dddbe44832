"""``lorasweep front``."""

from __future__ import annotations

from typing import Annotated

import typer

from sweeps.commands.completion import metrics
from sweeps.commands.options import RUNS, Database, Json, Name, Runs, Sort, console, open_stores, print_json

Plot = Annotated[bool, typer.Option("--plot", help="Draw two metrics of all that was measured, instead of a table.")]
X = Annotated[
    str | None,
    typer.Option("--x", metavar="METRIC", help="With --plot: to the right.", autocompletion=metrics),
]
Y = Annotated[
    str | None,
    typer.Option("--y", metavar="METRIC", help="With --plot: upwards.", autocompletion=metrics),
]


def front(
    name: Name = None,
    plot: Plot = False,
    x: X = None,
    y: Y = None,
    runs: Runs = RUNS,
    database: Database = None,
    as_json: Json = False,
    sort: Sort = None,
) -> None:
    """Show the trials on the Pareto front, the knee marked.

    They hold all gates and no other dominates them, each at the rung that it was measured at. What was measured on a
    part of the items, as `halving.items` says, is not compared.
    """
    from sweeps.read import Known
    from sweeps.results import Front
    from sweeps.scatter import Scatter
    from sweeps.selection import axes, listing
    from sweeps.view import front_table

    for option, given in (("--json", as_json), ("--sort", sort)):
        if plot and given:
            raise typer.BadParameter("lists the front, --plot draws it; give one of them", param_hint=option)
    for option, metric in (("--x", x), ("--y", y)):
        if metric is not None and not plot:
            raise typer.BadParameter("says what --plot draws; add --plot, or delete it", param_hint=option)
    known = Known.open(open_stores(runs, database), name)
    if plot:
        console.print(Scatter(*axes(x, y, known), known.measured, known.base, known.front))
        return
    results, shown = listing(known.front.results, sort, known)
    if as_json:
        print_json(known.as_json(results))
    else:
        console.print(front_table(Front(results, known.front.knee), shown, known.base))
