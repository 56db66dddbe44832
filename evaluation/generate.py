"""Batched greedy decoding: over a graph of fixed shape without a key-value cache, or by a model's own ``generate``.

``use_past`` does not run on CPU in float32, so there every new token costs one pass over the whole sequence. Prompts
are sorted by length so that the sequences of a batch end at about the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int32]
NextTokens = Callable[[Tokens, Tokens], Tokens]
"""(batch, seq) token ids, (batch,) position of each last token -> (batch,) most likely next tokens."""
Progress = Callable[[int], None]
"""Called again and again with the number of prompts that are done."""


@dataclass(frozen=True)
class Shape:
    """The decoding graph's shape and the tokens that it fills and stops with."""

    batch: int
    seq_length: int
    max_new_tokens: int
    eos: int
    pad: int


Generate = Callable[[list[list[int]], Shape], Sequence[Tokens]]
"""``batch`` prompts, padded to one length -> each with its new tokens behind it, the end token among them or not."""


def greedy(
    next_tokens: NextTokens,
    prompts: Sequence[Sequence[int]],
    shape: Shape,
    progress: Progress = lambda done: None,
) -> list[list[int]]:
    """Continue each prompt with its most likely tokens, one pass over the graph for each.

    Args:
        progress: called at each pass over the graph with the number of prompts whose batch is done.

    Returns:
        The new tokens of each prompt, in the prompts' order, without the end token.

    Raises:
        ValueError: a prompt is too long for the graph.
    """

    def decode(batch: Sequence[Sequence[int]], done: int) -> list[list[int]]:
        return _decode_batch(_reporting(next_tokens, progress, done), batch, shape)

    return _in_batches(decode, prompts, shape, progress)


def generated(
    generate: Generate, prompts: Sequence[Sequence[int]], shape: Shape, progress: Progress = lambda done: None
) -> list[list[int]]:
    """Continue each prompt as ``greedy`` does, by a model's own loop, which may keep a key-value cache.

    Args:
        progress: called before each batch, and at the end.
    """

    def decode(batch: Sequence[Sequence[int]], done: int) -> list[list[int]]:
        progress(done)
        width = max(map(len, batch))
        padded = [[*prompt, *[shape.pad] * (width - len(prompt))] for prompt in batch]
        # the last batch is filled up: a graph of another shape would be compiled for it
        padded += [padded[-1]] * (shape.batch - len(batch))
        found = generate(padded, shape)[: len(batch)]
        new = [tokens[len(prompt) :].tolist() for prompt, tokens in zip(batch, found, strict=True)]
        return [tokens[: tokens.index(shape.eos)] if shape.eos in tokens else tokens for tokens in new]

    return _in_batches(decode, prompts, shape, progress)


def _in_batches(
    decode: Callable[[Sequence[Sequence[int]], int], list[list[int]]],
    prompts: Sequence[Sequence[int]],
    shape: Shape,
    progress: Progress,
) -> list[list[int]]:
    """Decode prompts batch by batch, the short ones first; ``decode`` is also told how many were done before."""
    longest = max(map(len, prompts), default=0)
    if longest + shape.max_new_tokens > shape.seq_length:
        raise ValueError(f"a prompt of {longest} + {shape.max_new_tokens} new tokens exceeds {shape.seq_length}")
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    outputs: list[list[int]] = [[] for _ in prompts]
    for start in range(0, len(order), shape.batch):
        chosen = order[start : start + shape.batch]
        for i, tokens in zip(chosen, decode([prompts[i] for i in chosen], start), strict=True):
            outputs[i] = tokens
    progress(len(prompts))
    return outputs


def _reporting(next_tokens: NextTokens, progress: Progress, done: int) -> NextTokens:
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
