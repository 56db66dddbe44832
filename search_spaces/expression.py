"""Arithmetic that a user writes into a sweep file: derived values, formulas over metrics, bounds of gates.

Numbers, names, ``+ - * / // % **``, comparisons, parentheses, ``min``, ``max`` and ``round``; nothing else is
evaluated. ``base.f1`` is a name like any other.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from pydantic import PlainSerializer, PlainValidator
from simpleeval import InvalidExpression, SimpleEval  # type: ignore[import-untyped]

from search_spaces.names import unknown

Number: TypeAlias = int | float

_MAX_LENGTH = 500
_MAX_BITS = 1024
_MAX_DIGITS = 20


class ExpressionError(ValueError):
    """An expression is not well formed, or has no value for the given names."""


def _power(base: Number, exponent: Number) -> Number:
    # a float overflows by itself, an int would first fill the memory
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > _MAX_BITS:
        raise OverflowError(f"{base} ** {exponent} is too large")
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError(f"{base} ** {exponent} is not a real number")
    return result


def _round(number: Number, digits: int = 0) -> Number:
    if abs(digits) > _MAX_DIGITS:
        raise ValueError(f"round to {digits} digits; expected at most {_MAX_DIGITS}")
    return round(number, digits) if digits else round(number)


_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS = {"min": min, "max": max, "round": _round}
_STRUCTURE = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.Load, *_OPERATORS)


@dataclass(frozen=True)
class Expression:
    """One expression, checked.

    Attributes:
        text: what the user wrote.
        names: the names whose values it needs.
    """

    text: str
    names: frozenset[str]
    _tree: ast.expr = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Check ``text``.

        Raises:
            ExpressionError: it is no expression, or one with more than the operations named above.
        """
        return cls.of(parse_tree(text), text.strip())

    @classmethod
    def of(cls, tree: ast.expr, text: str) -> Expression:
        """Check a part of an expression; raises as ``parse``."""
        checked = _Checked(text)
        try:
            tree = checked.visit(tree)
        except RecursionError as error:
            raise ExpressionError(f"{text!r} is nested too deeply") from error
        return cls(text, frozenset(checked.names), tree)

    def evaluate(self, values: Mapping[str, object]) -> Number:
        """Return the value for those of its names; a comparison gives True or False.

        Raises:
            ExpressionError: a name has no value, or there is no finite result.
        """
        evaluator = SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names=dict(values))
        try:
            result = evaluator.eval(self.text, previously_parsed=self._tree)
            finite = math.isfinite(result)
        except (InvalidExpression, ArithmeticError, ValueError, TypeError, RecursionError) as error:
            raise ExpressionError(f"{self.text!r} has no value{self._given(values)}: {error}") from error
        if not finite:
            raise ExpressionError(f"{self.text!r} is {result}{self._given(values)}; expected a finite number")
        return result  # type: ignore[no-any-return]

    def _given(self, values: Mapping[str, object]) -> str:
        given = ", ".join(f"{name}={values[name]!r}" for name in sorted(self.names) if name in values)
        return f" for {given}" if given else ""


def parse_tree(text: str) -> ast.expr:
    """Parse ``text`` without looking at what it holds; raises ``ExpressionError`` where it is no expression."""
    if len(text) > _MAX_LENGTH:
        raise ExpressionError(f"an expression of {len(text)} characters; expected at most {_MAX_LENGTH}")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(
            f"{text!r} is no expression: {error.msg}, at character {error.offset or len(text)}"
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"{text!r} is no expression: {error}") from error


class _Checked(ast.NodeTransformer):
    """Collects the names of an expression and refuses what is not arithmetic; ``base.f1`` becomes one name."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: set[str] = set()

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, _STRUCTURE):
            raise ExpressionError(
                f"{self.text!r} holds {ast.unparse(node) or type(node).__name__!r}; expected numbers, names, "
                "+ - * / // % **, comparisons, parentheses, min, max, round"
            )
        return super().generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.Name:
        self.names.add(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if not isinstance(node.value, ast.Name) or node.value.id != "base":
            return self.generic_visit(node)
        return self.visit_Name(ast.Name(f"base.{node.attr}", ast.Load()))

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        # True and False are ints to Python
        return node if type(node.value) in (int, float) else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not isinstance(node.func, ast.Name) or node.keywords:
            return self.generic_visit(node)
        if node.func.id not in _FUNCTIONS:
            raise ExpressionError(f"{self.text!r}: {unknown('function', node.func.id, _FUNCTIONS)}")
        if len(node.args) not in ((1, 2) if node.func.id == "round" else range(2, 100)):
            raise ExpressionError(f"{self.text!r}: {ast.unparse(node)} has {len(node.args)} arguments")
        node.args = [self.visit(argument) for argument in node.args]
        return node


def parsed(value: object) -> Expression:
    """Return the expression that a value of a YAML file is, a number included; raises ``ExpressionError``."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ExpressionError(f"expected an expression, got {value!r}")
    return Expression.parse(str(value))


Formula = Annotated[Expression, PlainValidator(parsed), PlainSerializer(lambda expression: expression.text)]
"""An expression as a field of a pydantic model; its text in JSON."""
