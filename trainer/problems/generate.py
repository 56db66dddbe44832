"""Contest-style rows, drawn from a seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from random import Random

from trainer.problems.kind import LANGUAGES
from trainer.problems.kinds import TABLE


def generate(kinds: Mapping[str, float], language: str, count: int, seed: int) -> Iterator[dict[str, str]]:
    """Yield rows ``{"problem", "solution", "kind"}``, no problem twice; the same arguments give the same rows.

    The Chinese texts are the contest's own. Its English rows are competition problems of no kind: the English texts
    here translate the Chinese ones.

    Args:
        kinds: kind -> its share of the rows, such as ``SHARES``; shares need not add up to 1. Where a kind has not as
            many different problems as its share asks for (fractions have 45), all of them are given and the other kinds
            fill up, by their shares.
        language: ``zh`` or ``en``.

    Raises:
        ValueError: unknown kind or language, a negative share, or fewer different problems than ``count``.
    """
    if language not in LANGUAGES:
        raise ValueError(f"unknown language {language!r}; expected one of: {', '.join(LANGUAGES)}")
    order = [name for name, rows in _rows(kinds, count).items() for _ in range(rows)]
    random = Random(seed)
    random.shuffle(order)
    return _drawn(random, order, language)


def _drawn(random: Random, order: list[str], language: str) -> Iterator[dict[str, str]]:
    seen: set[str] = set()
    for name in order:
        kind = TABLE[name]
        while (problem := kind.question(language, texts := kind.draw(random))) in seen:
            pass
        seen.add(problem)
        yield {"problem": problem, "solution": kind.solution(language, texts), "kind": name}


def _rows(kinds: Mapping[str, float], count: int) -> dict[str, int]:
    """Return how many rows each kind gives, ``count`` in all."""
    if unknown := sorted(kinds.keys() - TABLE.keys()):
        raise ValueError(f"unknown kind {unknown[0]!r}; expected some of: {', '.join(TABLE)}")
    if not all(0 <= share < float("inf") for share in kinds.values()):
        raise ValueError(f"shares >= 0 must hold, but got {dict(kinds)}")
    shares = {name: Fraction(share) for name, share in kinds.items() if share}
    most = sum(TABLE[name].problems for name in shares)
    if not 0 <= count <= most:
        raise ValueError(f"0 <= count <= {most} must hold for {', '.join(shares) or 'no kinds'}, but got {count}")
    rows, left, share_left = {}, count, sum(shares.values(), Fraction())
    # what is used up first comes first, so that the rest can fill up
    for name in sorted(shares, key=lambda name: TABLE[name].problems / shares[name]):
        rows[name] = min(TABLE[name].problems, round(left * shares[name] / share_left))
        left, share_left = left - rows[name], share_left - shares[name]
    return {name: rows[name] for name in shares}
