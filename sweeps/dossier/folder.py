"""A folder, or files, of others: found, told apart, read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sweeps.cells import literal
from sweeps.dossier.logs import Log, read_log
from sweeps.dossier.predictions import NAME as PREDICTIONS
from sweeps.dossier.predictions import Predictions, read_predictions
from sweeps.dossier.prompts import Script, read_script
from sweeps.dossier.recipes import RecipeFile, read_recipe
from sweeps.dossier.reports import Report, read_report

_MOST_FILES = 20_000
_NO_REPORT = re.compile(r"(?:readme|changelog|license|contributing)\b.*", re.IGNORECASE)
_CHECKPOINTS = (".ckpt", ".safetensors")
_T = TypeVar("_T")


class DossierError(ValueError):
    """There is nothing that could be read, or a named file cannot be."""

    def __init__(self, text: str) -> None:
        """Keep the text without what would steer a terminal: files are named by others."""
        super().__init__(literal(text).plain)


@dataclass
class Dossier:
    """What was read.

    Attributes:
        checkpoints: files of weights; they are not opened.
        unread: file -> why it was passed over although it is one of the kinds above.
    """

    recipes: list[RecipeFile] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    predictions: list[Predictions] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    checkpoints: list[Path] = field(default_factory=list)
    unread: dict[Path, str] = field(default_factory=dict)

    @property
    def trainings(self) -> list[RecipeFile]:
        """The YAML files for training."""
        return [recipe for recipe in self.recipes if recipe.trains]

    @property
    def files(self) -> int:
        """How many files were read; scripts alone say nothing of a run."""
        return len(self.recipes) + len(self.logs) + len(self.predictions) + len(self.reports)


def read_dossier(paths: Iterable[Path]) -> Dossier:
    """Read files, and all of folders but what is hidden.

    Raises:
        DossierError: a path does not exist, a named file cannot be read, or nothing that says anything was found.
    """
    given, dossier = list(paths), Dossier()
    for path in given:
        if not path.exists():
            raise DossierError(f"{path}: is not there; name a folder or files: YAML, logs, a report in Markdown")
        if not path.is_file() and not path.is_dir():
            raise DossierError(f"{path}: is neither a file nor a folder; save what it gives as a file and name that")
        for file in [path] if path.is_file() else _files(path):
            try:
                _take(dossier, file, named=path.is_file())
            except (ValueError, OverflowError, RecursionError, MemoryError) as error:
                reason = (
                    str(error) if isinstance(error, ValueError) else f"cannot be read: {error or 'it is too large'}"
                )
                if path.is_file():
                    raise DossierError(f"{file}: {reason}") from error
                dossier.unread[file] = reason
    if not dossier.files:
        why = "".join(f"\n{file}: {reason}" for file, reason in dossier.unread.items())
        raise DossierError(
            f"{', '.join(map(str, given))}: nothing was found to read; expected MindFormers YAML, logs (.log, .txt, "
            f".gz), predictions_<protocol>.jsonl or a report in Markdown (.md){why}"
        )
    return dossier


def _files(folder: Path) -> Iterator[Path]:
    found = 0
    for parent, folders, names in os.walk(folder):
        # in place: what is taken out is not entered
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            # a pipe would be waited for, a device has no end
            if not name.startswith(".") and Path(parent, name).is_file():
                found += 1
                if found > _MOST_FILES:
                    raise DossierError(f"{folder}: has more than {_MOST_FILES:,} files; name the run's own folder")
                yield Path(parent, name)


def _take(dossier: Dossier, file: Path, *, named: bool) -> None:
    """Read one file if it is of a kind that says anything; raises ``ValueError`` where it cannot be read."""
    suffixes = file.suffixes[-2:] if file.suffix == ".gz" else file.suffixes[-1:]
    kind = (suffixes or [""])[0].lower()
    if kind in (".yaml", ".yml"):
        _keep(dossier.recipes, read_recipe, file)
    elif kind in (".md", ".markdown"):
        report = read_report(file) if named or not _NO_REPORT.fullmatch(file.name) else None
        if report and (named or report.facts):
            dossier.reports.append(report)
    elif PREDICTIONS.fullmatch(file.name):
        _keep(dossier.predictions, read_predictions, file)
    elif kind in (".log", ".txt", ".gz", ".out"):
        log = read_log(file)
        if log.trains or log.evaluates:
            dossier.logs.append(log)
    elif kind == ".py":
        _keep(dossier.scripts, read_script, file)
    elif kind in _CHECKPOINTS:
        dossier.checkpoints.append(file)


def _keep(kept: list[_T], read: Callable[[Path], _T | None], file: Path) -> None:
    if (found := read(file)) is not None:
        kept.append(found)
