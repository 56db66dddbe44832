"""How it was trained and on what: the beginning of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from sweeps.report.context import Context
from sweeps.report.markdown import block, code, plain, table
from sweeps.report.sources import Fact, agree


def head(c: Context) -> Iterator[str]:
    """Yield title and what the report is of."""
    name = c.known.config.name
    yield f"# {c.say('title')}: {plain(name)}, {c.result.point}"
    made = {"sweep": plain(name), "point": code(c.result.point), "select": code(c.material.options.select)}
    yield c.say("made", version=plain(version("lorasweep")), **made)
    yield c.say("feasible" if c.result.feasible else "infeasible")
    halving = c.known.config.halving
    if halving is not None and c.result.rung is not None and c.result.rung != halving.at[-1]:
        unit = c.say(f"{halving.unit}_unit")
        yield c.say("below", rung=c.result.rung, whole=halving.at[-1], unit=unit)


def algorithm(c: Context) -> Iterator[str]:
    """Yield how it was trained, and on what."""
    config = c.known.config
    yield f"## {c.say('algorithm')}"
    yield c.say("algorithm_text")
    started = sum(result.state != "waiting" for result in c.known.results)
    objectives = ", ".join(code(f"{o.direction} {o.metric}") for o in config.objectives)
    cited = c.register.cite(c.study("config"), c.study("trials"))
    yield f"{c.say('search_text', sampler=code(config.sampler.type), started=started, objectives=objectives)} {cited}"
    if (halving := config.halving) is not None:
        rungs, unit = ", ".join(map(str, halving.at)), c.say(f"{halving.unit}_unit")
        yield f"{c.say('search_rungs', rungs=rungs, unit=unit, eta=f'{halving.eta:g}')} {cited}"
    yield f"### {c.say('data')}"
    head = (c.say("item"), c.say("value"), c.say("source"))
    yield table(head, [*_trained_rows(c), *_tokenized_rows(c), *_evaluated_rows(c)])
    job = c.trial.read_job
    yield f"{c.say('template_text')} {c.register.cite(c.trial.job.source('templates', job.protocol))}"
    yield block(job.templates[job.protocol])


def _trained_rows(c: Context) -> Iterator[Sequence[str]]:
    job, say, contents = c.trial.read_job, c.say, c.material.contents
    whole = c.trial.folder.whole(job.train)
    yield c.fact_row(say("train_file"), c.trial.job.fact("train"))
    yield _digest_row(c, "train", job.train)
    yield c.fact_row(say("rows"), Fact(sum(contents.kinds.values()), (whole,)))
    for kind, count in sorted(contents.kinds.items()):
        if kind:
            yield c.fact_row(say("rows_of_kind", kind=plain(kind)), Fact(count, (whole,)))
    yield c.fact_row(say("train_setting", key=code("protocol")), c.trial.job.fact("protocol"))
    changed = job.transforms.model_dump(exclude_defaults=True)
    for key in changed:
        yield c.fact_row(say("train_setting", key=code(key)), c.trial.job.fact("transforms", key))
    if job.transforms.choose:
        yield c.fact_row(say("train_setting", key=code("data_seed")), c.trial.job.fact("data_seed"))
    if not changed:
        yield say("transforms"), say("none"), c.register.cite(c.trial.job.source("transforms"))
    if contents.shared is not None:
        asked = [c.trial.folder.whole(b.file) for b in job.benchmarks if b.protocol == job.protocol]
        yield c.fact_row(say("shared", protocol=plain(job.protocol)), Fact(contents.shared, (whole, *asked)))


def _tokenized_rows(c: Context) -> Iterator[Sequence[str]]:
    """Yield what the worker says of the data as it was trained on: how long, how much was cut off."""
    measured = c.trial.measurement
    for name in ("items", "tokens", "answer_tokens", "cuts", "kinds"):
        if (fact := measured.fact("data", name)).value is not None:
            yield c.fact_row(c.say(f"tokenized_{name}"), fact)


def _evaluated_rows(c: Context) -> Iterator[Sequence[str]]:
    say, job = c.say, c.trial.job
    for i, benchmark in enumerate(c.trial.read_job.benchmarks):
        protocol, file = plain(benchmark.protocol), benchmark.file
        yield c.fact_row(say("evaluated_file", protocol=protocol), job.fact("benchmarks", str(i), "file"))
        yield _digest_row(c, benchmark.protocol, file)
        count = c.material.contents.measured[benchmark.protocol]
        sources = (c.trial.folder.whole(file), job.source("benchmarks", str(i), "items"))
        yield c.fact_row(say("evaluated_items", protocol=protocol), Fact(count, sources))
        yield c.fact_row(say("new_tokens", protocol=protocol), job.fact("benchmarks", str(i), "max_new_tokens"))


def _digest_row(c: Context, name: str, file: Path) -> Sequence[str]:
    now = Fact(c.material.digests[file], (c.trial.folder.whole(file),))
    then = Fact(c.material.inputs.get(name), (c.study(f"inputs: {name}"),))
    return c.fact_row(c.say("digest"), agree(f"{file}, sha256", now, then))
