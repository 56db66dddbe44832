"""The contest's math problems: their kinds, generated rows, step-by-step answers, rounding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

SHARES: Mapping[str, float] = {
    "four_operations": 359347,
    "powers": 39207,
    "square_roots": 39227,
    "linear_equations": 40080,
    "function_values": 20028,
    "averages": 19709,
    "areas": 8665,
    "discounts": 6275,
    "sales": 6266,
    "mass": 100,
    "fractions": 45,
}
"""Kind -> how many of the contest's Chinese problems, without duplicates, are of it."""

KINDS: tuple[str, ...] = tuple(SHARES)
"""All kinds; each is fit to name a metric."""


def kind_of(problem: str) -> str:
    """Return the problem's kind, one of ``KINDS``; "" where it is of none."""
    raise NotImplementedError


def steps(problem: str, solution: str) -> str | None:
    """Return an answer worked out step by step, which ends with the solution's number.

    None where the problem's kind has no steps, or where the solution is wrong. The solution may be rounded.
    """
    raise NotImplementedError


def rounded(solution: str, decimals: int) -> str | None:
    """Return the solution with its final number rounded half to even; None where there is no single final number."""
    raise NotImplementedError


def generate(kinds: Mapping[str, float], language: str, count: int, seed: int) -> Iterator[dict[str, str]]:
    """Yield ``count`` different rows ``{"problem", "solution", "kind"}`` in the language, ``zh`` or ``en``.

    Args:
        kinds: kind -> its share, such as ``SHARES``; they need not add up to 1.

    Raises:
        ValueError: unknown kind or language, or there are not that many different problems.
    """
    raise NotImplementedError
