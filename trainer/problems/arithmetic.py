"""Lines that work out one operation on decimals: true equations, one a line.

A line with ``≈`` is rounded half to even to 7 significant digits: as many as ``evaluation.math`` takes for right.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal, InvalidOperation

from trainer.problems.numbers import EXACT, written

SHOWN = 7
"""Significant digits of a quotient that does not end."""


def operation(a: Decimal, operator: str, b: Decimal) -> list[str]:
    """Return the lines of ``a operator b``: first without signs, then worked out.

    Raises:
        ArithmeticError: division by zero, or the exact result has more than 100 digits.
    """
    asked, x, y = f"{a:f} {operator} {b:f}", abs(a), abs(b)
    if operator in "+-":
        negative, plain, worked = _sum(a, b if operator == "+" else -b)
    else:
        negative = (a < 0) != (b < 0)
        plain, worked = f"{x:f} {operator} {y:f}", product(x, y) if operator == "*" else quotient(x, y)
    unsigned = f"-({plain})" if negative else plain
    return [f"{asked} = {unsigned}"] * (asked != unsigned) + worked


def _sum(a: Decimal, b: Decimal) -> tuple[bool, str, list[str]]:
    """Return whether ``a + b`` is the negative of a sum or difference without signs, that, and its line."""
    if (a < 0) == (b < 0):
        negative, plain = a < 0, f"{abs(a):f} + {abs(b):f}"
    else:
        larger, smaller = (a, b) if abs(a) >= abs(b) else (b, a)
        negative, plain = larger < 0, f"{abs(larger):f} - {abs(smaller):f}"
    return negative, plain, [f"{plain} = {written(abs(EXACT.add(a, b)))}"]


def running_sum(terms: Sequence[Decimal]) -> list[str]:
    """Return one line for each term that is added to those before it; none for a single term."""
    lines, total = [], terms[0]
    for term in terms[1:]:
        before, total = total, EXACT.add(total, term)
        lines.append(f"{written(before)} + {written(term)} = {written(total)}")
    return lines


def product(x: Decimal, y: Decimal) -> list[str]:
    """Return the lines of ``x * y``, neither of which is negative: one for each digit of ``y``, and their sum."""
    _, digits, exponent = EXACT.plus(y).as_tuple()
    assert isinstance(exponent, int)  # finite, so no letter
    places = range(len(digits) - 1 + exponent, exponent - 1, -1)
    parts = [Decimal(digit).scaleb(place) for digit, place in zip(digits, places, strict=True) if digit]
    if len(parts) < 2:
        return [f"{x:f} * {y:f} = {written(EXACT.multiply(x, y))}"]
    products = [EXACT.multiply(x, part) for part in parts]
    lines = [f"{x:f} * {part:f} = {written(value)}" for part, value in zip(parts, products, strict=True)]
    return lines + running_sum(products)


def quotient(x: Decimal, y: Decimal) -> list[str]:
    """Return the lines of ``x / y``, neither of which is negative: long division, one line a digit.

    Raises:
        ArithmeticError: ``y`` is 0.
    """
    (p, q), lines = _whole(x, y), []
    asked = f"{p} / {q}"
    if (given := f"{x:f} / {y:f}") != asked:
        lines.append(f"{given} = {asked}")
    digit, rest = divmod(p, q)
    lines.append(f"{p} = {q} * {digit} + {rest}")
    known = len(str(digit)) if digit else 0
    while rest and known <= SHOWN:  # one digit more than is shown: it decides how the last is rounded
        tenfold = 10 * rest
        digit, rest = divmod(tenfold, q)
        lines.append(f"{tenfold} = {q} * {digit} + {rest}")
        known += bool(known or digit)
    if rest:
        return [*lines, f"{asked} ≈ {Context(prec=SHOWN).divide(Decimal(p), Decimal(q)):f}"]
    return [*lines, f"{asked} = {written(EXACT.divide(Decimal(p), Decimal(q)))}"]


def _whole(x: Decimal, y: Decimal) -> tuple[int, int]:
    """Return two whole numbers with the quotient of ``x / y``: both times the same power of ten."""
    if not y:
        raise InvalidOperation("division by zero")
    (p, down), (q, up) = x.as_integer_ratio(), y.as_integer_ratio()
    scale = 1
    while scale % down or scale % up:
        scale *= 10
    return p * scale // down, q * scale // up
