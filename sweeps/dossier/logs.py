"""Logs of others -> facts: worker logs of msrun and evaluation logs, plain or ``.gz``, read line by line."""

from __future__ import annotations

import ast
import math
import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from evaluation.em_f1 import em_f1
from sweeps.dossier.facts import Fact, Source
from sweeps.dossier.text import numbered
from trainer.step_log import StepRecord, parse_line

_MODEL = re.compile(r"Now Running Task is: \w+, Model is: (\S+)")
_PARAMETERS = re.compile(r"Network Parameters: (\d{1,18})( M)?\.")
_SIZE = re.compile(r"Create (train|evaluate) dataset finish, dataset size:(\d{1,18})(?!\d)")
_BATCH = re.compile(r"global_batch_size = .* = (\d{1,18}) = \d")
_FINAL = re.compile(
    r"F1 score: \{?(\d+(?:\.\d+)?)\}?, Em score: \{?(\d+(?:\.\d+)?)\}?, total_count: \{?(\d{1,18})(?!\d)"
)
_CHECKPOINT = re.compile(r"^[ {]'load_checkpoint': '([^']+)',")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}(?= - )")
_OUTPUT = re.compile(r"output result is: (\[\{'text_generation_text'.*\])\s*$")
# MindFormers prints its configuration with pprint: top keys behind one blank, a section's first key beside its name
_PRINTED = re.compile(
    r"'(?P<key>lora_rank|lora_alpha|lora_dropout|target_modules|seq_length|origin_epochs)': (?P<value>[^,}]+)[,}]"
    r"|^[ {]'(?P<top>seed|device_num)': (?P<number>\d+),"
    r"|'(?P<section>runner_config|lr_schedule)': \{'(?:batch_size|learning_rate)': (?P<first>[-+.\deE]+),"
)
# what Python raises at a text that is no literal, or one that is too deep for it
_NO_LITERAL = (ValueError, SyntaxError, MemoryError, RecursionError)
_LARGEST = 1e300  # floats end soon after
_MOST_STEPS = 10**15
_NAMES = {
    "origin_epochs": "epochs",
    "device_num": "cards",
    "runner_config": "batch_size",
    "lr_schedule": "learning_rate",
}


@dataclass
class Log:
    """One log, as far as it says anything of a training or an evaluation.

    Attributes:
        model: MindFormers' name of the model; empty where the log has none.
        facts: name -> what the log says first: settings as MindFormers printed them, ``cards``, ``trainable`` (exact,
            or with ``unit`` 1e6 where it was floored), ``global_batch``, ``items``.
        checkpoint: file that the weights were loaded from; empty where the log does not say.
        seconds: from the first time that was logged to the last; NaN without two.
        steps: line and record of each step line.
        over: whether it says that training is over.
        pairs: line, prediction and label of each item that was evaluated.
        final: the line of F1 and EM over all items: names ``f1``, ``em``, ``items``.
        outputs: texts that inference gave, prompt included, with the line.
    """

    path: Path
    model: str = ""
    checkpoint: str = ""
    seconds: float = math.nan
    facts: dict[str, Fact] = field(default_factory=dict)
    steps: list[tuple[int, StepRecord]] = field(default_factory=list)
    over: bool = False
    pairs: list[tuple[int, str, str]] = field(default_factory=list)
    final: dict[str, Fact] = field(default_factory=dict)
    outputs: tuple[int, tuple[str, ...]] = (0, ())

    @property
    def trains(self) -> bool:
        """Whether it is of a training."""
        return bool(self.steps)

    @property
    def evaluates(self) -> bool:
        """Whether it is of an evaluation."""
        return bool(self.final or self.pairs or self.outputs[1])

    @cached_property
    def graded(self) -> list[tuple[float, float]]:
        """F1 and EM of each item in percent, computed from its prediction and label."""
        return [em_f1(prediction, label) for _, prediction, label in self.pairs]


def read_log(path: Path) -> Log:
    """Read one log; what is no text in it is passed over.

    Raises:
        ValueError: it cannot be read, with the reason.
    """
    log = _Reader(Log(path))
    try:
        for number, line in numbered(path):
            log.take(number, line)
        log.end()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return log.log


@dataclass
class _Reader:
    """Takes in a log's lines."""

    log: Log
    prediction: list[str] | None = None
    in_model: bool = False
    first: str = ""
    last: str = ""

    def end(self) -> None:
        """Work out what the whole log tells."""
        if self.first != self.last:
            try:
                first, last = (datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S,%f") for stamp in (self.first, self.last))
            except ValueError:
                return
            self.log.seconds = (last - first).total_seconds()

    def take(self, number: int, line: str) -> None:
        log = self.log
        if stamp := _STAMP.search(line):
            self.first, self.last = self.first or stamp[0], stamp[0]
        if "Epoch:[" in line:
            if (record := parse_line(line)) is not None and record.total_steps < _MOST_STEPS:
                log.steps.append((number, record))
        elif "Training Over" in line:
            log.over = True
        elif line.startswith(("pred is: ", "label is: ")):
            self._pair(number, line)
        elif found := _FINAL.search(line):
            for name, text in zip(("f1", "em", "items"), found.groups(), strict=True):
                log.final[name] = Fact(name, float(text), Source(log.path, number), text)
        elif found := _CHECKPOINT.search(line):
            log.checkpoint = found[1]
        elif found := _OUTPUT.search(line):
            log.outputs = number, _texts(found[1])
        elif "'" in line and (found := _PRINTED.search(line)):
            self._printed(number, line, found)
        else:
            self._said(number, line)

    def _said(self, number: int, line: str) -> None:
        if found := _MODEL.search(line):
            self.log.model = self.log.model or found[1]
        elif found := _PARAMETERS.search(line):
            unit = 1e6 if found[2] else 0.0
            self._keep("trainable", int(found[1]) * (unit or 1), number, found[1] + (found[2] or ""), unit)
        elif found := _SIZE.search(line):
            self._keep("steps" if found[1] == "train" else "size", int(found[2]), number, found[2])
        elif found := _BATCH.search(line):
            self._keep("global_batch", int(found[1]), number, found[1])
        elif "'model_config': {" in line:
            self.in_model = True

    def _printed(self, number: int, line: str, found: re.Match[str]) -> None:
        self.in_model = self.in_model or "'model_config': {" in line
        key = found["key"] or found["top"] or found["section"]
        text = found["value"] or found["number"] or found["first"]
        # data sets have lengths of their own
        if key == "seq_length" and not self.in_model:
            return
        try:
            value = ast.literal_eval(text)
        except _NO_LITERAL:
            return
        if isinstance(value, int) and abs(value) >= _LARGEST:
            return
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            self._keep(_NAMES.get(key, key), value, number, str(value))

    def _keep(self, name: str, value: float | str, number: int, text: str, unit: float = 0.0) -> None:
        self.log.facts.setdefault(name, Fact(name, value, Source(self.log.path, number), text, unit))

    def _pair(self, number: int, line: str) -> None:
        kind, _, text = line.partition(" is: ")
        texts = _strings(text)
        if kind == "pred":
            self.prediction = texts
        elif self.prediction is not None and texts is not None and len(texts) == len(self.prediction):
            self.log.pairs += [(number - 1, *pair) for pair in zip(self.prediction, texts, strict=True)]
            self.prediction = None


def _strings(text: str) -> list[str] | None:
    try:
        value = ast.literal_eval(text.strip())
    except _NO_LITERAL:
        return None
    return value if isinstance(value, list) and all(isinstance(part, str) for part in value) else None


def _texts(text: str) -> tuple[str, ...]:
    try:
        rows = ast.literal_eval(text)
        return tuple(str(answer) for row in rows for answer in row["text_generation_text"])
    except (*_NO_LITERAL, TypeError, KeyError):
        return ()
