"""``计算 9004.56 * 2958.89 等于多少？`` The contest asks for one operation; steps know several, and brackets, too."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Context, Decimal
from random import Random

from trainer.problems.arithmetic import operation
from trainer.problems.draws import hundredths
from trainer.problems.kind import Kind
from trainer.problems.numbers import CONTEST, EXACT

_OPERATIONS = {"+": Context.add, "-": Context.subtract, "*": Context.multiply, "/": Context.divide}
_HIGHEST = 10_000_00  # hundredths
_OPERAND, _OPERATOR = re.compile(r" *(\(|-?\d+(?:\.\d+)?)"), re.compile(r" *([-+*/)])")
Tokens = list[Decimal | str]


def draw(random: Random) -> tuple[str]:
    """Draw one operation on two numbers of up to 10,000 with two decimals."""
    operator = random.choice("+-*/")
    a, b = (hundredths(random, -_HIGHEST, _HIGHEST) for _ in "ab")
    while operator == "/" and not Decimal(b):
        b = hundredths(random, -_HIGHEST, _HIGHEST)
    return (f"{a} {operator} {b}",)


def solve(expression: str) -> str:
    """Return the value, to 28 digits."""
    tokens = _parsed(expression)
    while len(tokens) > 1:
        tokens = _step(tokens, lambda operator, a, b: _OPERATIONS[operator](CONTEST, a, b))
    return str(tokens[0])


def lines(expression: str) -> list[str]:
    """Return the operations, one after the other, the last one worked out: brackets, then * and /, then + and -."""
    tokens, found = _parsed(expression), []
    while len(tokens) > 3 or "(" in tokens:
        before = tokens
        tokens = _step(before, _exactly)
        found.append(f"{_written(before)} = {_written(tokens)}")
    return found + (operation(*_operands(tokens)) if len(tokens) == 3 else [])


def _exactly(operator: str, a: Decimal, b: Decimal) -> Decimal:
    return _OPERATIONS[operator](EXACT, a, b).normalize(EXACT)


def _step(tokens: Tokens, operate: Callable[[str, Decimal, Decimal], Decimal]) -> Tokens:
    """Do the operation that comes first: in the last bracket that opens, * and / before + and -, from left to right."""
    opening = max((i for i, token in enumerate(tokens) if token == "("), default=-1)
    closing = tokens.index(")", opening) if opening >= 0 else len(tokens)
    inner = tokens[opening + 1 : closing]
    if len(inner) > 1:
        at = next((i for i, token in enumerate(inner) if token in ("*", "/")), 1)
        a, operator, b = _operands(inner[at - 1 : at + 2])
        inner[at - 1 : at + 2] = [operate(operator, a, b)]
    if len(inner) > 1:
        return tokens[: opening + 1] + inner + tokens[closing:]
    return tokens[: max(opening, 0)] + inner + tokens[closing + 1 :]


def _operands(tokens: Tokens) -> tuple[Decimal, str, Decimal]:
    a, operator, b = tokens
    assert isinstance(a, Decimal)
    assert isinstance(operator, str)
    assert isinstance(b, Decimal)
    return a, operator, b


def _parsed(expression: str) -> Tokens:
    """Return numbers with their signs, operators and brackets.

    Raises:
        ArithmeticError: it is no calculation.
    """
    tokens: Tokens = []
    depth, at, due = 0, 0, True  # due: an operand comes next, whose sign is its own
    expression = expression.rstrip()
    while at < len(expression):
        match = (_OPERAND if due else _OPERATOR).match(expression, at)
        if match is None:
            break
        token, at = match[1], match.end()
        depth += (token == "(") - (token == ")")
        if depth < 0:
            break
        due = token in ("(", "+", "-", "*", "/")
        tokens.append(Decimal(token) if token[-1].isdigit() else token)
    if due or depth or at < len(expression):
        raise ArithmeticError(f"{expression!r} is no calculation")
    return tokens


def _written(tokens: Tokens) -> str:
    text = " ".join(f"{token:f}" if isinstance(token, Decimal) else token for token in tokens)
    return text.replace("( ", "(").replace(" )", ")")


KIND = Kind(
    name="four_operations",
    rows=359347,
    problems=4 * (2 * _HIGHEST + 1) ** 2 - (2 * _HIGHEST + 1),
    fields={"expression": r"(?=.*[\d)] ?[-+*/])[-+*/().\d ]{0,199}[\d)]"},
    questions={"zh": "计算 {expression} 等于多少？", "en": "What is {expression}?"},
    solutions={"zh": "{expression} = {result}", "en": "{expression} = {result}"},
    draw=draw,
    solve=solve,
    lines=lines,
)
