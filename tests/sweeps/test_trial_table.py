"""Tables of trials in terminals of every width: values and parameters stay whole, whatever else goes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from sweeps.results import Result, find_front
from sweeps.view import front_table, results_table
from tests.sweeps.made import OBJECTIVES, result

WIDTHS = range(40, 201)
CONFIGURATION: dict[str, Any] = {
    "learning_rate": 0.002734,
    "lora_rank": 4,
    "target_modules": ["wq", "wk", "wv", "wo"],
    "data": "训练集",
}
RESULTS = [
    result(0, 97.33, 0.01816, **CONFIGURATION),
    result(1, 64.21, 0.003405, **CONFIGURATION),
    result(2, 61.07, 0.07944, violation=1.0, **CONFIGURATION),
]
BASE = result(None, 18.28, 0.0)
LOW, HIGH = "[92.33, 102.3]", "[59.21, 69.21]"


def front(width: int, results: Sequence[Result] = RESULTS) -> str:
    return drawn(front_table(find_front(results, OBJECTIVES), OBJECTIVES, BASE), width)


def status(width: int, results: Sequence[Result] = RESULTS) -> str:
    return drawn(results_table(results, BASE, OBJECTIVES, find_front(results, OBJECTIVES)), width)


def drawn(table: object, width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(table)
    return file.getvalue()


def test_every_value_and_every_parameter_is_whole_at_any_width() -> None:
    for width in WIDTHS:
        for text in (front(width), status(width)):
            for value in ("trial-0001", "97.33", "0.01816", "64.21", "0.003405", "18.28", "knee", "front"):
                assert value in text, width
            for setting in ("learning_rate=0.002734", "lora_rank=4", "target_modules=wq,wk,wv,wo", "data=训练集"):
                assert text.count(setting) >= 2, width
            assert "…" not in text, width
            assert max(map(cell_len, text.splitlines())) <= width
        assert "61.07" in status(width), width


def test_intervals_are_whole_or_none_is_there_and_it_says_how_wide_it_must_be() -> None:
    for width in WIDTHS:
        text = front(width)
        assert (LOW in text) == (HIGH in text) == ("In brackets: 95 % intervals." in text), width
        assert ("[" not in text) == ("95 % intervals: from " in text), width
    without = next(text for text in map(front, WIDTHS) if "[" not in text)
    wider = int(without.split("intervals: from ")[1].split()[0])
    assert LOW in front(wider)
    assert LOW not in front(wider - 1)


def test_of_a_narrow_terminal_each_trial_is_a_record() -> None:
    lines = [line.rstrip() for line in front(50).splitlines()]
    assert lines[lines.index("trial-0000  knee") :][:5] == [
        "trial-0000  knee",
        "  math_accuracy  97.33 [92.33, 102.3]",
        "  ratio          0.01816",
        "  learning_rate=0.002734  lora_rank=4",
        "  target_modules=wq,wk,wv,wo  data=训练集",
    ]
    assert "math_accuracy (max)  ratio (min)" in lines


def test_a_wide_terminal_has_value_and_interval_on_one_line() -> None:
    assert f"97.33 {LOW} │     0.01816 │ learning_rate=0.002734" in front(160)


@pytest.mark.parametrize("width", [40, 80, 160])
def test_of_a_parameter_wider_than_the_terminal_nothing_is_lost(width: int) -> None:
    text = front(width, [result(0, 60.0, 0.01, note="0123456789" * 30)])
    assert "note=" + "0123456789" * 30 in "".join(text.split())


@pytest.mark.parametrize("width", [40, 80, 160])
def test_a_reason_is_there_to_its_end_and_steers_no_terminal(width: int) -> None:
    failed = replace(
        result(3, 0.0, 0.0, state="failed", lora_rank=4), reason="RuntimeError: [red]port\x1b[2J " + "x" * 99
    )
    words = "".join(status(width, [*RESULTS, failed]).replace("│", "").split())
    assert "[red]port\ufffd[2J" in words
    assert "x" * 99 in words


def test_an_empty_front_is_an_empty_table() -> None:
    assert "base" in drawn(front_table(find_front([], OBJECTIVES), OBJECTIVES, BASE), 60)
    assert "configuration" in drawn(front_table(find_front([], OBJECTIVES), OBJECTIVES, None), 80)
