"""A real msrun launch: the shipped tiny model is trained for two steps, in a folder of its own."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import trainer.paths
from sweeps.checks import BASE, PAD, RECORD, SEQ_LENGTH
from sweeps.doctor.finding import Check, Finding, fail, ok
from sweeps.doctor.subject import Subject
from sweeps.fidelity import EPOCHS
from sweeps.length import BATCH, value_of
from trainer import files
from trainer.data import Source, record_path
from trainer.ending import Exit, Outcome
from trainer.job import Job
from trainer.launcher import Launcher
from trainer.lora import account
from trainer.msrun import Launch
from trainer.paths import TrialPaths
from trainer.prompts import TEMPLATES
from trainer.recipe import Recipe
from trainer.slots import Slots
from trainer.transforms import Transforms

_SHIPPED = Path(trainer.paths.__file__).parent
_STEPS = 2
_TIMEOUT = 600.0  # half a minute on CPU; a card's first compilation may take minutes
_PROTOCOL = "math_contest"
_ON_A_CARD = {"context.device_target": "Ascend", "runner_wrapper.type": "MFTrainOneStepCell"}
"""What the tiny recipe has otherwise for want of a card."""


def checks(subject: Subject) -> list[Check]:
    """Return the check."""
    return [Check("dry step", "tiny model", lambda: train(subject))]


def train(subject: Subject) -> Iterator[Finding]:
    """Say whether msrun trains here: on the first card to be used, where there is one, else on CPU.

    The folder stays where it fails: its logs tell why.
    """
    device = next(iter(subject.used_chips), None) if subject.needs_cards else None
    where = "CPU" if device is None else f"card {device}"
    folder = Path(tempfile.mkdtemp(prefix="lorasweep-doctor-"))
    failed = False
    try:
        ended = _launch(folder, device)
        failed = ended.outcome is not Outcome.FINISHED
    finally:
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)
    if failed:
        yield fail(f"on {where}: {ended.outcome.value}: {ended.reason}", f"see {ended.log}; delete {folder} then")
    else:
        yield ok(f"msrun trained {_STEPS} steps on {where} in {ended.seconds:.0f} s")


def _launch(folder: Path, device: int | None) -> Exit:
    placement = Slots(1, 1, () if device is None else (device,)).lease()
    paths = TrialPaths(folder / "trial")
    paths.root.mkdir()
    launch = _prepare(folder, paths, {} if device is None else _ON_A_CARD)
    launcher = Launcher(launch, placement, paths, _TIMEOUT)
    try:
        while (ended := launcher.poll()) is None:
            time.sleep(0.2)
    except BaseException:
        # Ctrl-C: nothing stays behind
        launcher.kill()
        raise
    return ended


def _prepare(folder: Path, paths: TrialPaths, more: Mapping[str, object]) -> Launch:
    """Write recipe, data and job of a training of ``_STEPS`` steps."""
    recipe = Recipe.read(_SHIPPED / "recipes/tiny_llama_lora.yaml")
    batch, seq_length, pad = (int(str(value_of(path, recipe, {}))) for path in (BATCH, SEQ_LENGTH, PAD))
    data = folder / "train.jsonl"
    with (_SHIPPED / "tiny/data/math_train.jsonl").open(encoding="utf-8") as shipped:
        data.write_text("".join(islice(shipped, _STEPS * batch)), encoding="utf-8")
    base, tokenizer = _SHIPPED / "tiny/base/base.safetensors", _SHIPPED / "tiny/tokenizer"
    source = Source(data, _PROTOCOL, TEMPLATES[_PROTOCOL], Transforms(), 0)
    content, known = files.digest(data), files.folder_digest(tokenizer)
    record = record_path(folder / "cache", source, content, known, seq_length, pad)
    settings = {BASE: str(base), RECORD: str(record), EPOCHS: 1, **more}
    paths.recipe.write_text(recipe.render(settings, "lorasweep doctor"), encoding="utf-8")
    counts = account(recipe.set(settings), recipe.source)
    Job(
        tokenizer=tokenizer,
        train=data,
        protocol=_PROTOCOL,
        record=record,
        base=base,
        trainable=counts.trainable,
        total=counts.total,
        workers=1,
        benchmarks=(),
    ).write(paths.job)
    return Launch(paths.recipe, paths.job, ("train",))
