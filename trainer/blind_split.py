"""Which problems are the same, or of one template, and a test set that shares neither with its training set.

* *normalized*: NFKC, lower case, no blanks, no punctuation but what a calculation is made of, so that
  ``计算 3＋4 等于多少？`` is ``计算3+4等于多少``. Numbers stay apart from each other, and ``1,000`` is ``1000``.
* *template*: the normalized text with ``#`` for every number, its sign included, and for every list of numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from enum import IntEnum
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from evaluation.items import Item

# NFKC would make 32 of 3²
_SUPERSCRIPT = re.compile("[⁰¹²³⁴-⁹]+")
_PLAIN = str.maketrans({"−": "-", "–": "-", "—": "-", "×": "*", "÷": "/", "·": "*", "⁄": "/"})
_TOKEN = re.compile(
    r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?|\.\d+|[^\W\d_]+|[-+*/^=%<>()√π≤≥≠|]"
    # a ratio; a factorial, no exclamation
    r"|(?<=\d):(?=\d)|(?<=[\d)])!(?=\s*(?:[-+*/^=)?等的]|$))"
)


class Side(IntEnum):
    """Where an item goes."""

    TRAIN = 0
    TEST = 1
    LEFT_OUT = 2


class SplitError(ValueError):
    """A data set cannot be split so."""


def asked(item: Item) -> str:
    """Return all that is asked, as it is written."""
    return "\n".join(item.fields.values())


def normalized(item: Item) -> str:
    """Return all that is asked, the same for all ways to write it."""
    tokens = list(_tokens(asked(item)))
    between = ("," if all(map(_is_number, pair)) else "" for pair in pairwise(tokens))
    return "".join(part for pair in zip(tokens, (*between, ""), strict=True) for part in pair)


def template(item: Item) -> str:
    """Return all that is asked without its numbers."""
    kept: list[str] = []
    for token in _tokens(asked(item)):
        if not _is_number(token):
            kept.append(token)
            continue
        if kept[-1:] in (["-"], ["+"]) and not _is_operand(kept[-2:-1]):
            kept.pop()
        if kept[-1:] != ["#"]:
            kept.append("#")
    return "".join(kept)


def _tokens(text: str) -> Iterator[str]:
    text = _SUPERSCRIPT.sub(lambda match: f"^{match[0]}", text)
    text = unicodedata.normalize("NFKC", text).translate(_PLAIN).casefold()
    return (token.replace(",", "") for token in _TOKEN.findall(text))


def _is_number(token: str) -> bool:
    return token[0].isdigit() or token[0] == "."


def _is_operand(before: Sequence[str]) -> bool:
    """Whether a minus after this is one between two numbers, not a sign: after a number, a bracket, a variable."""
    return bool(before) and (before[0] in ("#", ")") or re.fullmatch("[a-zπ]", before[0]) is not None)


def blind_split(keys: Sequence[str], test: int, seed: int) -> npt.NDArray[np.int8]:
    """Return the side of each item; items with the same key never are on both sides.

    Groups of one key go to the test set as a whole, in an order drawn by the seed, as long as they fit. Where none fits
    any more, some items of the smallest one that is left complete it, and the others of that group are left out.

    Args:
        keys: one an item.
        test: items that the test set gets.

    Raises:
        SplitError: nothing would be left to train on.
    """
    rng = np.random.default_rng(seed)
    _, groups, sizes = np.unique(np.array(keys), return_inverse=True, return_counts=True)
    chosen = np.zeros(len(sizes), np.bool_)
    wanted = test
    for group in rng.permutation(len(sizes)):
        if sizes[group] <= wanted:
            chosen[group] = True
            wanted -= int(sizes[group])
    sides = np.where(chosen[groups], np.int8(Side.TEST), np.int8(Side.TRAIN))
    rest = np.flatnonzero(~chosen)
    if wanted and len(rest):
        last = rng.permutation(np.flatnonzero(groups == rest[np.argmin(sizes[rest])]))
        sides[last] = Side.LEFT_OUT
        sides[last[:wanted]] = Side.TEST
    if not (sides == Side.TRAIN).any():
        raise SplitError(
            f"a test set of {test} items leaves none to train on: there are {len(keys)}, of {len(sizes)} different; "
            "lower --test"
        )
    return sides
