from __future__ import annotations

import dataclasses
import re

from evaluation.score import Score
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


def test_no_name_or_value_is_markup_in_charts_hovers_tables_or_data() -> None:
    """Script and plotly's own markup, by way of everything that a sweep file or a trial names."""
    metric = f"f1{HOSTILE}"
    objectives = [
        OBJECTIVES[1].model_copy(update={"metric": name}) for name in (metric, "<img src=x onerror=alert(1)>")
    ]
    hostile = [
        dataclasses.replace(
            result(number, 0, 0),
            rung=1,
            configuration={HOSTILE: [HOSTILE], "link": '<a href="javascript:alert(1)">x</a>'},
            values={objectives[0].metric: number + 1.0, objectives[1].metric: 2.0 - number},
            scores={metric: Score(number + 1.0, 10, number, number + 2.0)},
            violations={f"{HOSTILE} > 0": float(number)},
            reason=HOSTILE,
        )
        for number in (0, 1)
    ]
    text = html(
        HOSTILE, objectives, hostile, hostile, hostile[0], find_front(hostile, objectives), Halving(rungs=(1, 3))
    )
    body = text[text.index("<body>") :]
    tags = {tag.partition(" ")[0] for tag in re.findall(r"<[a-zA-Z/][^>]*", body)}
    # </script is plotly's own end of its data; inside of these, < is \u003c
    assert tags <= {"<body", "</body", "</html", "<h1", "</h1", "<h2", "</h2", "<p", "</p", "<div", "</div"} | {
        "<script",
        "</script",
        "<table",
        "</table",
        "<tr",
        "</tr",
        "<td",
        "</td",
        "<th",
        "</th",
    }
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", body, flags=re.DOTALL)
    assert scripts
    for script in scripts:
        # what plotly shows as text is escaped once more: it reads <b>, <a> and the like as its own markup
        shown = script.replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u002f", "/")
        assert set(re.findall(r"<(\w+)", shown)) <= {"b", "i", "br"}
