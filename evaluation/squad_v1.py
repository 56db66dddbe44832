"""F1 and exact match of the official SQuAD v1.1 evaluation script.

Source: Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text", EMNLP 2016, and its
``evaluate-v1.1.py``. Made for English: Chinese punctuation stays, and Chinese text without blanks is one token.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(a|an|the)\b")


def squad_v1(prediction: str, answers: Sequence[str]) -> tuple[float, float]:
    """Return ``(F1, EM)`` in percent, each the maximum over the answers; the whole prediction counts.

    Raises:
        ValueError: there are no answers.
    """
    given, expected = _tokens(prediction), [_tokens(answer) for answer in answers]
    return 100.0 * max(_f1(given, tokens) for tokens in expected), 100.0 * (given in expected)


def _tokens(text: str) -> list[str]:
    return _ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _f1(given: Sequence[str], expected: Sequence[str]) -> float:
    same = (Counter(given) & Counter(expected)).total()
    if not same:
        return 0.0
    precision, recall = same / len(given), same / len(expected)
    return (2 * precision * recall) / (precision + recall)
