"""The live page on a real server: a generated sweep of 1,000 trials, and small ones."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, Route, expect

from sweeps.stores import Stores
from tests.browser import made_study
from tests.browser.conftest import FEW, HOSTILE, TRIALS, Site

Opened = Callable[..., Page]
_AT = """
([name, metrics]) => {
  const chart = document.getElementById("front-chart"), layout = chart._fullLayout, box = chart.getBoundingClientRect();
  const at = (axis, value) => axis._offset + axis.l2p(value);
  for (const trace of chart.data) {
    const i = (trace.hovertext || []).findIndex((text) => text.startsWith(`<b>${name}</b>`));
    if (i >= 0) return [box.x + at(layout.xaxis, trace.x[i]), box.y + at(layout.yaxis, trace.y[i])];
  }
}
"""
_NAMES = """
() => [...document.querySelectorAll("a, button, input, select, summary, [role=group], [role=region]")].filter(
  (e) => e.checkVisibility()).map((e) => {
  const named = e.getAttribute("aria-labelledby")?.split(" ").map((id) => document.getElementById(id).textContent);
  const labels = [...(e.labels || [])].map((label) => label.querySelector("span").textContent);
  return e.ariaLabel || (named || labels).join("") || e.textContent;
})
"""


def document(site: Site, sweep: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{site.address}/pareto.json", {"sweep": sweep}, timeout=60).json()
    return found


def opened_sweep(opened: Opened, site: Site, sweep: str, points: int | None = None, **settings: Any) -> Page:
    page = opened(f"{site.address}/pareto?sweep={sweep}", **settings)
    drawn = "body[data-points]" if points is None else f'body[data-points="{points}"]'
    page.wait_for_selector(drawn)
    return page


def test_page_draws_every_point_and_says_how_many(opened: Opened, site: Site, screenshots: Path | None) -> None:
    told = document(site, "short")
    page = opened_sweep(opened, site, "short", len(told["points"]))
    on_front = sum(point["kind"] == "front" for point in told["points"])
    assert page.locator("#front-chart .trace .point").count() >= len(told["points"])
    expect(page.locator("#status")).to_contain_text(f"On the front: {on_front}.")
    expect(page.locator("#front-chart .xtitle")).to_have_text("math_accuracy (higher is better)")
    expect(page.locator("#front-chart .annotation-text")).to_have_text("f1 >= 0.5 * base.f1")
    expect(page.locator("#rungs-chart .xtitle")).to_contain_text("rung")
    # of plotly's own buttons, none that would send the chart anywhere
    assert not [
        name
        for name in page.locator(".modebar-btn").evaluate_all("all => all.map(b => b.dataset.title)")
        if "hare" in name
    ]
    if screenshots is not None:
        for row in (1, 3):
            page.locator("#points tbody input").nth(row).check()
        page.locator("#importance summary").click()
        expect(page.locator("#shares meter")).to_have_count(9)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=screenshots / f"whole_page_{scheme}.png", full_page=True)
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=screenshots / f"page_{scheme}.png")


def test_choosing_objectives_draws_these(opened: Opened, site: Site) -> None:
    page = opened_sweep(opened, site, "short")
    page.select_option("#x", "ratio")
    page.check("#x-log")
    expect(page.locator("#front-chart .xtitle")).to_have_text("ratio (lower is better)")
    assert page.evaluate("document.getElementById('front-chart')._fullLayout.xaxis.type") == "log"
    page.select_option("#z", "math_accuracy")
    page.wait_for_selector("#front-chart canvas", state="attached")
    assert page.evaluate("document.getElementById('front-chart').data[0].type") == "scatter3d"


def test_a_click_on_a_point_opens_its_run(opened: Opened, site: Site) -> None:
    told = document(site, "short")
    page = opened_sweep(opened, site, "short")
    (knee,) = (point for point in told["points"] if point["knee"])
    run = next(trial["run"] for trial in told["trials"] if trial["number"] == knee["trial"])
    at = page.evaluate(_AT, [knee["name"], ["math_accuracy", "f1"]])
    page.mouse.move(*at)
    expect(page.locator("#front-chart .hoverlayer .hovertext")).to_contain_text(knee["name"])
    with page.context.expect_page() as opening:
        page.mouse.click(*at)
    expect(opening.value).to_have_url(
        re.compile(rf"/#/experiments/{told['experiment']}/runs/{run}\?workflowType=machine_learning$")
    )
    link = page.locator("#points tbody tr").first.locator("th a")
    assert (
        link.get_attribute("href") == f"./#/experiments/{told['experiment']}/runs/{run}?workflowType=machine_learning"
    )


def test_page_follows_a_trial_that_ends(opened: Opened, site: Site) -> None:
    before = len(document(site, "live")["points"])
    page = opened_sweep(opened, site, "live", before)
    made_study.end_a_trial(Stores(site.folder / "runs").study_url, "live")
    page.wait_for_selector(f'body[data-points="{before + 1}"]')
    page.select_option("#shown", "all")
    page.locator("#points thead button", has_text="trial").click()
    page.locator("#points thead button", has_text="trial").click()
    expect(page.locator("#points tbody tr").first).to_contain_text(f"trial-{FEW:04d}@1")


def test_page_stays_live_however_long_its_scripts_took_to_arrive(opened: Opened, site: Site) -> None:
    page = opened("about:blank")
    page.clock.install()
    held: list[Route] = []
    page.route("**/plotly.js*", lambda route: held.append(route))
    with page.expect_response("**/pareto.json*") as answer:
        page.goto(f"{site.address}/pareto?sweep=live", wait_until="commit")
    answer.value.finished()
    page.clock.fast_forward("10:00")
    held.pop().continue_()
    page.wait_for_selector("body[data-points]")
    with page.expect_request("**/pareto.json*"):
        pass


def test_importance_that_is_being_computed_or_cannot_be_is_said_to_be(opened: Opened, site: Site) -> None:
    page = opened_sweep(opened, site, "live")
    said: list[str] = []

    def refuse(route: Route) -> None:
        said.append(page.locator("#importance-help").inner_text())
        route.fulfill(status=503, json={"error": "the disk is full"})

    page.route("**/importance.json*", refuse)
    page.click("#importance summary")
    expect(page.locator("#importance-help")).to_have_text("the disk is full")
    assert said == ["Computing …"]


def test_download_is_what_export_writes(
    opened: Opened, site: Site, cli: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    page = opened_sweep(opened, site, "short")
    page.locator("#points thead button", has_text="trial").click()
    with page.expect_download() as download:
        page.locator("#points tbody tr", has=page.locator("th", has_text=re.compile("^trial-0000$"))).locator(
            "a", has_text="zip"
        ).click()
    last = made_study.STEPS[-1]
    selection = f"trial:0@{last}"
    code, _, error = cli(
        "export", "short", "--select", selection, "--runs", site.folder / "runs", "--out", tmp_path / "out"
    )
    assert code == 0, error
    written = {
        str(file.relative_to(tmp_path / "out")): file.read_bytes()
        for file in (tmp_path / "out").rglob("*")
        if file.is_file()
    }
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        # in one folder, so that two of them can be unpacked in one place
        assert {name.removeprefix("short-trial-0000/"): archive.read(name) for name in archive.namelist()} == written
        assert archive.getinfo("short-trial-0000/launch.sh").external_attr >> 16 & 0o111


def test_chosen_trials_stand_side_by_side_with_what_differs(opened: Opened, site: Site) -> None:
    page = opened_sweep(opened, site, "live")
    names = [page.locator("#points tbody tr").nth(i).locator("th").inner_text() for i in range(2)]
    for i in range(2):
        page.locator("#points tbody input").nth(i).check()
    heads = page.locator("#difference tr").first.locator("th").all_inner_texts()
    assert sorted(heads) == sorted(names)
    rows = page.locator("#difference tr").all()[4:]
    for row in rows:
        left, right = row.locator("td").all_inner_texts()
        assert left != right
    page.click("#clear")
    expect(page.locator("#difference")).to_be_hidden()


def test_box_in_the_chart_chooses_what_is_in_it(opened: Opened, site: Site) -> None:
    points = len(document(site, "live")["points"])
    page = opened_sweep(opened, site, "live")
    # the chart is made anew with other words
    page.select_option("#language", "zh")
    page.select_option("#language", "en")
    page.evaluate("Plotly.relayout('front-chart', {dragmode: 'select'})")
    box = page.locator("#front-chart .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 1, box["y"] + 1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + box["height"] - 1, steps=5)
    page.mouse.up()
    expect(page.locator("#chosen-count")).to_have_text(f"{points} chosen")


def test_names_and_values_of_users_are_text_only(opened: Opened, site: Site) -> None:
    page = opened_sweep(opened, site, "hostile")
    page.select_option("#y", HOSTILE)
    page.select_option("#rung-metric", index=0)
    for i in range(2):
        page.locator("#points tbody input").nth(i).check()
    page.click("#importance summary")
    page.wait_for_selector("#shares table")
    page.locator("#front-chart").scroll_into_view_if_needed()
    at = page.evaluate(_AT, [page.locator("#points tbody th").first.inner_text(), []])
    page.mouse.move(*at)
    expect(page.locator("#front-chart .hoverlayer .hovertext")).to_contain_text("<img src=x")
    expect(page.locator("#points thead")).to_contain_text(HOSTILE)
    assert page.locator("img").count() == 0
    assert page.evaluate("document.body.dataset.harmed") is None
    there_is_none = opened(f"{site.address}/pareto?sweep=%3Cimg%20src%3Dx%3E")
    expect(there_is_none.locator("#problem")).to_contain_text("<img src=x>")
    assert there_is_none.locator("img").count() == 0
    expect(there_is_none.locator("#sweeps a")).to_have_text(["hostile", "live", "short"])
    expect(there_is_none.locator("#status")).to_have_text("")


def test_keyboard_alone_sorts_and_chooses(opened: Opened, site: Site) -> None:
    page = opened_sweep(opened, site, "live")
    page.focus("#next")
    # the disabled button next to it is passed over
    page.locator("#points thead button", has_text="ratio").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "sort-metric ratio"
    assert page.locator("#points thead th[aria-sort=ascending]").inner_text().startswith("ratio")
    shown = page.locator("#points tbody tr td:nth-child(7)").all_inner_texts()
    assert [float(value) for value in shown] == sorted(map(float, shown))
    box = page.locator("#points tbody input").first
    box.focus()
    page.keyboard.press("Space")
    expect(page.locator("#chosen-count")).to_have_text("1 chosen")
    assert page.evaluate("document.activeElement.id") == box.get_attribute("id")


@pytest.mark.parametrize("link", ["th a", "td a"])
def test_focus_stays_on_a_link_that_is_drawn_anew(opened: Opened, site: Site, link: str) -> None:
    page = opened_sweep(opened, site, "short")
    page.locator("#points tbody tr").locator(link).first.focus()
    stood = page.evaluate("document.activeElement.id")
    assert stood
    page.emulate_media(color_scheme="dark")
    expect(page.locator("#front-chart .main-svg").first).to_have_css("background-color", "rgb(13, 17, 23)")
    assert page.evaluate("document.activeElement.id") == stood


def test_from_a_sweep_there_is_a_way_to_another_and_to_mlflow(opened: Opened, site: Site) -> None:
    told = document(site, "short")
    page = opened_sweep(opened, site, "short")
    expect(page.locator("#compare-link")).to_have_attribute("href", f".{told['compare']}")
    with page.context.expect_page() as opening:
        page.click("#compare-link")
    expect(opening.value.get_by_text("trial-0001", exact=True).first).to_be_visible()
    expect(page.locator("#sweep-choice option")).to_have_text(["hostile", "live", "short"])
    expect(page.locator("#sweep-choice")).to_have_value("short")
    page.select_option("#sweep-choice", "live")
    expect(page.locator("#sweep")).to_have_text("live")
    # its runs are in no MLflow
    expect(page.locator("#compare-link")).to_be_hidden()


def test_every_control_has_a_name(opened: Opened, site: Site) -> None:
    page = opened_sweep(opened, site, "live")
    for i in range(2):
        page.locator("#points tbody input").nth(i).check()
    names = page.evaluate(_NAMES)
    assert len(names) > 30
    assert all(name.strip() for name in names)


def test_chinese_is_spoken_where_the_browser_asks_for_it_and_by_the_switch(opened: Opened, site: Site) -> None:
    page = opened_sweep(opened, site, "live", locale="zh-CN")
    expect(page.locator("#front-title")).to_have_text("前沿")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    page.select_option("#language", "en")
    expect(page.locator("#front-title")).to_have_text("Front")


def test_dark_where_the_system_is(opened: Opened, site: Site) -> None:
    page = opened_sweep(opened, site, "live", color_scheme="dark")
    assert page.evaluate("document.getElementById('front-chart')._fullLayout.paper_bgcolor") == "#0d1117"


def test_what_did_not_change_is_not_sent_again(site: Site) -> None:
    address = f"{site.address}/pareto.json?sweep=short"
    first = requests.get(address, timeout=60)
    assert len(first.json()["trials"]) == TRIALS
    again = requests.get(address, headers={"If-None-Match": first.headers["ETag"]}, timeout=60)
    assert (again.status_code, again.content) == (304, b"")
