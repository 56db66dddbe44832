"""``lorasweep params``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeps.commands.options import Json, console, print_json


def params(
    recipe: Annotated[Path, typer.Argument(help="MindFormers YAML with a pet_config.")],
    total: Annotated[
        int | None, typer.Option(min=1, help="Denominator of the ratio, instead of the exact total.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the exact parameter counts of a recipe.

    They are computed, without building the network.
    """
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
