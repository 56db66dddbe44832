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
    rounded, see ``rounded``.

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
        return "\n".join([*kind.lines(*texts), f"{_ANSWER[language]} {given}"])
    except ArithmeticError:
        return None


def _recognized(problem: str) -> tuple[Kind, str, tuple[str, ...]] | None:
    for kind in TABLE.values():
        if parsed := kind.parse(problem):
            return kind, *parsed
    return None
