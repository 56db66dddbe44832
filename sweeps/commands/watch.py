"""``lorasweep watch``."""

from __future__ import annotations

import typer

from sweeps.commands.options import RUNS, Database, Name, Runs, console, open_stores


def watch(name: Name = None, runs: Runs = RUNS, database: Database = None) -> None:
    """Show a sweep live, from any shell, until it ends.

    Jobs with their losses and time left, budget, front, hypervolume. Ctrl-C ends the view, not the sweep. In a pipe or
    a log: a line an event, and one every half minute. Of a sweep that nothing runs: how it stands, what happened last.
    """
    from sweeps.spectator import watch as follow

    try:
        follow(open_stores(runs, database), name, console)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
