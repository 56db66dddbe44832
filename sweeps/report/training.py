"""With which hyperparameters it was trained, where and at what cost."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterator, Sequence
from itertools import chain

from sweeps.checks import SEED, SEQ_LENGTH
from sweeps.entries import Attempt
from sweeps.fidelity import EPOCHS
from sweeps.ledger import Ledger
from sweeps.length import ACCUMULATION, BATCH
from sweeps.outbox import PARENT
from sweeps.report.context import Context, value_text
from sweeps.report.evidence import RANK, TARGETS
from sweeps.report.markdown import block, code, plain, table
from sweeps.report.sources import Fact, JsonFile, agree, joined
from sweeps.training_data import of_recipe

_PET = "model.model_config.pet_config"
KEYS = {
    "seed": SEED,
    "epochs": EPOCHS,
    "batch_size": BATCH,
    "learning_rate": "lr_schedule.learning_rate",
    "seq_length": SEQ_LENGTH,
    "lora_rank": RANK,
    "lora_alpha": f"{_PET}.lora_alpha",
    "lora_dropout": f"{_PET}.lora_dropout",
    "target_modules": TARGETS,
}
"""Name that a report has in every language -> path of the recipe."""

_HOUR = 3600.0


def hyperparameters(c: Context) -> Iterator[str]:
    """Yield what was changed against the baseline, and how many parameters were trained."""
    yield f"## {c.say('hyperparameters')}"
    set_here = of_recipe(dict(c.known.config.space.paths()))
    own = [path for path in set_here if path not in KEYS.values()]
    rows, changed = [], 0
    for name, path in {**KEYS, **{path: path for path in own}}.items():
        was, now = c.material.baseline.fact(path), c.trial.recipe.fact(path)
        changed += (was and was.value) != (now and now.value)
        shown = [c.say("absent") if fact is None else value_text(fact.value) for fact in (was, now)]
        rows.append((code(name), *shown, c.register.cite(*joined(fact for fact in (was, now) if fact is not None))))
    yield c.say("hyperparameters_text", baseline=code(c.material.baseline.file.name), changed=changed)
    yield table((c.say("parameter"), c.say("was"), c.say("is"), c.say("source")), rows)
    yield f"### {c.say('counts')}"
    yield from _counts(c)


def _counts(c: Context) -> Iterator[str]:
    accounting, denominator = c.trial.accounting, c.known.config.model.parameters
    lines = [f"{m.name}: {m.count} × {m.rank} × ({m.inputs} + {m.outputs}) = {m.trainable}" for m in accounting.modules]
    yield c.say("count_formula")
    yield block("\n".join(lines))
    trainable = agree("trainable parameters", c.trial.checked("trainable"), c.trial.job.fact("trainable"))
    if denominator is None:
        total = agree("total parameters", c.trial.job.fact("total"), Fact(accounting.total, ()))
    else:
        total = Fact(denominator, (c.study("config: model.parameters"),))
    ratio = c.trial.checked("ratio")
    formula = f"{accounting.trainable} / {total.value} = {ratio.value!r}"
    yield table(
        (c.say("item"), c.say("value"), c.say("source")),
        [
            c.fact_row(code("trainable parameters"), trainable, str(accounting.trainable)),
            c.fact_row(code("total parameters"), total),
            c.fact_row(code("ratio"), ratio, plain(formula)),
        ],
    )
    yield c.say("counts_checked")
    yield c.compared()


def cost(c: Context) -> Iterator[str]:
    """Yield cards, epochs, batch and time, rung by rung."""
    yield f"### {c.say('cost')}"
    yield table((c.say("item"), c.say("value"), c.say("source")), _setup_rows(c))
    ledger = Ledger(c.known.stores.study_url, c.known.config.name)
    attempts = {rung: ledger.attempts(c.result.label, rung) for rung in c.trial.rungs}
    ledger.close()
    columns = ("rung", "steps", "train_seconds", "step_seconds", "launch", "launch_seconds", "card_hours", "source")
    rows = [_rung_row(c, rung, attempts[rung]) for rung in c.trial.rungs]
    rows.append((c.say("trial_total"), "", "", "", *_launches(c, list(chain(*attempts.values())))))
    yield table([c.say(key) for key in columns], rows)
    whole = f"{c.known.spent['card_seconds'] / _HOUR:.6g}"
    yield f"{c.say('cards_note')} {c.say('sweep_total', hours=whole)} {c.register.cite(c.study('attempts'))}"


def _setup_rows(c: Context) -> Iterator[Sequence[str]]:
    trial, workers = c.trial, c.trial.job.fact("workers")
    yield c.fact_row(code("cards"), workers)
    for name, path in (("device", "context.device_target"), ("epochs_trained", EPOCHS)):
        if (fact := trial.recipe.fact(path)) is not None:
            yield c.fact_row(c.say(name), fact)
    if (last := trial.steps.last) is not None:
        number, record = last
        yield c.fact_row(c.say("steps_per_epoch"), Fact(record.steps, (trial.folder.line(trial.steps.file, number),)))
        yield c.fact_row(c.say("train_loss"), trial.checked("train_loss"))
    batch, accumulated = trial.recipe.fact(BATCH), trial.recipe.fact(ACCUMULATION)
    if batch is not None:
        factors = [batch, *([] if accumulated is None or accumulated.value is None else [accumulated]), workers]
        product = math.prod(factor.value for factor in factors)
        yield c.fact_row(c.say("items_per_step"), Fact(product, joined(factors)))


def _rung_row(c: Context, rung: int | None, attempts: Sequence[Attempt]) -> Sequence[str]:
    paths = c.trial.rungs[rung]
    measured = JsonFile(paths.measurement, c.trial.folder)
    steps, seconds = measured.fact("steps"), measured.fact("seconds", "train")
    sources = [*steps.sources, *seconds.sources]
    median, logged = "", c.trial.steps_of(paths)
    if logged.lines:
        median = f"{statistics.median(record.seconds for record in logged.lines.values()):g}"
        sources.append(c.trial.folder.line(logged.file, min(logged.lines), max(logged.lines)))
    shown = (str(rung or ""), value_text(steps.value), value_text(seconds.value), median)
    *launches, cited = _launches(c, attempts)
    return *shown, *launches, f"{c.register.cite(*sources)} {cited}"


def _launches(c: Context, attempts: Sequence[Attempt]) -> Sequence[str]:
    """Return how many there were, their wall time, what that cost, references."""
    ended = [(attempt.seconds or 0.0, attempt.placement.workers) for attempt in attempts]
    card_hours = math.fsum(seconds * workers for seconds, workers in ended) / _HOUR
    wall = math.fsum(seconds for seconds, _ in ended)
    cited = c.register.cite(*(c.study(f"attempt {attempt.id}") for attempt in attempts))
    return str(len(attempts)), f"{wall:.6g}", f"{card_hours:.6g}", cited


def environment(c: Context) -> Iterator[str]:
    """Yield versions, and where MLflow has the runs."""
    yield f"## {c.say('environment')}"
    rows = []
    for name in c.trial.measurement.fact("versions").value or {}:
        rows.append(c.fact_row(plain(name), c.trial.measurement.fact("versions", name)))
    first = c.trial.recipe.recipe.text.partition("\n")[0]
    if made := re.match(r"# lorasweep (\S+):", first):
        rows.append(c.fact_row("lorasweep", Fact(made[1], (c.trial.folder.line(c.trial.paths.recipe, 1),))))
    tags = c.trial.recorded.tags
    rows += [c.fact_row(name, tags[f"version.{name}"]) for name in ("optuna", "mlflow") if f"version.{name}" in tags]
    yield table((c.say("component"), c.say("version"), c.say("source")), rows)
    if not c.material.tracked.runs:
        yield c.say("untracked")
        return
    yield c.say("tracked", uri=code(c.material.tracked.uri))
    names = {PARENT: plain(c.known.config.name)}
    runs = [(names.get(label, label), code(run)) for label, run in c.material.tracked.runs.items()]
    yield table((c.say("run"), c.say("run_id")), runs)
    if c.material.untold:
        yield c.say("not_compared", reason=plain(c.material.untold))
