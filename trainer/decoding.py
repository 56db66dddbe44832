"""A benchmark as token ids: its prompts, and the window that holds the longest of them with its answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.items import Item, read
from trainer.job import Benchmark

if TYPE_CHECKING:
    from trainer.tokenizer import TextCodec

MULTIPLE = 16
"""Windows are multiples of it: Ascend's kernels like them round, and a block of its key-value cache holds so many."""


def encode(benchmark: Benchmark, template: str, codec: TextCodec) -> tuple[list[Item], list[list[int]]]:
    """Return the items that a benchmark measures and the token ids of their prompts.

    Args:
        template: of the prompt, its names are the fields of the items.

    Raises:
        DataError: the file is broken.
    """
    items = read(benchmark.protocol, benchmark.file)[: benchmark.items]
    return items, codec.prompts(template, [item.fields for item in items])


def window(prompts: Sequence[Sequence[int]], max_new_tokens: int) -> int:
    """Return the least length, in tokens, that decoding the prompts takes."""
    return -(-(max(map(len, prompts)) + max_new_tokens) // MULTIPLE) * MULTIPLE


@cache
def window_of(benchmark: Benchmark, template: str, tokenizer: Path) -> int:
    """Return a benchmark's window; each is encoded once in this process.

    Raises:
        ValueError: the tokenizer cannot be loaded, or the file is broken.
    """
    # here: seconds to import, and most processes never need it
    from trainer.tokenizer import TextCodec

    try:
        codec = TextCodec.load(tokenizer)
    except (OSError, ValueError) as error:
        # what transformers says may be pages long
        raise ValueError(f"{tokenizer}: no tokenizer can be loaded from there: {str(error)[:200]}") from error
    return window(encode(benchmark, template, codec)[1], benchmark.max_new_tokens)
