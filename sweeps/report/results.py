"""What came out: base ability against the gates, accuracy, the front; the second half of a report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from evaluation.protocols import METRICS
from sweeps.export import BASE_ABILITY
from sweeps.goals import Gate
from sweeps.report.context import Context, value_text
from sweeps.report.evidence import Evidence
from sweeps.report.markdown import code, plain, table
from sweeps.report.sources import Fact, agree, joined
from sweeps.results import Result, shown

_KEYS = {"f1": "F1", "em": "EM", "math_accuracy": "accuracy", "choice_accuracy": "accuracy"}
"""Metric -> its name in a report in every language."""


def base_ability(c: Context) -> Iterator[str]:
    """Yield what the base could do and can do still, against the gates."""
    yield f"## {c.say('base_ability')}"
    names = _measured(c, base_ability=True)
    yield _scores_table(c, names) if names else c.say("not_measured")
    yield c.compared()
    if not c.known.config.gates:
        return
    columns = ("gate", "tuned", "bound", "holds", "source")
    yield table([c.say(key) for key in columns], [_gate_row(c, gate) for gate in c.known.config.gates])


def _measured(c: Context, *, base_ability: bool) -> list[str]:
    """Return the metrics of the protocols that measure the base ability, or the task, by kind included."""
    protocols = [p for p in c.known.config.evaluation if (p in BASE_ABILITY) == base_ability]
    wanted = {metric for protocol in protocols for metric in METRICS[protocol]}
    return [name for name in c.trial.scores if name.partition("/")[0] in wanted]


def _scores_table(c: Context, names: Sequence[str]) -> str:
    columns = ("item", "metric", "base", "tuned", "interval", "items", "source")
    return table([c.say(key) for key in columns], [_score_row(c, name) for name in names])


def _score_row(c: Context, name: str) -> Sequence[str]:
    tuned, base = c.trial.scores[name], c.base.scores.get(name)
    cited = c.register.cite(*joined(fact for fact in (base, tuned) if fact is not None))
    key = code(_KEYS[name]) if name in _KEYS else ""
    before = c.say("absent") if base is None else value_text(base.value.value)
    interval = plain(f"{tuned.value.low:.6g} – {tuned.value.high:.6g}")
    # below the last rung fewer items may be measured than of the base
    items = " → ".join(dict.fromkeys(str(fact.value.items) for fact in (base, tuned) if fact is not None))
    return key, code(name), before, value_text(tuned.value.value), interval, items, cited


def _gate_row(c: Context, gate: Gate) -> Sequence[str]:
    values, base = c.trial.values, c.base.values
    limit, violation = gate.limit(base), gate.violation(values, base)
    stored = Fact(c.result.violations.get(gate.label), (c.trial.in_study,))
    missed = agree(gate.label, Fact(violation, ()), stored)
    tuned = c.trial.checked(gate.metric)
    bases = (c.base.checked(name.removeprefix("base.")) for name in sorted(gate.bound.names))
    holds = c.say("yes" if missed.value <= 0 else "no")
    cited = c.register.cite(*joined([tuned, *bases]))
    return code(gate.label), value_text(tuned.value), value_text(limit), holds, cited


def accuracy(c: Context) -> Iterator[str]:
    """Yield what was learned, by kind as well, and the formulas over all of it."""
    yield f"## {c.say('accuracy')}"
    names = _measured(c, base_ability=False)
    if not names:
        yield c.say("not_measured")
    else:
        yield c.say("percent")
        yield _scores_table(c, names)
        yield c.compared()
    formulas = c.known.config.metrics
    if not formulas:
        return
    yield f"### {c.say('formulas')}"
    rows = []
    for name, formula in formulas.items():
        fact = c.trial.checked(name)
        cited = c.register.cite(c.study(f"config: metrics.{name}"), *fact.sources)
        base = c.base.values.get(name, math.nan)
        rows.append((code(name), code(formula.text), value_text(base), value_text(fact.value), cited))
    columns = ("metric", "formula", "base", "tuned", "source")
    yield table([c.say(key) for key in columns], rows)


def front(c: Context, pictures: Sequence[str]) -> Iterator[str]:
    """Yield the front as pictures and as a table.

    Args:
        pictures: names of the files beside the report.
    """
    yield f"## {c.say('front')}"
    yield c.say("front_text")
    yield "\n\n".join(f"![{c.say('front')}]({name})" for name in pictures)
    objectives = c.known.config.objectives
    head = [c.say("trial"), "", *(plain(o.metric) for o in objectives), c.say("configuration"), c.say("source")]
    rows = [_front_row(c, result) for result in c.known.front.results]
    if c.result not in c.known.front.results:
        rows.append(_front_row(c, c.result))
    yield table(head, rows)


def _front_row(c: Context, result: Result) -> Sequence[str]:
    evidence = c.material.front.get(result.point)
    facts = [_objective(c, result, evidence, objective.metric) for objective in c.known.config.objectives]
    marks = [c.say("knee")] if result == c.known.front.knee else []
    marks += [c.say("this_one")] if result == c.result else []
    configuration = " ".join(code(f"{name}={shown(value)}") for name, value in result.configuration.items())
    cited = c.register.cite(*joined(facts))
    return result.point, ", ".join(marks), *(value_text(fact.value) for fact in facts), configuration, cited


def _objective(c: Context, result: Result, evidence: Evidence | None, metric: str) -> Fact:
    """Return an objective's value: from the trial's own files where they are there, else what the study has of it."""
    if evidence is None:
        return Fact(result.values[metric], (c.study(result.point),))
    return evidence.checked(metric)
