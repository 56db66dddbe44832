"""Numbers as the contest writes them: decimals of 28 digits, binary numbers of 16, fractions."""

from __future__ import annotations

import re
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

CONTEST = Context(prec=28, traps=[InvalidOperation, DivisionByZero, Overflow])
"""The arithmetic of the contest's own decimals: Python's default, which rounds half to even."""

EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""Arithmetic that raises ArithmeticError rather than rounds."""

_WIDE = Context(prec=100)
_NUMBER = r"(?P<number>(?P<mantissa>-?\d+(?:/\d+|(?:\.\d+)?))(?:[eE][-+]?\d{1,4})?)"
_MARK = r"\s*(?:.*(?:[=≈：:为是]|\bis\b)\s*)?"
_UNIT = r"[a-zA-Z一-龥%\s]*[.。]?\s*"
_FINAL = re.compile(_MARK + _NUMBER + _UNIT)
_BOXED = re.compile(rf"(?s:.*)\\(?:boxed|fbox) ?\{{ ?{_NUMBER} ?\}}(?s:.*)")


def written(value: Decimal) -> str:
    """Return an exact decimal without trailing zeros, without exponent."""
    return format(value.normalize(EXACT), "f") if value else "0"


def final_number(solution: str) -> re.Match[str] | None:
    r"""Return the match, with groups ``number`` and ``mantissa``, of the one number that a solution ends with.

    It is what stands alone in the only ``\boxed{}``, or ends the only line, but for a unit, after ``=``, a colon,
    ``为``, ``是`` or ``is``, or without such a mark is all of it. Other texts have none.
    """
    if "\\" in solution:
        return _BOXED.fullmatch(solution) if len(re.findall(r"\\f?box(?:ed)?\b", solution)) == 1 else None
    return _FINAL.fullmatch(solution)


def agrees(given: str, result: str) -> bool:
    """Whether a given number is the result, rounded at the given number's last digit or not at all."""
    if given == result:
        return True
    if "/" in given + result:
        return False
    value, exact = Decimal(given), Decimal(result)
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # finite, so no letter
    return abs(_WIDE.subtract(value, exact)) <= Decimal(5).scaleb(exponent - 1)


def rounded(solution: str, decimals: int) -> str | None:
    """Return the solution with its final number rounded to at most so many decimals, half to even.

    Half to even is how the contest's decimals are rounded. In ``2.854E+85`` the digits before the E are rounded. What
    has no more decimals stays as it is, as do fractions: ``58.0``, ``5/6``. Fewer than seven significant digits of a
    number that needs more are wrong to ``evaluation.math``.

    Returns:
        None where the solution does not end with one number, see ``final_number``.

    Raises:
        ValueError: ``decimals`` is negative.
    """
    if decimals < 0:
        raise ValueError(f"decimals >= 0 must hold, but got {decimals}")
    if (match := final_number(solution)) is None:
        return None
    text = match["mantissa"]
    if len(text.partition(".")[2]) <= decimals:
        return solution
    value = Decimal(text).quantize(Decimal(1).scaleb(-decimals), context=Context(prec=len(text)))
    return f"{solution[: match.start('mantissa')]}{value or abs(value):f}{solution[match.end('mantissa') :]}"
