"""``lorasweep adapter``: what can be made of a trained adapter."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sweeps.commands.options import RUNS, Database, Name, Runs, open_stores

if TYPE_CHECKING:
    from sweeps.adapters import Adapter

app = typer.Typer(
    name="adapter",
    help="Make something of a trial's adapter, or of anyone's checkpoint (--from).",
    no_args_is_help=True,
)
Select = Annotated[str | None, typer.Option(help="knee, best:METRIC, trial:N or trial:N@RUNG.", show_default="knee")]
From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        help="Instead of a trial: a .safetensors or .ckpt file, with a base in it or without, or the folder of rank_0, "
        "rank_1 ... or a checkpoint in one of them.",
    ),
]
RecipeFile = Annotated[Path | None, typer.Option("--recipe", help="With --from: the YAML that it was trained with.")]
Strategy = Annotated[
    Path | None,
    typer.Option(help="With --from: strategy file, or their folder, of a training that was cut into slices."),
]
Out = Annotated[Path, typer.Option(help="Folder to write to; new or empty.")]


@app.command()
def merge(
    name: Name = None,
    select: Select = None,
    checkpoint: From = None,
    recipe: RecipeFile = None,
    strategy: Strategy = None,
    base: Annotated[
        Path | None,
        typer.Option(
            help="Weights to merge into, by MindFormers' names.", show_default="the trial's, or the checkpoint's"
        ),
    ] = None,
    form: Annotated[
        Literal["safetensors", "ckpt"] | None,
        typer.Option("--format", help="Format to write.", show_default="what the recipe loads"),
    ] = None,
    out: Out = Path("merged"),
    runs: Runs = RUNS,
    database: Database = None,
) -> None:
    """Merge an adapter into its base: weights that need no adapter any more, by MindFormers' names."""
    from trainer import ranks
    from trainer.merge import write_merged

    adapter = _adapter(name, select, checkpoint, recipe, strategy, runs, database)
    frozen = base or adapter.base
    with adapter.weights() as weights, nullcontext() if frozen is None else ranks.read(frozen) as into:
        write_merged(into, weights, adapter.recipe, out.absolute(), form)
    typer.echo(f"{adapter.name} merged into {frozen or 'the base beside it'} -> {out}")


@app.command()
def peft(
    name: Name = None,
    select: Select = None,
    checkpoint: From = None,
    recipe: RecipeFile = None,
    strategy: Strategy = None,
    base_model: Annotated[
        str | None,
        typer.Option(help="Name or folder of the base in Hugging Face's format, to be written down with the adapter."),
    ] = None,
    out: Out = Path("peft"),
    runs: Runs = RUNS,
    database: Database = None,
) -> None:
    """Write an adapter in the format of Hugging Face PEFT, which loads it on the same base in Hugging Face's format."""
    from trainer.files import whole_folder
    from trainer.peft import write

    adapter = _adapter(name, select, checkpoint, recipe, strategy, runs, database)
    with adapter.weights() as weights, whole_folder(out.absolute()) as folder:
        write(folder, weights, adapter.recipe, base_model or (str(adapter.base) if adapter.base else None))
    typer.echo(f"{adapter.name} -> {out}; load it with peft.PeftModel.from_pretrained(base, {str(out)!r})")


@app.command()
def extract(
    name: Name = None,
    select: Select = None,
    checkpoint: From = None,
    recipe: RecipeFile = None,
    strategy: Strategy = None,
    out: Out = Path("adapter"),
    runs: Runs = RUNS,
    database: Database = None,
) -> None:
    """Write an adapter alone, by MindFormers' names: what is trained of a checkpoint that holds the base as well."""
    from trainer.adapter import check, split
    from trainer.files import whole_folder
    from trainer.weight_output import write_safetensors

    adapter = _adapter(name, select, checkpoint, recipe, strategy, runs, database)
    with adapter.weights() as weights, whole_folder(out.absolute()) as folder:
        trained = split(weights)[1]
        check(trained, adapter.recipe.values, adapter.recipe.source)
        write_safetensors(folder / "adapter.safetensors", trained)
    typer.echo(f"{adapter.name} -> {out / 'adapter.safetensors'}")


def _adapter(
    name: str | None,
    select: str | None,
    checkpoint: Path | None,
    recipe: Path | None,
    strategy: Path | None,
    runs: Path,
    database: str | None,
) -> Adapter:
    from sweeps.adapters import Adapter
    from sweeps.read import Known
    from trainer.recipe import Recipe

    if checkpoint is None:
        for option, value in (("--recipe", recipe), ("--strategy", strategy)):
            if value is not None:
                raise typer.BadParameter("a trial has its own; it goes with --from", param_hint=option)
        return Adapter.of_trial(Known.open(open_stores(runs, database), name), select or "knee")
    for option, given in (("NAME", name), ("--select", select)):
        if given is not None:
            raise typer.BadParameter("names a trial, --from another checkpoint; give one of them", param_hint=option)
    if recipe is None:
        raise typer.BadParameter(
            "name the YAML that --from was trained with: it has rank and alpha", param_hint="--recipe"
        )
    return Adapter(str(checkpoint), checkpoint, Recipe.read(recipe), strategy=strategy)
