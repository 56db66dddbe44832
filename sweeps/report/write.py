"""A trial's report as files: ``report.LANGUAGE.md``, ``.html`` and pictures."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from sweeps.read import Known
from sweeps.report import data, listing, results, training
from sweeps.report.context import Context, HandedIn, Place
from sweeps.report.material import Material
from sweeps.report.page import html
from sweeps.report.picture import svg
from sweeps.report.texts import Language, Texts
from sweeps.results import Result
from trainer import files
from trainer.files import FolderError


def write(
    material: Material,
    out: Path,
    languages: Sequence[Language],
    checkpoints: Sequence[HandedIn],
    rerun: str,
    place: Place = "alone",
) -> list[Path]:
    """Write a report to the folder ``out`` in some languages; returns the files.

    Raises:
        ReportError: two places that should say the same do not.
        DataError: a data file is broken.
        FolderError: ``out`` cannot be written.
    """
    texts: dict[str, str] = {}
    for language in languages:
        say = Texts(language)
        pictures = _pictures(material, say)
        c = Context(material, say, checkpoints, rerun, place)
        markdown = "\n\n".join(_blocks(c, tuple(pictures))) + "\n"
        page = html(markdown, f"{say('title')}: {material.known.config.name}", language, pictures)
        texts |= {f"report.{language}.md": markdown, f"report.{language}.html": page, **pictures}
    try:
        # not before all of them could be made
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            files.write_whole(out / name, text)
    except OSError as error:
        raise FolderError(f"{out}: cannot be written: {error.strerror}; name another folder with --out") from error
    return [out / name for name in texts]


def _pictures(material: Material, say: Texts) -> dict[str, str]:
    """Return name -> SVG, the first objective against each of the others."""
    known = material.known
    measured = [result for result in known.measured if result.comparable]
    y, *others = known.config.objectives
    pictures = {}
    for i, x in enumerate(others or [y], 1):
        # a formula may have no finite value anywhere
        if any(math.isfinite(r.values[x.metric]) and math.isfinite(r.values[y.metric]) for r in measured):
            picture = svg(x, y, measured, known.base, known.front, material.trial.result, say)
            pictures[f"front_{i}.{say.language}.svg"] = picture
    return pictures


def _blocks(c: Context, pictures: Sequence[str]) -> Iterator[str]:
    yield from data.head(c)
    yield from data.algorithm(c)
    yield from training.hyperparameters(c)
    yield from training.cost(c)
    yield from training.environment(c)
    yield from results.base_ability(c)
    yield from results.accuracy(c)
    yield from results.front(c, pictures)
    yield from listing.checkpoints(c)
    yield from listing.files(c)
    yield from listing.again(c)
    yield from listing.sources(c)


def rerun(known: Known, result: Result) -> str:
    """Return the commands that export a trial and run it again."""
    at = "" if result.rung is None else f"@{result.rung}"
    name, runs = shlex.quote(known.config.name), shlex.quote(str(known.stores.root))
    return f"lorasweep export {name} --select trial:{result.number}{at} --out again --runs {runs}\nagain/launch.sh"
