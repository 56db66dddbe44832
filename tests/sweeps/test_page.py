from __future__ import annotations

import dataclasses
import re

from sweeps.page import html
from sweeps.results import Result, find_front
from tests.sweeps.made import OBJECTIVES, result

HOSTILE = "</script><script>alert(1)</script>"


def page(*results: Result) -> str:
    return html("tiny", OBJECTIVES, results, None, find_front(results, OBJECTIVES))


def test_page_loads_nothing_from_elsewhere() -> None:
    tags = re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", page(result(0, 40.0, 0.01)))
    assert tags
    assert not [tag for tag in tags if "src=" in tag or "href=" in tag]


def test_page_shows_every_complete_trial_with_its_values() -> None:
    text = page(result(0, 41.25, 0.01, rank=8), result(1, 60.5, 0.02, rank=16), result(2, 0, 0, state="failed"))
    assert "<td>trial-0000</td><td>front</td><td>41.25</td><td>0.01</td><td>8</td>" in text
    assert "<td>trial-0001</td>" in text
    assert "<td>trial-0002</td>" not in text


def test_names_and_values_from_a_sweep_file_are_no_markup() -> None:
    hostile = dataclasses.replace(result(0, 40.0, 0.01), configuration={HOSTILE: HOSTILE})
    text = html(HOSTILE, OBJECTIVES, [hostile], None, find_front([], OBJECTIVES))
    assert HOSTILE not in text
