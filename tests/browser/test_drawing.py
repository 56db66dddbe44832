"""What the page draws of documents made for one fact each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sweeps.ui.page import static_html

GATE = {"text": "f1 >= 50", "metric": "f1", "at_least": True, "bound": 50.0}
Drawn = Callable[..., Page]


def trial(number: int, state: str = "complete", **configuration: object) -> dict[str, Any]:
    name = f"trial-{number:04d}"
    return {
        "number": number,
        "name": name,
        "state": state,
        "run": None,
        "imported": False,
        "configuration": configuration,
    }


def point(number: int, kind: str, accuracy: float, f1: float, ratio: float, **changed: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"trial": number, "rung": 1, "name": f"trial-{number:04d}@1", "select": f"trial:{number}@1"}
    values = {"accuracy": accuracy, "f1": f1, "ratio": ratio}
    return made | {"kind": kind, "knee": False, "values": values, "intervals": {}, "missed": []} | changed


def document(trials: list[dict[str, Any]], points: list[dict[str, Any]], **changed: Any) -> dict[str, Any]:
    directions = {"accuracy": "maximize", "f1": "maximize", "ratio": "minimize"}
    made = {
        "format": 1,
        "sweep": "made",
        "unit": "epochs",
        "rungs": [1, 3],
        "objectives": [{"metric": metric, "direction": direction} for metric, direction in directions.items()],
        "metrics": list(directions),
        "parameters": list(dict.fromkeys(name for one in trials for name in one["configuration"])),
        "gates": [GATE],
        "base": {"values": {"accuracy": 20.0, "f1": 80.0, "ratio": 0.0}, "intervals": {}},
        "counts": {"complete": len(trials)},
        "experiment": None,
        "trials": trials,
        "points": points,
        "hypervolume": [],
    }
    return made | changed


TRIALS = [trial(0, rate=0.00300001, rank=8), trial(1, rate=0.00300002, rank=8), trial(2, rate=0.1, rank=8)]
POINTS = [
    point(0, "front", 90.0, 70.0, 0.01, knee=True),
    point(1, "front", 60.0, 75.0, 0.02),
    point(2, "infeasible", 95.0, 40.0, 0.04, missed=["f1 >= 50"]),
]


@pytest.fixture
def drawn(opened: Callable[..., Page], tmp_path: Path) -> Drawn:
    def draw(told: dict[str, Any], **settings: Any) -> Page:
        file = tmp_path / "page.html"
        shares: dict[str, Any] = {"rung": None, "trials": 0, "objectives": []}
        file.write_text(static_html(told, shares), encoding="utf-8")
        page = opened(file.as_uri(), **settings)
        page.wait_for_selector("body[data-points]")
        return page

    return draw


def test_the_gate_that_a_trial_misses_is_named_wherever_the_trial_is(drawn: Drawn) -> None:
    page = drawn(document(TRIALS, POINTS))
    row = page.locator("#points tbody tr", has_text="trial-0002@1")
    expect(row.locator(".kind")).to_contain_text("f1 >= 50")
    row.locator("input").check()
    expect(page.locator("#difference .kind")).to_contain_text("f1 >= 50")
    hovers = page.evaluate("document.getElementById('front-chart').data.flatMap((trace) => trace.hovertext || [])")
    assert [text.startswith("<b>trial-0002@1</b><br>misses f1 &gt;= 50<br>") for text in hovers].count(True) == 1


def test_values_that_differ_in_their_last_digits_are_told_apart(drawn: Drawn) -> None:
    page = drawn(document(TRIALS, POINTS))
    for name in ("trial-0000@1", "trial-0001@1"):
        page.locator("#points tbody tr", has_text=name).locator("input").check()
    expect(page.locator("#difference tr", has_text="rate").locator("td")).to_have_text(["0.00300001", "0.00300002"])
    expect(page.locator("#difference tr", has_text="rank")).to_have_count(0)
    page.click("#same-count")
    expect(page.locator("#same-values tr")).to_have_text(["rank8"])


def test_what_has_no_place_on_a_log_axis_is_said_and_spoils_no_range(drawn: Drawn) -> None:
    gate = {"text": "ratio <= 0 * base.ratio", "metric": "ratio", "at_least": False, "bound": 0.0}
    page = drawn(document(TRIALS, [*POINTS, point(2, "dominated", 10.0, 60.0, 0.0)], gates=[gate]))
    page.select_option("#x", "ratio")
    expect(page.locator("#front-off")).to_be_hidden()
    page.check("#x-log")
    expect(page.locator("#front-off")).to_contain_text("base, trial-0002@1, gate ratio <= 0 * base.ratio")
    low, high = page.evaluate("document.getElementById('front-chart')._fullLayout.xaxis.range")
    assert -3 < low < high < 0


def test_the_knee_is_in_the_legend(drawn: Drawn) -> None:
    page = drawn(document(TRIALS, POINTS))
    expect(page.locator("#front-chart .legendtext", has_text="knee")).to_have_count(1)
    expect(page.locator("#front-chart .legendtext", has_text="front (2)")).to_have_count(1)
    page.select_option("#z", "ratio")
    expect(page.locator("#front-chart .legendtext", has_text="knee")).to_have_count(1)
    expect(page.locator("#front-chart .legendtext", has_text="f1 >= 50")).to_have_count(1)


def test_help_says_only_what_is_there(drawn: Drawn) -> None:
    page = drawn(document(TRIALS, POINTS))
    help_text = page.locator("#front-help")
    expect(help_text).to_contain_text("Dashed: gates.")
    # there is no server whose runs could be opened
    expect(help_text).not_to_contain_text("MLflow")
    page.select_option("#z", "ratio")
    expect(help_text).to_contain_text("Dashed frames: gates. Drag to turn")
    for absent in ("The line", "shaded", "Dashed: ", "lasso"):
        expect(help_text).not_to_contain_text(absent)


def test_only_what_stopped_counts_as_stopped(drawn: Drawn) -> None:
    states = ["stopped", "cancelled", "waiting", "running", "failed"]
    trials = [trial(number, state) for number, state in enumerate(states)]
    page = drawn(document(trials, [point(number, "dominated", 50.0, 60.0, 0.01) for number in range(len(trials))]))
    legend = page.locator("#rungs-chart .legendtext")
    expect(legend).to_have_count(len(states))
    assert set(legend.all_text_contents()) == {f"{state} (1)" for state in states}


def test_before_anything_is_measured_the_charts_say_so(drawn: Drawn) -> None:
    page = drawn(document([], [], base=None))
    for chart in ("front", "volume", "rungs"):
        expect(page.locator(f"#{chart}-chart .annotation-text")).to_have_text("nothing measured yet")
        expect(page.locator(f"#{chart}-chart .xtick")).to_have_count(0)


def test_chinese_page_speaks_no_english(drawn: Drawn) -> None:
    page = drawn(document(TRIALS, POINTS), locale="zh-CN")
    expect(page.locator("#status")).to_have_text("试验：完成 3 个。前沿上：2。拐点：trial-0000@1。")
    buttons = page.locator(".modebar-btn")
    expect(page.locator("#front-chart .modebar-btn", has=page.locator("path"))).not_to_have_count(0)
    assert [name for name in buttons.evaluate_all("all => all.map(b => b.dataset.title)") if name.isascii()] == []
    expect(page.locator("#front-chart .xtitle")).to_have_text("accuracy（越高越好）")


def test_on_a_phone_names_stay_in_sight_and_buttons_hide_no_legend(drawn: Drawn) -> None:
    many = {f"parameter_{i}": 0.5 for i in range(20)}
    page = drawn(
        document([trial(n, "complete", **many) for n in range(3)], POINTS), viewport={"width": 390, "height": 800}
    )
    page.locator("#points thead th").last.scroll_into_view_if_needed()
    assert page.evaluate("document.getElementById('points').parentElement.scrollLeft") > 0
    name = page.locator("#points tbody th").first.bounding_box()
    assert name is not None
    assert name["x"] >= 0
    bar, legend = (page.locator(f"#front-chart {part}").bounding_box() for part in (".modebar", ".legend"))
    assert bar is not None
    assert legend is not None
    assert bar["y"] + bar["height"] <= legend["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
