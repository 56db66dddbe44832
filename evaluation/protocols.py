"""The protocols: what is measured on which kind of data set.

* ``squad_contest``: of SQuAD v1.1 JSON the first question of each paragraph (2,067 items of dev-v1.1), in the contest's
  prompt, at most 20 new tokens. ``f1`` and ``em`` are MindFormers' EmF1Metric: first answer, first line of the
  prediction. ``squad_f1`` and ``squad_em`` are the official script's: best of all answers, whole prediction.
* ``squad_v1``: all questions of the same file (10,570 of dev-v1.1), in the same prompt. ``squad_v1_f1`` and
  ``squad_v1_em`` are the official script's.
* ``math_contest``: the contest's JSONL, the problem as an instruction. ``math_accuracy``: see ``evaluation.math``.
* ``multiple_choice``: alpaca JSON(L), instruction and input. ``choice_accuracy``: see ``evaluation.choice``.

All metrics are in percent. Each protocol also gives ``*_blank``, the share of blank predictions, and an accuracy for
each kind that its items have. Decoding is greedy, to the end token or to as many new tokens as the sweep sets. The
readers are in ``evaluation.items``, the prompts in ``trainer.prompts``, word for word; no data set is shipped but the
tiny ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evaluation import choice, math
from evaluation.em_f1 import em_f1
from evaluation.items import Item
from evaluation.score import Score, score
from evaluation.squad_v1 import squad_v1


@dataclass(frozen=True)
class Verdict:
    """One item's prediction and what it was worth.

    Attributes:
        values: metric -> this item's value in percent.
    """

    item: Item
    prediction: str
    values: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object: fields, answers, kind, prediction, values."""
        return asdict(self.item) | {"prediction": self.prediction, "values": dict(self.values)}


@dataclass(frozen=True)
class Evaluation:
    """One protocol's result.

    Attributes:
        metrics: metric -> its mean over the items; ``METRICS`` names those that are always there.
        verdicts: one an item, in the items' order.
    """

    metrics: Mapping[str, Score]
    verdicts: tuple[Verdict, ...]


def _squad(item: Item, prediction: str) -> tuple[float, ...]:
    return (*em_f1(prediction, item.answers[0]), *squad_v1(prediction, item.answers), _blank(prediction))


def _squad_v1(item: Item, prediction: str) -> tuple[float, ...]:
    return (*squad_v1(prediction, item.answers), _blank(prediction))


def _math(item: Item, prediction: str) -> tuple[float, ...]:
    return 100.0 * math.is_correct(prediction, item.answers[0]), _blank(prediction)


def _choice(item: Item, prediction: str) -> tuple[float, ...]:
    return 100.0 * choice.is_correct(prediction, item.answers[0]), _blank(prediction)


def _blank(prediction: str) -> float:
    return 100.0 * (not prediction.strip())


METRICS: Mapping[str, tuple[str, ...]] = {
    "squad_contest": ("f1", "em", "squad_f1", "squad_em", "squad_blank"),
    "squad_v1": ("squad_v1_f1", "squad_v1_em", "squad_v1_blank"),
    "math_contest": ("math_accuracy", "math_blank"),
    "multiple_choice": ("choice_accuracy", "choice_blank"),
}
"""Protocol -> the metrics that it always gives, all in percent; the module's docstring says what they are."""

MAX_NEW_TOKENS: Mapping[str, int] = {"squad_contest": 20}
"""Protocol -> how many tokens it lets a model decode for an item; those without a limit are not there."""

_GRADERS: Mapping[str, Callable[[Item, str], tuple[float, ...]]] = {
    "squad_contest": _squad,
    "squad_v1": _squad_v1,
    "math_contest": _math,
    "multiple_choice": _choice,
}


def evaluate(protocol: str, items: Sequence[Item], predictions: Sequence[str]) -> Evaluation:
    """Grade the predictions, one for each item.

    An accuracy is also given for every kind that the items have, as ``math_accuracy/<kind>``.

    Raises:
        ValueError: there are no items, or not as many predictions.
        KeyError: there is no such protocol.
    """
    names, grade = METRICS[protocol], _GRADERS[protocol]
    verdicts = tuple(
        Verdict(item, prediction, dict(zip(names, grade(item, prediction), strict=True)))
        for item, prediction in zip(items, predictions, strict=True)
    )
    metrics = {name: score([verdict.values[name] for verdict in verdicts]) for name in names}
    return Evaluation(metrics | _by_kind(verdicts, [name for name in names if name.endswith("_accuracy")]), verdicts)


def _by_kind(verdicts: Sequence[Verdict], names: Sequence[str]) -> dict[str, Score]:
    kinds = sorted({verdict.item.kind for verdict in verdicts} - {""})
    return {
        f"{name}/{kind}": score([verdict.values[name] for verdict in verdicts if verdict.item.kind == kind])
        for name in names
        for kind in kinds
    }
