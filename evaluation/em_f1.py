"""F1 and exact match of MindFormers' ``EmF1Metric``, digit for digit: the contest's base-ability score.

Source: ``mindformers/core/metric/metric.py``, the same code from the contest's build to 2.1. Where its docstring and
its code disagree, this follows the code: the common run is contiguous, although it is called a subsequence there.
Never grade numbers with it: it deletes signs.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

import jieba

jieba.setLogLevel(logging.WARNING)  # it reports the loading of its dictionary on stderr

# EmF1Metric lists "……", too, but compares it with single characters: an ellipsis stays
_DELETED = str.maketrans("", "", "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_PART = re.compile(r"[一-龥]|[^一-龥]+")


def em_f1(prediction: str, label: str) -> tuple[float, float]:
    """Return ``(F1, EM)`` in percent; of the prediction only the first line counts."""
    given, expected = _cleaned(prediction.strip().split("\n")[0]), _cleaned(label)
    return 100.0 * _f1(_segments(expected), _segments(given)), 100.0 * (given == expected)


def _cleaned(text: str) -> str:
    return text.lower().strip().translate(_DELETED)


def _segments(text: str) -> list[str]:
    parts = _PART.findall(text)
    return [segment for part in parts for segment in ([part] if "一" <= part <= "龥" else jieba.cut(part))]


def _f1(expected: Sequence[str], given: Sequence[str]) -> float:
    run = _longest_common_run(expected, given)
    if not run:
        return 0.0
    precision, recall = run / len(given), run / len(expected)
    return (2 * precision * recall) / (precision + recall)


def _longest_common_run(first: Sequence[str], second: Sequence[str]) -> int:
    longest, above = 0, [0] * (len(second) + 1)
    for a in first:
        row = [0] * (len(second) + 1)
        for j, b in enumerate(second):
            if a == b:
                row[j + 1] = above[j] + 1
        longest, above = max(longest, *row), row
    return longest
