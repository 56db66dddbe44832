from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evaluation.em_f1 import em_f1

CONTEST = Path(__file__).parents[3] / "shared/data/contest"
FILES = ("emf1_vectors.json", "emf1_pairs_baseline.json", "emf1_pairs_tuned.json")
needs_data = pytest.mark.skipif(not CONTEST.exists(), reason=f"the real pairs are not there: {CONTEST}")


def pairs(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((CONTEST / name).read_text(encoding="utf-8"))
    return found


@needs_data
@pytest.mark.parametrize("name", FILES)
def test_every_pair_has_the_digits_of_mindformers(name: str) -> None:
    rows = pairs(name)
    assert [em_f1(row["pred"], row["label"]) for row in rows] == [(row["F1"], row["Em"]) for row in rows]
    assert len(rows) == (27 if "vectors" in name else 2067)


@needs_data
def test_means_of_base_llama3_are_those_of_its_real_log() -> None:
    f1, em = zip(*(em_f1(row["pred"], row["label"]) for row in pairs("emf1_pairs_baseline.json")), strict=True)
    assert math.fsum(f1) / 2067 == 59.87023775108988
    assert math.fsum(em) / 2067 == 44.17029511369134


def test_only_the_first_line_of_a_prediction_counts() -> None:
    assert em_f1("\n\n Super Bowl 50 \nThe game was", "Super Bowl 50") == (100.0, 100.0)


def test_label_keeps_all_its_lines() -> None:
    assert em_f1("one", "one\ntwo")[1] == 0.0


def test_common_run_is_contiguous() -> None:
    # 7 segments each with the blanks; " three four" is the longest run, of 4
    assert em_f1("one two three four", "one x three four")[0] == pytest.approx(100 * 4 / 7)


def test_ellipsis_stays_although_mindformers_lists_it() -> None:
    assert em_f1("郑州……", "郑州")[1] == 0.0


def test_blank_before_deleted_punctuation_stays() -> None:
    assert em_f1("- a", "a")[1] == 0.0


def test_sign_is_lost_which_is_why_numbers_are_graded_elsewhere() -> None:
    assert em_f1("-6925.76", "6925.76") == (100.0, 100.0)


def test_jieba_says_nothing_when_it_loads() -> None:
    code = "from evaluation.em_f1 import em_f1; em_f1('loads the dictionary', 'now')"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
