from __future__ import annotations

import dataclasses
import re

from sweeps.fidelity import Halving
from sweeps.page import html
from sweeps.results import Result, find_front
from sweeps.rungs_chart import rungs_chart
from tests.sweeps.made import OBJECTIVES, result

HOSTILE = "</script><script>alert(1)</script>"


def page(*results: Result) -> str:
    measured = [r for r in results if r.values]
    return html("tiny", OBJECTIVES, results, measured, None, find_front(results, OBJECTIVES))


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
    text = html(HOSTILE, OBJECTIVES, [hostile], [hostile], None, find_front([], OBJECTIVES))
    assert HOSTILE not in text


def test_rungs_picture_ends_each_trials_line_where_it_stopped() -> None:
    stopped = dataclasses.replace(result(0, 20.0, 0.01), state="stopped", rung=1)
    below = dataclasses.replace(result(1, 30.0, 0.02), state="stopped", rung=1)
    above = dataclasses.replace(result(1, 50.0, 0.02), rung=3)
    figure = rungs_chart(
        Halving(rungs=(1, 3)), OBJECTIVES[0], [stopped, above], [stopped, below, above], find_front([above], OBJECTIVES)
    )
    lines = {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data}
    assert lines["stopped (1)"] == (["1", None], [20.0, None])
    assert lines["on the front (1)"] == (["1", "3", None], [30.0, 50.0, None])
