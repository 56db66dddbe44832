"""Contradictions within reports, and between them and what ran."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sweeps.audit.findings import Finding, contradiction
from sweeps.audit.log_checks import scores
from sweeps.audit.pairing import Settings, of_base, of_report
from sweeps.audit.recipe_checks import dead
from sweeps.dossier.facts import PATHS, SCORES, TARGETS, Fact
from sweeps.dossier.folder import Dossier
from sweeps.dossier.recipes import RecipeFile
from sweeps.dossier.reports import Report
from trainer.lora import Accounting

_DENOMINATORS = (8_030_000_000, 7_321_000_000)
"""What the contest divides by: the base models' parameters, rounded."""


def reports(dossier: Dossier) -> Iterator[Finding]:
    """Check each report."""
    for report in dossier.reports:
        settings = of_report(report, dossier)
        wrong = list(_settings(report, settings))
        yield from wrong
        yield from _pattern(report, settings)
        yield from _trainable(report, settings)
        yield from _total(report, settings)
        yield from _ratio(report, settings)
        wrong += (measured := list(_measured(report, dossier, settings)))
        yield from measured
        yield from _itself(report, settings, {finding.subject for finding in wrong})


def _settings(report: Report, settings: Sequence[Settings]) -> Iterator[Finding]:
    """Compare what a report says was set with what was set."""
    for name in (*PATHS, "cards") if settings else ():
        claims = report.of(name) if name == "cards" else _held(report, name, settings)
        wrong = [claim for claim in claims if not any(one.agrees(claim) for one in settings)]
        # cards of training and of inference may differ
        if wrong and (name != "cards" or len(wrong) == len(claims)):
            yield contradiction(name, [wrong[0], settings[0].facts[name]])


def _held(report: Report, name: str, settings: Sequence[Settings]) -> list[Fact]:
    """Return what a report must be held to: rows of tables; sentences only where nothing else that it says is right.

    Sentences may be about inference, or about what was tried before.
    """
    claims = report.of(name)
    rows = [claim for claim in claims if not claim.prose]
    right = any(one.agrees(claim) for one in settings if name in one.facts for claim in claims)
    return rows if rows or right else claims


def _pattern(report: Report, settings: Sequence[Settings]) -> Iterator[Finding]:
    """Find patterns in a report that match no module."""
    recipe = _recipe(settings)
    for claim in report.of(TARGETS):
        # names alone are no pattern
        is_pattern = "*" in claim.text or "." in claim.text
        if recipe and is_pattern and (reason := dead(recipe.changed({TARGETS: claim.text}))):
            yield contradiction(TARGETS, [claim], reason)


def _trainable(report: Report, settings: Sequence[Settings]) -> Iterator[Finding]:
    """Compare the number of trainable parameters with rank and modules, as the report says them, else as the YAML."""
    claim = next(iter(report.of("trainable")), None)
    recipe = _recipe(settings)
    if claim is None or recipe is None or not recipe.has_adapter:
        return
    said: list[Fact] = []
    changed: dict[str, object] = {}
    for name in ("lora_rank", TARGETS):
        stated = next(iter(_held(report, name, settings)), None)
        if stated is not None and not settings[0].agrees(stated):
            said.append(stated)
            names = stated.value if isinstance(stated.value, frozenset) else None
            changed[name] = int(stated.number) if names is None else "|".join(f".*{name}" for name in sorted(names))
    counted = recipe.changed(changed) if changed else recipe.accounting
    if isinstance(counted, Accounting) and not claim.agrees(counted.trainable):
        sides = [claim, *(said or [recipe.facts["lora_rank"], recipe.facts[TARGETS]])]
        own = recipe.accounting if changed else None
        by_yaml = f"; the YAML's own settings give {own.trainable:,}" if isinstance(own, Accounting) else ""
        yield contradiction("trainable", sides, _sum(counted, recipe) + by_yaml)


def _sum(counted: Accounting, recipe: RecipeFile) -> str:
    parts = [f"{m.count} x {m.rank} x ({m.inputs} + {m.outputs}) on {m.name}" for m in counted.modules]
    return f"{counted.trainable:,} in {recipe.model or 'this model'}: {', '.join(parts)}"


def _total(report: Report, settings: Sequence[Settings]) -> Iterator[Finding]:
    """Compare the model's size, which may be rounded, and may count the adapter."""
    claim = next(iter(report.of("total")), None)
    counted = _counted(settings)
    if claim is None or counted is None:
        return
    # rounded numbers are written out: 7321000000 is 7.321 e9, and the contest's own is cut off
    written = str(int(claim.number))
    rounded = 10.0 ** (len(written) - len(written.rstrip("0")))
    if min(abs(claim.number - total) for total in (counted.total, counted.built_total)) >= rounded:
        yield contradiction(
            "total", [claim], f"{counted.total:,} by the YAML, {counted.built_total:,} with the adapter"
        )


def _ratio(report: Report, settings: Sequence[Settings]) -> Iterator[Finding]:
    """Compare the share of trainable parameters with its parts, as the report says them, else as the YAML."""
    claim, part, whole = (next(iter(report.of(name)), None) for name in ("ratio", "trainable", "total"))
    if claim is None:
        return
    if part is not None and whole is not None and whole.number:
        if not claim.agrees(part.number / whole.number):
            yield contradiction("ratio", [claim, part, whole], f"{part.number / whole.number!r} by these numbers")
    elif (counted := _counted(settings)) is not None:
        trainable = counted.trainable if part is None else part.number
        if not any(claim.agrees(trainable / n) for n in (counted.total, counted.built_total, *_DENOMINATORS)):
            yield contradiction(
                "ratio", [claim], f"{trainable:,.0f} / {counted.total:,} = {trainable / counted.total!r}"
            )


def _counted(settings: Sequence[Settings]) -> Accounting | None:
    recipe = _recipe(settings)
    return recipe.accounting if recipe is not None and isinstance(recipe.accounting, Accounting) else None


def _recipe(settings: Sequence[Settings]) -> RecipeFile | None:
    """Return the YAML that a report is about; None where there are several whose networks or adapters differ."""
    recipes = [one.recipe for one in settings if one.recipe is not None]
    return recipes[0] if recipes and all(other.accounting == recipes[0].accounting for other in recipes) else None


def _measured(report: Report, dossier: Dossier, settings: Sequence[Settings]) -> Iterator[Finding]:
    """Compare scores and numbers of items with evaluation logs and predictions: of the base model, of the tuned one."""
    measured = scores(dossier, settings[0].model if settings else "")
    for claims, base in ((report.facts, False), (report.before, True)):
        sources = [facts for file, facts in measured if of_base(file, dossier) == base]
        for claim in claims:
            known = [facts[claim.name] for facts in sources if claim.name in facts]
            if claim.name in (*SCORES, "items") and known and not any(_is(claim, fact.number) for fact in known):
                nearest = min(known, key=lambda fact: abs(fact.number - claim.number))
                yield contradiction(claim.name, [claim, nearest])


def _is(claim: Fact, actual: float) -> bool:
    # a score without a percent sign may be a share
    as_share = claim.name in SCORES and not claim.text.endswith(("%", "％")) and claim.number <= 1
    return claim.agrees(actual) or (as_share and claim.agrees(actual / 100))


def _itself(report: Report, settings: Sequence[Settings], known: set[str]) -> Iterator[Finding]:
    """Find what a report says twice, differently; not again what was found wrong, nor what may well differ."""
    for name in (*PATHS, "trainable", "total", "ratio", *SCORES):
        claims = _held(report, name, settings) if name in PATHS else report.of(name)
        for other in claims[1:] if name not in known else ():
            # as the batch of a card and of all cards
            known_to = [one for one in settings if name in one.facts]
            both_right = any(one.agrees(claims[0]) and one.agrees(other) for one in known_to)
            if not both_right and not _same(claims[0], other):
                yield contradiction(name, [claims[0], other], "the report contradicts itself")
                break


def _same(first: Fact, other: Fact) -> bool:
    if isinstance(first.value, frozenset) or isinstance(other.value, frozenset):
        return first.value == other.value
    as_shares = [replace(fact, value=fact.number / 100, unit=fact.unit / 100) for fact in (first, other)]
    pairs = [(first, other), (as_shares[0], other), (first, as_shares[1])] if first.name in SCORES else [(first, other)]
    return any(a.agrees(b.number) or b.agrees(a.number) for a, b in pairs)
