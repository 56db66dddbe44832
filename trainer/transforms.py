"""What becomes of a training file's items before they are tokenized, and which of them are taken.

A transform changes answers only, never a prompt: what is asked in measuring is what was asked in training.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from evaluation.items import Item
from trainer import problems

MATH = "math_contest"
"""The protocol whose problems have kinds of their own, numbers that can be rounded, and answers step by step."""

_ONE_LINE = ("squad_contest", "squad_v1")  # protocols that grade the first line of a prediction, or all of it
_REST = ""
_LAST_BITS = 1e-6  # by which sums and quotients of shares such as 0.1 may be off


class TransformError(ValueError):
    """A transform does not apply.

    Attributes:
        field: of ``Transforms``.
        reason: what is wrong with its value, and what was expected.
    """

    def __init__(self, field: str, reason: str) -> None:
        """Say what is wrong with the value of ``field``."""
        self.field, self.reason = field, reason
        super().__init__(f"{field}: {reason}")


class Transforms(BaseModel):
    """How items are changed and chosen.

    Attributes:
        cot: zero-shot chain of thought: ``cot_text`` stands above every answer.
        cot_text: one line or more.
        step_by_step: math answers are worked out, where the problem is of a kind that allows it.
        decimals: math answers are rounded to so many, half to even; None: as they are.
        examples: so many items are trained on; None: as many as there are.
        shares: kind of item -> its share of what is trained on; the kinds that are not named have the rest, in the
            file's proportions. Without ``examples`` as many are taken as can be without taking one twice.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    cot: bool = False
    cot_text: Annotated[str, Field(min_length=1)] = "Let's think step by step"
    step_by_step: bool = False
    decimals: Annotated[int, Field(ge=0, le=15)] | None = None
    examples: Annotated[int, Field(ge=1)] | None = None
    shares: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)

    @property
    def choose(self) -> bool:
        """Whether only some of the items may be taken."""
        return self.examples is not None or bool(self.shares)

    def changed(self, item: Item) -> Item:
        """Return the item with the answer that is to be learned: rounded, then worked out, then with its line above."""
        answer = item.answers[0]
        if self.decimals is not None:
            answer = problems.rounded(answer, self.decimals) or answer
        if self.step_by_step:
            answer = problems.steps(item.fields["problem"], answer) or answer
        if self.cot:
            answer = f"{self.cot_text}\n{answer}"
        return item if answer == item.answers[0] else replace(item, answers=(answer, *item.answers[1:]))

    def check(self, protocol: str) -> None:
        """Raise ``TransformError`` where a transform means nothing to a protocol's items."""
        for field, is_set in (("step_by_step", self.step_by_step), ("decimals", self.decimals is not None)):
            if is_set and protocol != MATH:
                raise TransformError(
                    field, f"does not apply to {protocol}: only {MATH} has numbers to work out; delete it"
                )
        if self.cot and protocol in _ONE_LINE:
            raise TransformError(
                "cot", f"does not apply to {protocol}, which grades the line above as if it were the answer"
            )

    def quotas(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Return how many items are taken of each kind in ``shares``, and under ``""`` of all others together.

        Args:
            counts: kind -> items that the file has.

        Raises:
            TransformError: the file has not enough of them, or the shares are no shares.
        """
        there = {kind: counts.get(kind, 0) for kind in sorted(self.shares)}
        if lacking := [kind for kind, count in there.items() if not count]:
            known = ", ".join(sorted(filter(None, counts))) or "(none: its items have no kind)"
            raise TransformError("shares", f"the file has no item of the kind {lacking[0]!r}; it has: {known}")
        named = math.fsum(self.shares.values())
        there[_REST] = sum(counts.values()) - sum(there.values())
        if named > 1 + _LAST_BITS or (named < 1 - _LAST_BITS and not there[_REST]):
            expected = "at most 1" if there[_REST] else "1, since the file has no other kind"
            raise TransformError("shares", f"expected shares that add up to {expected}, got {named:.6g}")
        shares = {**self.shares, _REST: 1 - named if named < 1 - _LAST_BITS else 0.0}
        limits = {kind: math.floor(there[kind] / share + _LAST_BITS) for kind, share in shares.items() if share}
        most = min(limits.values())
        total = most if self.examples is None else self.examples
        if total > most:
            mixed = f" in these shares: its {min(limits, key=limits.__getitem__) or 'other'} items are too few"
            raise TransformError(
                "examples", f"expected at most {most}, which the file has{mixed if self.shares else ''}, got {total}"
            )
        exact = {kind: share * total for kind, share in shares.items()}
        taken = {kind: min(there[kind], math.floor(number + _LAST_BITS)) for kind, number in exact.items()}
        # what is left goes to the kinds that rounding down took most from
        for kind in sorted(exact, key=lambda kind: taken[kind] - exact[kind])[: total - sum(taken.values())]:
            taken[kind] += taken[kind] < there[kind]
        return taken

    def rows(self, counts: Mapping[str, int]) -> int:
        """Return how many items are taken; raises as ``quotas`` does."""
        return sum(self.quotas(counts).values()) if self.choose else sum(counts.values())

    def chosen(self, kinds: Sequence[str], seed: int) -> npt.NDArray[np.bool_]:
        """Return which items are taken, in the file's order; without shares more of the same seed contain the fewer.

        Args:
            kinds: one an item.

        Raises:
            TransformError: as ``quotas`` does.
        """
        left = self.quotas(Counter(kinds))
        taken = np.zeros(len(kinds), np.bool_)
        for i in np.random.default_rng(seed).permutation(len(kinds)):
            group = kinds[i] if kinds[i] in self.shares else _REST
            if left[group]:
                left[group] -= 1
                taken[i] = True
        return taken


def kind_of(item: Item, protocol: str) -> str:
    """Return an item's kind: what its row says, else that of its math problem; empty for none."""
    return item.kind or (problems.kind_of(item.fields["problem"]) if protocol == MATH else "")
