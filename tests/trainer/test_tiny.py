from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
import yaml
from safetensors.numpy import load_file

from evaluation.items import read
from trainer.lora import account
from trainer.prompts import TEMPLATES
from trainer.tiny import corpus, generate, words

TINY = Path(generate.__file__).parent
RECIPE = TINY.parent / "recipes/tiny_llama_lora.yaml"


def test_shipped_files_are_those_that_the_generator_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "DATA", tmp_path / "data")
    monkeypatch.setattr(generate, "TOKENIZER", tmp_path / "tokenizer")
    generate.main()
    written = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*.json*")}
    assert len(written) == 5
    assert written == {name: (TINY / name).read_bytes() for name in written}


def test_no_problem_that_is_measured_is_trained_on() -> None:
    train, test = (
        {item.fields["problem"] for item in read("math_contest", TINY / f"data/math_{n}.jsonl")}
        for n in ("train", "test")
    )
    assert train.isdisjoint(test)


def test_every_kind_is_measured_as_often() -> None:
    assert Counter(item.kind for item in read("math_contest", TINY / "data/math_test.jsonl")) == dict.fromkeys(
        corpus.KINDS, 150
    )


def test_answer_of_every_question_is_a_span_of_its_passage() -> None:
    for item in read("squad_contest", TINY / "data/squad_dev.json"):
        assert item.answers[0] in item.fields["passage"]


@pytest.mark.parametrize("protocol", ["squad_contest", "math_contest"])
def test_tokenizer_knows_every_word(protocol: str) -> None:
    file = {"squad_contest": "squad_dev.json", "math_contest": "math_test.jsonl"}[protocol]
    tokenizer = words.build()
    for item in read(protocol, TINY / "data" / file):
        text = TEMPLATES[protocol].format(**item.fields) + item.answers[0]
        assert words.UNK not in tokenizer.encode(text).ids


def test_solutions_are_right() -> None:
    rng = random.Random(1)
    for _ in range(1000):
        a, op, b, result = corpus.operation(rng)
        assert result == (a + b if op == "+" else a - b) >= 0


def test_base_is_the_model_of_the_recipe() -> None:
    weights = load_file(TINY / "base/base.safetensors")
    assert sum(weight.size for weight in weights.values()) == account(yaml.safe_load(RECIPE.read_text())).total
