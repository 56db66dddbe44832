from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

from sweeps.config import Objective
from sweeps.report.picture import svg
from sweeps.report.texts import Texts
from sweeps.results import Front, Result, find_front
from tests.sweeps.made import OBJECTIVES, result

RED, GREY = "#d62728", "#7f7f7f"
ACCURACY, RATIO = OBJECTIVES
RESULTS = [result(0, 40.0, 0.01), result(1, 60.0, 0.02), result(2, 30.0, 0.02), result(3, 99.0, 0.01, violation=3.0)]


def picture(results: list[Result], base: Result | None = None, y: Objective = ACCURACY) -> str:
    front: Front = find_front(results, OBJECTIVES)
    text = svg(RATIO, y, results, base, front, results[0], Texts("en"))
    ElementTree.fromstring(text)
    return text


def test_front_is_red_the_dominated_grey_and_what_misses_a_gate_hollow() -> None:
    found = re.findall(r"<title>(\S+)</title>\n<circle [^>]*fill=\"(\S+)\" stroke=\"(\S+)\"/>", picture(RESULTS))
    assert found == [
        ("trial-0000", RED, RED),
        ("trial-0001", RED, RED),
        ("trial-0002", GREY, GREY),
        ("trial-0003", "#fff", GREY),
    ]


def test_selected_one_is_ringed() -> None:
    ringed = re.findall(r"<title>(\S+)</title>\n<circle [^>]*/>\n<circle ", picture(RESULTS))
    assert ringed == ["trial-0000"]


def test_better_ratio_lies_left_and_better_accuracy_above() -> None:
    at = {name: (float(x), float(y)) for name, x, y in re.findall(
        r"<title>(\S+)</title>\n<circle cx=\"(\S+)\" cy=\"(\S+)\" r=\"5\"", picture(RESULTS)
    )}  # fmt: skip
    assert at["trial-0000"][0] < at["trial-0001"][0]
    assert at["trial-0000"][1] > at["trial-0001"][1]


def test_points_that_are_all_the_same_are_shown() -> None:
    assert picture([result(0, 0.0, 0.0), result(1, 0.0, 0.0)]).count('r="5"') == 2


def test_base_is_shown_where_it_has_both_values() -> None:
    base = result(None, 10.0, 0.0)
    assert "<polygon" in picture(RESULTS, base)
    assert "<polygon" not in picture(RESULTS, replace(base, values={"ratio": 0.0}))
