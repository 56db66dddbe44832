"""Files that a sweep names: its own, relative to its folder, or lorasweep's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import PlainValidator, ValidationInfo

import trainer.paths
from search_spaces.section import shown

_TRAINER = Path(trainer.paths.__file__).parent


def _shipped(pattern: str, name: str) -> dict[str, Path]:
    """Return lorasweep's files that match, by what a sweep calls them: ``name``, the file's for its ``*``."""
    return {name.replace("*", file.name): file for file in sorted(_TRAINER.glob(pattern))}


def _file(what: str, exists: Callable[[Path], bool], pattern: str, name: str) -> PlainValidator:
    """Make a validator that finds the file of a name; the context of the validation is the sweep file's folder.

    Without a context the path is one that was found when the sweep was started.
    """

    def find(value: object, info: ValidationInfo) -> Path:
        if not isinstance(value, (str, Path)) or not str(value):
            raise ValueError(f"expected the name of a {what}, got {shown(value)}")
        if not isinstance(info.context, Path):
            return Path(value)
        own = info.context / os.path.expanduser(value)
        if exists(own):
            return own
        shipped = _shipped(pattern, name)
        if value in shipped:
            return shipped[str(value)]
        raise ValueError(f"there is no {what} {own}; shipped are: {', '.join(shipped) or '(none)'}")

    return PlainValidator(find)


Recipe = Annotated[Path, _file("recipe", os.path.isfile, "recipes/*.yaml", "*")]
"""A MindFormers YAML."""

Base = Annotated[Path, _file("file or folder of weights", os.path.exists, "tiny/base/*.safetensors", "tiny")]
"""A base model's weights."""

Tokenizer = Annotated[Path, _file("tokenizer folder", os.path.isdir, "tiny/tokenizer", "tiny")]
"""A Hugging Face tokenizer."""

# with a folder: a user's file that is missing must not become the tiny model's of the same name
DataFile = Annotated[Path, _file("data file", os.path.isfile, "tiny/data/*", "tiny/*")]
"""What to train or to measure on."""
