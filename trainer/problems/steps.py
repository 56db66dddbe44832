"""Recognizing a problem, and answering it step by step."""

from __future__ import annotations

from trainer.problems.kind import Kind
from trainer.problems.kinds import TABLE
from trainer.problems.numbers import agrees, final_number

_ANSWER = {"zh": "答案是", "en": "The answer is"}  # marks by which evaluation.math finds the answer of several lines


def kind_of(problem: str) -> str:
    """Return the problem's kind, one of ``KINDS``, by its Chinese or English text; "" where it is of none."""
    found = _recognized(problem)
    return found[0].name if found else ""


def steps(problem: str, solution: str) -> str | None:
    """Return an answer worked out step by step, in the problem's language: equations, then the solution's number.

    Every line but the last is a true equation, or one with ``≈`` that is rounded to the digits that it shows; a digit
    of the solution that no line works out, as the 28th of a quotient, is taken from the solution. A solution may be
    rounded, see ``rounded``; digits that it has beyond an exact result, as in 9603.20 or 21.240000000000002, are left
    out.

    Returns:
        None where the problem is of no kind or of one without steps (square roots, function values), where the steps
        would be too long, and where the solution is wrong or has no final number.
    """
    if (found := _recognized(problem)) is None or (match := final_number(solution)) is None:
        return None
    (kind, language, texts), given = found, match["number"]
    if kind.lines is None:
        return None
    try:
        if not agrees(given, kind.solve(*texts)):
            return None
        lines = kind.lines(*texts)
    except ArithmeticError:
        return None
    return "\n".join([*lines, f"{_ANSWER[language]} {_answer(given, lines[-1])}"])


def _answer(given: str, last: str) -> str:
    """Return the result of the last line, with the given number's sign, where the given one has more decimals."""
    result = last.rpartition(" = ")[2].removeprefix("-")
    if "≈" in last or _decimals(given) <= _decimals(result):
        return given
    return f"-{result}" if given.startswith("-") and result != "0" else result


def _decimals(number: str) -> int:
    return len(number.partition(".")[2])


def _recognized(problem: str) -> tuple[Kind, str, tuple[str, ...]] | None:
    for kind in TABLE.values():
        if parsed := kind.parse(problem):
            return kind, *parsed
    return None
