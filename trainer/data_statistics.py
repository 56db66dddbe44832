"""What a tokenized data set holds: how long its items are, how much of them a sequence length cuts off, which kinds."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from trainer.files import write_whole

_PERCENTILES = (0, 50, 90, 99, 100)


class Cut(BaseModel):
    """What a sequence length does to a data set.

    Attributes:
        truncated: items that are longer, so that a part of their answer is not learned, the lost ones included.
        lost: items whose whole answer is cut off: they are left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    truncated: int
    lost: int


class Statistics(BaseModel):
    """A data set's.

    Attributes:
        items: all of them.
        tokens: percentile -> tokens of an item, prompt, answer and end token together; 0 is the least, 100 the most.
        answer_tokens: the same of the answer with its end token alone.
        cuts: sequence length -> what it cuts off.
        kinds: kind -> items, the most first; empty for those without.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: int
    tokens: Mapping[int, int]
    answer_tokens: Mapping[int, int]
    cuts: Mapping[int, Cut]
    kinds: Mapping[str, int]

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        write_whole(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Statistics:
        """Read what ``write`` wrote."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))


class Tally:
    """Counts items one by one; 8 bytes an item are kept."""

    def __init__(self) -> None:
        self._prompts, self._answers = array("i"), array("i")
        self._kinds: Counter[str] = Counter()

    def add(self, prompt: int, answer: int, kind: str) -> None:
        """Count an item of so many tokens."""
        self._prompts.append(prompt)
        self._answers.append(answer)
        self._kinds[kind] += 1

    def statistics(self, seq_lengths: Sequence[int]) -> Statistics:
        """Return what was counted, at least one item, and what each sequence length cuts off."""
        prompts, answers = np.array(self._prompts), np.array(self._answers)
        tokens = prompts + answers
        return Statistics(
            items=len(tokens),
            tokens=_percentiles(tokens),
            answer_tokens=_percentiles(answers),
            cuts={
                # one more is fed in than is trained on: the network learns each token from those before it
                length: Cut(truncated=int((tokens > length + 1).sum()), lost=int((prompts > length).sum()))
                for length in seq_lengths
            },
            kinds=dict(self._kinds.most_common()),
        )


def _percentiles(tokens: np.ndarray[tuple[int], np.dtype[np.int_]]) -> dict[int, int]:
    # an item's own length, not one between two items'
    values = np.percentile(tokens, _PERCENTILES, method="higher")
    return {percentile: int(value) for percentile, value in zip(_PERCENTILES, values, strict=True)}
