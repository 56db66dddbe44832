"""``lorasweep ui``."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from sweeps.commands.options import (
    RUNS,
    Database,
    Runs,
    open_stores,
)


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
    server.check_port()
    login = "" if server.password is None else " Log in as admin; the password goes over the network as it is."
    where = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    typer.echo(
        f"MLflow on {where} for {runs}, the Pareto page on {where}/pareto; it takes some seconds to start. "
        f"Ctrl-C ends it.{login}"
    )
    for name, page in own_pages(stores, where):
        typer.echo(f"{name}: {page}")
    raise typer.Exit(server.serve())
