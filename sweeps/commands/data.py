"""``lorasweep data``: looks at data sets and makes them."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweeps.commands.options import Json, console, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evaluation.items import Item
    from trainer.tokenizer import TextCodec

app = typer.Typer(help="Look at data sets, split them blindly, and make them.")


class Rows(StrEnum):
    """Protocols whose data sets have a row an item."""

    MATH = "math_contest"
    CHOICE = "multiple_choice"


class By(StrEnum):
    """What a training set and its test set have no two of."""

    PROBLEM = "problem"
    TEMPLATE = "template"


class Language(StrEnum):
    """Of the problems."""

    ZH = "zh"
    EN = "en"


File = Annotated[Path, typer.Argument(help="Data file; tiny/NAME is a shipped one.")]
Protocol = Annotated[Rows, typer.Option(help="How it is read: JSONL of problem and solution, or alpaca JSON(L).")]
Out = Annotated[Path, typer.Option(help="JSONL file to write; new.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same.")]


@app.command()
def stats(
    file: File,
    tokenizer: Annotated[str, typer.Option(help="Hugging Face tokenizer folder, or tiny.")],
    seq_length: Annotated[list[int], typer.Option(min=1, help="Sequence length to try; repeatable.")],
    protocol: Protocol = Rows.MATH,
    as_json: Json = False,
) -> None:
    """Count items and kinds, how long they are in tokens, and how many each sequence length cuts off."""
    from evaluation.items import stream
    from sweeps.data_tables import data_tables
    from sweeps.shipped import DataFile
    from trainer.data import encoded
    from trainer.data_statistics import Tally
    from trainer.prompts import TEMPLATES

    path, tally, name = _named(DataFile, file, "FILE"), Tally(), protocol.value
    for item in encoded(stream(name, path), name, TEMPLATES[name], _codec(tokenizer)):
        tally.add(len(item.prompt), len(item.answer), item.kind)
    found = tally.statistics(sorted(set(seq_length)))
    if as_json:
        print_json(found.model_dump())
    else:
        for table in data_tables(found):
            console.print(table)


@app.command()
def dedupe(
    file: File,
    out: Out,
    protocol: Protocol = Rows.MATH,
    exact: Annotated[
        bool, typer.Option("--exact", help="Only what is written alike, letter by letter, is the same.")
    ] = False,
) -> None:
    """Write a data set with each problem once, the first time it occurs.

    Problems are the same whatever their case, width, blanks and punctuation; their numbers count.
    """
    from trainer.blind_split import asked, normalized
    from trainer.rows import write_rows

    seen: dict[str, str] = {}
    repeated = contradicting = 0

    def fresh() -> Iterator[Item]:
        nonlocal repeated, contradicting
        for item in _items(file, protocol):
            key, answer = (asked if exact else normalized)(item), item.answers[0]
            if key not in seen:
                seen[key] = answer
                yield item
            else:
                repeated += 1
                contradicting += seen[key] != answer

    written = write_rows(out, fresh(), protocol.value)
    typer.echo(f"{written} items -> {out}; left out: {repeated}, of which {contradicting} had another answer")


@app.command()
def split(
    file: File,
    out: Annotated[Path, typer.Option(help="Folder to write train.jsonl and test.jsonl to; new or empty.")],
    test: Annotated[int, typer.Option(min=1, help="Items of the test set.")],
    seed: Seed = 42,
    by: Annotated[
        By, typer.Option(help="problem: no problem is in both sets; template: none with other numbers, either.")
    ] = By.PROBLEM,
    protocol: Protocol = Rows.MATH,
) -> None:
    """Split a data set into one to train on and one to test on that share no problem, or no template.

    Problems are the same whatever their case, width, blanks and punctuation. A template is a problem without its
    numbers. Rows that would put a template on both sides are left out, as few as can be, and counted.
    """
    from itertools import compress

    from trainer.blind_split import Side, blind_split, normalized, template
    from trainer.rows import write_rows

    key = normalized if by is By.PROBLEM else template
    keys = [key(item) for item in _items(file, protocol)]
    sides = blind_split(keys, test, seed)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise typer.BadParameter(f"{out}: is there already; name a new or an empty folder", param_hint="--out")
    out.mkdir(parents=True, exist_ok=True)
    for name, side in (("train", Side.TRAIN), ("test", Side.TEST)):
        written = write_rows(out / f"{name}.jsonl", compress(_items(file, protocol), sides == side), protocol.value)
        different = len(set(compress(keys, sides == side)))
        typer.echo(f"{written} items of {different} {by.value}s -> {out / name}.jsonl")
    if left_out := int((sides == Side.LEFT_OUT).sum()):
        typer.echo(f"{left_out} items left out: of a {by.value} that the test set has")


@app.command()
def apply(
    file: File,
    out: Out,
    protocol: Protocol = Rows.MATH,
    cot: Annotated[bool, typer.Option("--cot", help="A line above every answer that has the model think.")] = False,
    cot_text: Annotated[str | None, typer.Option(help="That line.", show_default="Let's think step by step")] = None,
    step_by_step: Annotated[
        bool, typer.Option("--step-by-step", help="Math answers worked out, where the kind of problem allows it.")
    ] = False,
    decimals: Annotated[int | None, typer.Option(min=0, max=15, help="Math answers rounded to so many.")] = None,
    examples: Annotated[int | None, typer.Option(min=1, help="So many items, drawn by the seed.")] = None,
    share: Annotated[
        list[str] | None, typer.Option(help="KIND=SHARE, as averages=0.2, of what is taken; repeatable.")
    ] = None,
    seed: Seed = 42,
) -> None:
    """Write a data set as a sweep with these settings under `train` would train on it."""
    from trainer.data import Source
    from trainer.rows import write_rows
    from trainer.transforms import Transforms

    values: dict[str, Any] = {"cot": cot, "step_by_step": step_by_step, "decimals": decimals, "examples": examples}
    if cot_text is not None:
        if not cot:
            raise typer.BadParameter("it is written only with --cot; add that, or delete it", param_hint="--cot-text")
        values["cot_text"] = cot_text
    transforms = Transforms(**values, shares=dict(map(_share, share or ())))
    transforms.check(protocol.value)
    source = Source(_data_file(file), protocol.value, "", transforms, seed)
    typer.echo(f"{write_rows(out, source.items(), protocol.value)} items -> {out}")


@app.command()
def generate(
    out: Out,
    count: Annotated[int, typer.Option(min=1, help="Problems to make.")],
    language: Annotated[Language, typer.Option(help="Of the problems.")] = Language.ZH,
    share: Annotated[
        list[str] | None,
        typer.Option(
            help="KIND=SHARE, as averages=0.2; repeatable.", show_default="all kinds, as often as the contest's"
        ),
    ] = None,
    seed: Seed = 42,
) -> None:
    """Make math problems as the contest has them, in eleven kinds, with exact answers."""
    from evaluation.items import Item
    from trainer import problems
    from trainer.rows import write_rows

    shares = dict(map(_share, share)) if share else problems.SHARES
    try:
        rows = problems.generate(shares, language.value, count, seed)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    items = (Item({"problem": row["problem"]}, (row["solution"],), row["kind"]) for row in rows)
    typer.echo(f"{write_rows(out, items, Rows.MATH.value)} problems -> {out}")


def _items(file: Path, protocol: Rows) -> Iterator[Item]:
    from evaluation.items import stream

    return stream(protocol.value, _data_file(file))


def _data_file(file: Path) -> Path:
    from sweeps.shipped import DataFile

    return _named(DataFile, file, "FILE")


def _named(kind: Any, name: object, hint: str) -> Path:
    """Return the file of a name as a sweep file in this folder would name it."""
    from pydantic import TypeAdapter, ValidationError

    from search_spaces.section import problems

    try:
        found: Path = TypeAdapter(kind).validate_python(str(name), context=Path())
    except ValidationError as error:
        raise typer.BadParameter(problems(error)[0][1].removeprefix("Value error, "), param_hint=hint) from error
    return found


def _codec(tokenizer: str) -> TextCodec:
    from sweeps.shipped import Tokenizer

    # that there is no PyTorch, which no tokenizer needs
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    from trainer.tokenizer import TextCodec

    folder = _named(Tokenizer, tokenizer, "--tokenizer")
    try:
        return TextCodec.load(folder)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--tokenizer") from error


def _share(text: str) -> tuple[str, float]:
    kind, _, share = text.rpartition("=")
    try:
        value = float(share)
    except ValueError:
        value = -1.0
    if not kind or not 0 <= value <= 1:
        raise typer.BadParameter(f"expected KIND=SHARE with a share from 0 to 1, got {text!r}", param_hint="--share")
    return kind, value
