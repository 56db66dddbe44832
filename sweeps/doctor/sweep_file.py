"""The sweep: its file and recipe, tokenizer, data, parameters, memory."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from evaluation.items import stream
from sweeps.checks import SEQ_LENGTH
from sweeps.config import SweepConfig
from sweeps.doctor.finding import Check, Finding, fail, ok, warn
from sweeps.doctor.subject import Subject
from sweeps.dry_run import card_memory
from sweeps.length import value_of
from sweeps.plan import Plan
from sweeps.training_data import transforms_of
from trainer.data import encoded
from trainer.data_statistics import Tally
from trainer.memory import capacity
from trainer.prompts import TEMPLATES
from trainer.recipe import Recipe

_GIB = 2**30
_MIB = 2**20
_MODEL = "model.model_config"
_SAMPLE = 2000
"""Items of a training file that are tokenized: some seconds, and shares to a point or two."""

_MOST_CUT = 0.05
"""Share of cut answers from which it is worth a warning."""


def checks(subject: Subject) -> list[Check]:
    """Return the checks of this group; those that need what is faulty are left out."""
    if subject.config is None and not subject.faults:
        return []
    found = [Check("sweep", "file", lambda: file(subject))]
    if (config := subject.config) is not None:
        found += [
            Check("sweep", "tokenizer", lambda: tokenizer(config, Recipe.read(config.recipe))),
            Check("sweep", "data", lambda: data(config)),
        ]
    if (plan := subject.plan) is not None:
        found += [
            Check("sweep", "lengths", lambda: lengths(plan, subject.sampled)),
            Check("sweep", "parameters", lambda: parameters(plan, subject.sampled)),
            Check("sweep", "memory", lambda: memory(subject, plan)),
        ]
    return found


def file(subject: Subject) -> Iterator[Finding]:
    """Say all that is wrong with the sweep: its keys, paths of the recipe, target modules, lengths, rungs, budget."""
    for fault in subject.faults:
        yield fail(fault)
    if subject.config is not None and not subject.faults:
        space = subject.config.space
        yield ok(
            f"{subject.config.name}: {len(space.parameters)} parameters; the recipe has all paths that they set, each "
            "target module is in the network"
        )


def tokenizer(config: SweepConfig, recipe: Recipe) -> Iterator[Finding]:
    """Say whether the tokenizer loads, ends answers, and has no id that the model has not."""
    from trainer.tokenizer import TextCodec  # a second

    folder = config.model.tokenizer
    try:
        codec = TextCodec.load(folder)
    except (OSError, ValueError) as error:
        yield fail(f"{folder}: {error}", "name a Hugging Face tokenizer folder with an eos_token in model.tokenizer")
        return
    highest = max(codec.tokenizer.get_vocab().values())
    size, eos = (value_of(f"{_MODEL}.{key}", recipe, config.fixed) for key in ("vocab_size", "eos_token_id"))
    if isinstance(size, int) and highest >= size:
        yield fail(
            f"{folder}: has ids up to {highest}, but the model only {size} ({_MODEL}.vocab_size)",
            "name the tokenizer of this base",
        )
        return
    yield ok(f"{highest + 1:,} ids, of the model's {size:,}" if isinstance(size, int) else f"{highest + 1:,} ids")
    if isinstance(eos, int) and eos != codec.eos:
        yield warn(
            f"{folder}: ends answers with id {codec.eos}, the recipe's {_MODEL}.eos_token_id is {eos}",
            "make them equal, unless the base is to stop at another token than it is trained on",
        )


def data(config: SweepConfig) -> Iterator[Finding]:
    """Say how many items there are to train on and to measure.

    Raises:
        DataError: a file is broken.
    """
    yield ok(f"training on {_count(config.train.protocol, config.train.data):,} items of {config.train.protocol}")
    for protocol, evaluation in config.evaluation.items():
        there = _count(protocol, evaluation.file)
        wanted = evaluation.items or there
        if wanted > there:
            advice = "lower it, or leave it out to measure all"
            yield warn(f"evaluation.{protocol}.items: {wanted:,}, but the file has only {there:,}", advice)
        else:
            yield ok(f"measuring {wanted:,} of {there:,} items of {protocol}")


def _count(protocol: str, file: Path) -> int:
    # one by one: a large file held whole takes gigabytes
    return sum(1 for _ in stream(protocol, file))


def lengths(plan: Plan, sampled: Sequence[dict[str, object]]) -> Iterator[Finding]:
    """Say what share of the training items each ``seq_length`` of the space cuts off or leaves out.

    As in ``trainer.data.row``: a prompt that is too long leaves the item out, an answer that is too long is cut.
    """
    from trainer.tokenizer import TextCodec

    config = plan.config
    protocol = config.train.protocol
    template = config.templates.get(protocol, TEMPLATES[protocol])
    # not every n-th: kinds of problems may take turns
    chosen = {*random.Random(0).sample(range(plan.contents.items), min(_SAMPLE, plan.contents.items))}
    tried = [item for i, item in enumerate(stream(protocol, config.train.data)) if i in chosen]
    tally, transforms = Tally(), transforms_of(config, {})
    for item in encoded(map(transforms.changed, tried), protocol, template, TextCodec.load(config.model.tokenizer)):
        tally.add(len(item.prompt), len(item.answer), item.kind)
    found = sorted({int(str(value_of(SEQ_LENGTH, plan.recipe, settings))) for settings in sampled})
    # a range has many
    some = found if len(found) <= 6 else (found[0], found[len(found) // 2], found[-1])
    for length, counted in tally.statistics(some).cuts.items():
        out, cut = counted.lost, counted.truncated - counted.lost
        text = f"seq_length {length}: {cut / len(tried):.1%} of the answers cut, {out / len(tried):.1%} left out"
        text += f" ({len(tried):,} items tried)"
        if out == len(tried):
            yield fail(text, "drop this length: no item fits it")
        elif out + cut > _MOST_CUT * len(tried):
            yield warn(text, "raise it, or drop it from the search space")
        else:
            yield ok(text)


def parameters(plan: Plan, sampled: Sequence[dict[str, object]]) -> Iterator[Finding]:
    """Say between which counts of trained parameters the space lies, exactly as trials are going to have them."""
    counts = sorted((plan.account(settings) for settings in sampled), key=lambda counted: counted.trainable)
    fewest, most = counts[0], counts[-1]
    ends = [f"{c.trainable:,} ({c.ratio(plan.config.model.parameters):.3%})" for c in (fewest, most)]
    yield ok(f"{' to '.join(ends)} of {most.total:,} trained, in {len(counts)} configurations tried")


def memory(subject: Subject, plan: Plan) -> Iterator[Finding]:
    """Compare the estimate of the largest configuration with what a card has; on CPU there is nothing to compare."""
    needs = max(card_memory(plan, settings).total for settings in subject.sampled) / _GIB
    said = f"at most {needs:.3g} GiB a worker, by an estimate that was compared with no card"
    allowed = capacity(plan.recipe.set(plan.config.space.fixed), plan.recipe.source)
    if subject.needs_cards and (chips := subject.used_chips):
        smallest = min(chip.total for chip in chips.values()) * _MIB
        if allowed is not None and allowed > smallest:
            text = f"context.max_device_memory is {allowed / _GIB:.3g} GiB, a card has {smallest / _GIB:.3g} GiB"
            yield fail(text, "lower it")
        allowed = smallest if allowed is None else min(allowed, smallest)
    if allowed is not None and needs > allowed / _GIB:
        advice = "lower batch size, seq_length or rank, or turn recompute on"
        yield warn(f"{said}; that is more than {allowed / _GIB:.3g} GiB", advice)
    else:
        yield ok(said if allowed is None else f"{said}; {allowed / _GIB:.3g} GiB may be used")
