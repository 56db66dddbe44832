"""Train the tiny base model from scratch: ``python -m trainer.tiny.pretrain OUT.safetensors``.

Shows four kinds of rows, loss on the answers only: passages with questions (the base ability), bare sums
(``12 + 35 = 47``), the same sums as an instruction (``12 + 35 = ?``) with the contest's form of answer, and sentences
to be repeated (which makes the copying circuits form early). Problems asked in words, the task of LoRA, never occur.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import numpy.typing as npt
from mindspore import Tensor, nn, ops
from safetensors.numpy import save_file

from evaluation.generate import Shape, greedy
from trainer import network
from trainer.prompts import TEMPLATES
from trainer.tiny import corpus, words
from trainer.tiny.words import BOS, EOS, PAD

RECIPE = Path(__file__).parents[1] / "recipes" / "tiny_llama_lora.yaml"
SEQ, BATCH, STEPS, PEAK = 80, 64, 2000, 2e-3
IGNORED = -100
Row = tuple[list[int], list[int]]


class Rows:
    """Draws training rows of ``SEQ + 1`` tokens and labels."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._tokenizer = words.build()

    def batch(self, copies: float) -> tuple[Tensor, Tensor]:
        """Return ``(BATCH, SEQ + 1)`` tokens and labels; ``copies``: share of rows to be repeated."""
        rows = [self._row(copies) for _ in range(BATCH)]
        tokens, labels = (np.array(column, np.int32) for column in zip(*rows, strict=True))
        return Tensor(tokens), Tensor(labels)

    def _row(self, copies: float) -> Row:
        kind = self._rng.random()
        draw = self._copy if kind < copies else self._questions if kind < 0.6 else self._sums
        if kind >= 0.75:
            draw = self._instructions
        pieces = draw()
        tokens, labels = [BOS], [IGNORED]
        for text, answer in pieces:
            given, wanted = self._ids(text), [*self._ids(answer), EOS]
            tokens += given + wanted
            labels += [IGNORED] * len(given) + wanted
        fill = SEQ + 1 - len(tokens)
        return (tokens + [PAD] * fill)[: SEQ + 1], (labels + [IGNORED] * fill)[: SEQ + 1]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids

    def _questions(self) -> list[tuple[str, str]]:
        facts = corpus.passage(self._rng, self._rng.choice((2, 3, 3)))
        passage = " ".join(fact.sentence for fact in facts)
        asked = self._rng.sample(facts, len(facts))
        first = TEMPLATES["squad_contest"].format(passage=passage, question=asked[0].question)
        later = [(f"\n\n### Input:\n{fact.question}\n\n### Response:", fact.answer) for fact in asked[1:]]
        return [(first, asked[0].answer), *later]

    def _copy(self) -> list[tuple[str, str]]:
        text = " ".join(fact.sentence for fact in corpus.passage(self._rng, 5))
        return [(text, text)]

    def _sums(self) -> list[tuple[str, str]]:
        drawn = [corpus.operation(self._rng) for _ in range(SEQ // 6)]
        return [(f"{a} {op} {b} =", str(result)) for a, op, b, result in drawn]

    def _instructions(self) -> list[tuple[str, str]]:
        drawn = [(self._rng.choice(("", " =", " = ?")), corpus.operation(self._rng)) for _ in range(4)]
        return [
            (TEMPLATES["math_contest"].format(problem=f"{a} {op} {b}{end}"), f"{a} {op} {b} = {result}")
            for end, (a, op, b, result) in drawn
        ]


def _step(model: Any) -> nn.Cell:
    warm, flat = STEPS // 20, STEPS // 2
    rates = [PEAK * min((i + 1) / warm, 1.0, max(0.02, (STEPS - i) / (STEPS - flat))) for i in range(STEPS + 1)]
    optimizer = nn.AdamWeightDecay(model.trainable_params(), rates, beta2=0.98, weight_decay=0.01)

    class Step(nn.Cell):  # type: ignore[misc]
        def __init__(self) -> None:
            # auto_prefix=False: holding the optimizer here must not rename the model's weights
            super().__init__(auto_prefix=False)
            self.optimizer = optimizer
            self.gradient = ops.value_and_grad(model, None, optimizer.parameters)

        def construct(self, tokens: Any, labels: Any) -> Any:
            loss, gradients = self.gradient(tokens, labels)
            return ops.depend(loss, self.optimizer(ops.clip_by_global_norm(gradients, 1.0)))

    return Step()


def _check(model: Any, rng: random.Random) -> str:
    """Measure exact matches on 200 questions and 200 sums."""
    codec = words.build()
    prompts, answers = [], []
    for _ in range(200):
        facts = corpus.passage(rng, 3)
        prompts.append(
            TEMPLATES["squad_contest"].format(passage=" ".join(f.sentence for f in facts), question=facts[0].question)
        )
        answers.append(facts[0].answer)
    for _ in range(200):
        a, op, b, result = corpus.operation(rng)
        prompts.append(f"{a} {op} {b} =")
        answers.append(str(result))
    model.set_train(False)
    shape = Shape(batch=BATCH, seq_length=SEQ, max_new_tokens=6, eos=EOS, pad=PAD)
    outputs = greedy(network.greedy_step(model), [[BOS, *codec.encode(p).ids] for p in prompts], shape)
    right = [codec.decode(output) == answer for output, answer in zip(outputs, answers, strict=True)]
    return f"questions {sum(right[:200]) / 2:.1f} %, sums {sum(right[200:]) / 2:.1f} %"


def weights(model: Any) -> dict[str, npt.NDArray[np.float32]]:
    """Copy a network's weights out, by their MindFormers names."""
    return {parameter.name: parameter.asnumpy().copy() for parameter in model.get_parameters()}


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=3, help="the shipped base is that of 3")
    parser.add_argument("--core", type=int, help="bind to this CPU core")
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, [arguments.core])
    ms.set_context(mode=ms.GRAPH_MODE, device_target="CPU", max_call_depth=10000)
    ms.set_seed(arguments.seed)
    model = network.build(network.load_config(RECIPE), SEQ, BATCH, adapter=False)
    step, rows = _step(model), Rows(arguments.seed)
    started, losses = time.monotonic(), []
    for i in range(STEPS):
        model.set_train(True)
        tokens, labels = rows.batch(copies=0.25 if i < STEPS // 3 else 0.05)
        losses.append(float(step(tokens, labels).asnumpy()))
        if (i + 1) % 50 == 0:
            print(
                f"step {i + 1}/{STEPS} loss {np.mean(losses[-50:]):.4f} {time.monotonic() - started:.0f} s", flush=True
            )
        if (i + 1) % 500 == 0:
            save_file(weights(model), arguments.out)
            print(_check(model, random.Random(0)), flush=True)


if __name__ == "__main__":
    main()
