"""Write the tiny model's tokenizer and data sets: ``python -m trainer.tiny.generate``, always the same files."""

from __future__ import annotations

import json
import random
from pathlib import Path

from trainer.tiny import corpus, words

HERE = Path(__file__).parent
TOKENIZER, DATA = HERE / "tokenizer", HERE / "data"
SEED = 2024
TRAIN, TEST, QUESTIONS = 2400, 600, 600  # problems to train on, problems and passages to measure on


def main() -> None:
    """Write all files."""
    rng = random.Random(SEED)
    DATA.mkdir(exist_ok=True)
    seen: set[str] = set()
    # the test set first: what it holds is then left out of the training set
    _write_problems(DATA / "math_test.jsonl", problems(rng, TEST, seen))
    _write_problems(DATA / "math_train.jsonl", problems(rng, TRAIN, seen))
    (DATA / "squad_dev.json").write_text(json.dumps(squad(rng, QUESTIONS), indent=1) + "\n", encoding="utf-8")
    words.save(TOKENIZER)


def problems(rng: random.Random, count: int, seen: set[str]) -> list[corpus.Problem]:
    """Draw ``count`` problems, as many of each kind, none whose text is in ``seen``; adds them to it."""
    drawn = []
    for i in range(count):
        kind = corpus.KINDS[i % len(corpus.KINDS)]
        while (problem := corpus.problem(rng, kind)).problem in seen:
            pass
        seen.add(problem.problem)
        drawn.append(problem)
    return drawn


def squad(rng: random.Random, count: int) -> dict[str, object]:
    """Draw ``count`` passages of three facts with one question each, in SQuAD v1.1's structure."""
    paragraphs = []
    for i in range(count):
        facts = corpus.passage(rng, 3)
        asked = rng.choice(facts)
        context = " ".join(fact.sentence for fact in facts)
        start = context.index(asked.sentence) + asked.sentence.index(asked.answer)
        answer = {"text": asked.answer, "answer_start": start}
        paragraphs.append(
            {"context": context, "qas": [{"id": f"{i}", "question": asked.question, "answers": [answer]}]}
        )
    return {"version": "1.1", "data": [{"title": "lorasweep tiny", "paragraphs": paragraphs}]}


def _write_problems(file: Path, drawn: list[corpus.Problem]) -> None:
    lines = [
        json.dumps({"problem": p.problem, "solution": p.solution, "kind": p.kind}, ensure_ascii=False) for p in drawn
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
