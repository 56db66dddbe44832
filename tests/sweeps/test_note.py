from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from markdown_it import MarkdownIt

from sweeps.config import Objective
from sweeps.note import LENGTH, note
from sweeps.results import Front, Result
from tests.sweeps.made import OBJECTIVES, result

HOSTILE = "a | b\n| <img src=x onerror=alert(1)> [x](javascript:alert(1)) **b** `c` www.evil.example &lt;"


def rendered(results: Sequence[Result], base: Result | None = None) -> list[list[str]]:
    """The cells of the table as a browser shows them, and nothing but text in them."""
    text = note(OBJECTIVES, results, base, Front(tuple(results), results[0] if results else None), "pareto.html")
    tokens = MarkdownIt("commonmark", {"linkify": False}).enable("table").parse(text)
    rows: list[list[str]] = []
    for token, following in pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type in ("th_open", "td_open"):
            children = following.children or []
            assert {child.type for child in children} <= {"text", "text_special"}
            rows[-1].append("".join(child.content for child in children))
    return rows


def test_front_is_a_table_with_the_base_and_the_knee() -> None:
    assert rendered([result(0, 80.0, 0.01, rank=8), result(1, 60.0, 0.001, rank=4)], result(None, 18.0, 0.0)) == [
        ["trial", "", "math_accuracy (maximize)", "ratio (minimize)", "rank"],
        ["", "base", "18", "0", ""],
        ["trial-0000", "knee", "80", "0.01", "8"],
        ["trial-0001", "", "60", "0.001", "4"],
    ]


def test_what_users_wrote_stays_text() -> None:
    header, row = rendered([replace(result(0, 80.0, 0.01), configuration={HOSTILE: HOSTILE})])
    assert header[-1] == row[-1] == " ".join(HOSTILE.split())


def test_nothing_that_a_renderer_could_make_a_link_of_is_left() -> None:
    text = note((Objective(metric="f1", direction="maximize"),), [], None, Front((), None), "pareto.html")
    hostile = note(OBJECTIVES, [], None, Front((result(0, 1.0, 1.0, x="https://e.x me@e.x"),), None), "pareto.html")
    assert not re.search(r"https:|@|e\.x", hostile)
    assert "Trials: none yet." in text


def test_long_front_is_cut_at_a_row_and_says_so() -> None:
    many = [result(number, 80.0, 0.01, target_modules=["wq"] * 20) for number in range(500)]
    text = note(OBJECTIVES, many, None, Front(tuple(many), many[0]), "pareto.html")
    assert LENGTH * 0.9 < len(text) <= LENGTH
    rows = text.count("| trial-")
    assert text.endswith(f"{500 - rows} more do not fit here.")
