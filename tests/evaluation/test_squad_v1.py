from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.squad_v1 import squad_v1

VECTORS = Path(__file__).parents[3] / "shared/data/contest/emf1_vectors.json"


@pytest.mark.skipif(not VECTORS.exists(), reason=f"the vectors are not there: {VECTORS}")
def test_every_vector_has_the_digits_of_the_official_script() -> None:
    rows = json.loads(VECTORS.read_text(encoding="utf-8"))
    assert [squad_v1(row["pred"], [row["label"]]) for row in rows] == [(r["squad_f1"], r["squad_em"]) for r in rows]


def test_case_articles_and_punctuation_do_not_count() -> None:
    assert squad_v1("The  Denver-Broncos!", ["denverbroncos"]) == (100.0, 100.0)


def test_word_that_is_repeated_counts_as_often_as_the_answer_has_it() -> None:
    assert squad_v1("x x x y", ["x z"])[0] == pytest.approx(100 * 2 * (1 / 4) * (1 / 2) / (3 / 4))


def test_best_answer_counts_for_each_of_both_values() -> None:
    assert squad_v1("Denver Broncos", ["Carolina", "the Denver Broncos", "Denver"]) == (100.0, 100.0)


def test_whole_prediction_counts() -> None:
    assert squad_v1("Denver\nand more", ["Denver"])[1] == 0.0


def test_no_answers_are_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        squad_v1("Denver", [])
