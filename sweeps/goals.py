"""What a sweep aims at: objectives, gates and formulas over metrics, and which metrics there are."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import PlainSerializer, PlainValidator

from evaluation.protocols import METRICS
from search_spaces.expression import Expression, ExpressionError, parse_tree, parsed
from search_spaces.names import name_problem, unknown
from search_spaces.section import Problem, Section, shown

FORMULAS: Mapping[str, str] = {
    "contest_stage1": "(1 - ratio) * 0.3 + math_accuracy / 100 * 0.7",
    "contest_stage2": "(1 - 10 * ratio) * 0.3 + choice_accuracy / 100 * 0.7",
}
"""Name -> formula that a sweep may write by its name, ``score: contest_stage1``.

The scores of the 2024 Ascend contest, whose accuracies are fractions where ours are percent. They are the contest's
where ``model.parameters`` is the contest's denominator of the ratio: 8,030,000,000 in stage 1 (Llama3-8B),
7,321,000,000 in stage 2 (InternLM-7B)."""

_TRIAL_METRICS = ("ratio", "trainable", "train_loss", "seconds")
_ONLY_TRAINED = "train_loss"


class Objective(Section):
    """One metric to be made as large or as small as can be."""

    metric: str
    direction: Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Gate:
    """A constraint on one metric, ``f1 >= 0.9 * base.f1``.

    Attributes:
        label: the text that the user wrote.
        sign: 1 where the metric must be at least the bound, -1 where at most.
        bound: over what the untouched base measured (``base.METRIC``) and numbers.
    """

    label: str
    metric: str
    sign: Literal[1, -1]
    bound: Expression

    @classmethod
    def parse(cls, text: str) -> Gate:
        """Read a gate; raises ``ExpressionError`` where it is none."""
        tree = parse_tree(text)
        if not (
            isinstance(tree, ast.Compare) and len(tree.ops) == 1 and isinstance(tree.ops[0], (ast.GtE, ast.LtE))
        ) or not isinstance(tree.left, ast.Name):
            raise ExpressionError(f"expected METRIC >= BOUND or METRIC <= BOUND, got {text!r}")
        bound = Expression.of(tree.comparators[0], text)
        for name in sorted(bound.names):
            if not name.startswith("base."):
                raise ExpressionError(f"the bound of {text!r} names {name!r}; expected numbers and base.METRIC only")
        return cls(text, tree.left.id, 1 if isinstance(tree.ops[0], ast.GtE) else -1, bound)

    def limit(self, base: Mapping[str, float]) -> float:
        """Return the bound as a number; NaN where it has none."""
        try:
            return float(self.bound.evaluate({f"base.{name}": value for name, value in base.items()}))
        except ExpressionError:
            return math.nan

    def excused(
        self, values: Mapping[str, float], base: Mapping[str, float], intervals: Mapping[str, tuple[float, float]]
    ) -> float:
        """Return ``violation`` with the benefit of the doubt: at the better end of the metric's interval, if any.

        Args:
            intervals: metric -> its 95 % interval.
        """
        if self.metric not in intervals:
            return self.violation(values, base)
        low, high = intervals[self.metric]
        return self.violation({**values, self.metric: high if self.sign > 0 else low}, base)

    def violation(self, values: Mapping[str, float], base: Mapping[str, float]) -> float:
        """Return by how much the bound is missed, in the metric's unit; zero or less where the gate holds.

        Infinite where the metric or the bound is not a number.
        """
        violation = self.sign * (self.limit(base) - values.get(self.metric, math.nan))
        return math.inf if math.isnan(violation) else violation


def _gate(value: object) -> Gate:
    if isinstance(value, Gate):
        return value
    if not isinstance(value, str):
        raise ExpressionError(f"expected METRIC >= BOUND or METRIC <= BOUND, got {shown(value)}")
    return Gate.parse(value)


GateText = Annotated[Gate, PlainValidator(_gate), PlainSerializer(lambda gate: gate.label)]
"""A gate as a field of a pydantic model; its text in JSON."""


def _formula(value: object) -> Expression:
    return parsed(FORMULAS.get(value, value) if isinstance(value, str) else value)


MetricFormula = Annotated[Expression, PlainValidator(_formula), PlainSerializer(lambda formula: formula.text)]
"""A formula over metrics as a field of a pydantic model, or the name of a shipped one; its text in JSON."""


def with_formulas(values: Mapping[str, float], formulas: Mapping[str, Expression]) -> dict[str, float]:
    """Return ``values`` and the formulas over them; a formula is NaN where what it names is missing or not finite."""
    known = dict(values)
    for name, formula in formulas.items():
        try:
            known[name] = float(formula.evaluate(known))
        except ExpressionError:
            known[name] = math.nan
    return known


@dataclass(frozen=True)
class Metrics:
    """The metrics of a sweep.

    Attributes:
        protocols: those that the sweep evaluates.
        formulas: those that could be read.
        unread: names of further formulas; nothing is known of what they need.
    """

    protocols: Iterable[str]
    formulas: Mapping[str, Expression]
    unread: Iterable[str] = ()

    @property
    def measured(self) -> tuple[str, ...]:
        """What is measured without a formula."""
        return (*_TRIAL_METRICS, *(metric for protocol in self.protocols for metric in METRICS.get(protocol, ())))

    def problem(self, name: str) -> str:
        """Say that nothing gives the metric ``name``; empty where something does."""
        known = (*self.measured, *self.formulas, *self.unread)
        if name in known:
            return ""
        if name in FORMULAS:
            return f"{name!r} is a formula, no metric; name one of it under `metrics`, as in `score: {name}`"
        for protocol, metrics in METRICS.items():
            if name in metrics:
                return f"metric {name!r} is measured by the protocol {protocol!r}, which `evaluation` does not have"
        return unknown("metric", name, known)

    def formula_problems(self) -> Iterator[Problem]:
        """Say what is wrong with the formulas."""
        earlier: set[str] = {*self.measured, *self.unread}
        for name, formula in self.formulas.items():
            if problem := name_problem(name):
                yield ("metrics", name), problem
            if name in self.measured:
                yield ("metrics", name), f"{name!r} is measured; choose another name for the formula"
            for used in sorted(formula.names - earlier):
                late = f"{used!r} is no earlier formula; move it above {name!r}" if used in self.formulas else ""
                yield ("metrics", name), late or self.problem(used)
            earlier.add(name)

    def objective_problems(self, metrics: Mapping[int, str]) -> Iterator[Problem]:
        """Say what is wrong with the objectives' metrics, each given with its index in the file."""
        seen: set[str] = set()
        for i, metric in metrics.items():
            if problem := self.problem(metric):
                yield ("objectives", i, "metric"), problem
            if metric in seen:
                yield ("objectives", i, "metric"), f"{metric!r} is an objective twice; delete one"
            seen.add(metric)

    def gate_problems(self, gates: Mapping[int, Gate]) -> Iterator[Problem]:
        """Say what is wrong with the gates, each given with its index in the file."""
        labels: set[str] = set()
        for i, gate in gates.items():
            base = [name.removeprefix("base.") for name in sorted(gate.bound.names)]
            for name in dict.fromkeys((gate.metric, *base)):
                if problem := self.problem(name):
                    yield ("gates", i), problem
            for name in base:
                if self._needs_training(name):
                    yield ("gates", i), f"'base.{name}' is not known: the base is not trained, so it has no train_loss"
            if gate.label in labels:
                yield ("gates", i), f"{gate.label!r} stands there twice; delete one"
            labels.add(gate.label)

    def _needs_training(self, name: str) -> bool:
        trained = {_ONLY_TRAINED}
        for formula, expression in self.formulas.items():
            if expression.names & trained:
                trained.add(formula)
        return name in trained
