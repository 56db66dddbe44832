"""Batched greedy decoding over a graph of fixed shape, without a key-value cache.

``use_past`` does not run on CPU in float32, so every new token costs one pass over the whole sequence; prompts are
sorted by length so that the sequences of a batch end at about the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int32]
NextTokens = Callable[[Tokens, Tokens], Tokens]
"""(batch, seq) token ids, (batch,) position of each last token -> (batch,) most likely next tokens."""


@dataclass(frozen=True)
class Shape:
    """The decoding graph's shape and the tokens that it fills and stops with."""

    batch: int
    seq_length: int
    max_new_tokens: int
    eos: int
    pad: int


def greedy(
    next_tokens: NextTokens,
    prompts: Sequence[Sequence[int]],
    shape: Shape,
    progress: Callable[[int], None] = lambda done: None,
) -> list[list[int]]:
    """Continue each prompt with its most likely tokens.

    Args:
        progress: called at each pass over the graph with the number of prompts whose batch is done.

    Returns:
        The new tokens of each prompt, in the prompts' order, without the end token.

    Raises:
        ValueError: a prompt is too long for the graph.
    """
    longest = max(map(len, prompts), default=0)
    if longest + shape.max_new_tokens > shape.seq_length:
        raise ValueError(f"a prompt of {longest} + {shape.max_new_tokens} new tokens exceeds {shape.seq_length}")
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    outputs: list[list[int]] = [[] for _ in prompts]
    for start in range(0, len(order), shape.batch):
        chosen = order[start : start + shape.batch]
        decoded = _decode_batch(_reporting(next_tokens, progress, start), [prompts[i] for i in chosen], shape)
        for i, tokens in zip(chosen, decoded, strict=True):
            outputs[i] = tokens
    progress(len(prompts))
    return outputs


def _reporting(next_tokens: NextTokens, progress: Callable[[int], None], done: int) -> NextTokens:
    """Return ``next_tokens`` that tells at each call how far decoding is."""

    def step(ids: Tokens, last: Tokens) -> Tokens:
        tokens = next_tokens(ids, last)
        progress(done)
        return tokens

    return step


def _decode_batch(next_tokens: NextTokens, prompts: Sequence[Sequence[int]], shape: Shape) -> list[list[int]]:
    ids = np.full((shape.batch, shape.seq_length), shape.pad, np.int32)
    last = np.zeros(shape.batch, np.int32)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt)] = prompt
        last[row] = len(prompt) - 1
    outputs: list[list[int]] = [[] for _ in prompts]
    running = set(range(len(prompts)))
    for _ in range(shape.max_new_tokens):
        tokens = next_tokens(ids, last)
        for row in tuple(running):
            if tokens[row] == shape.eos:
                running.remove(row)
            else:
                outputs[row].append(int(tokens[row]))
        if not running:
            break
        last += 1
        ids[np.arange(shape.batch), last] = tokens
    return outputs
