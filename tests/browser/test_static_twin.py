"""``pareto.html`` as it is opened from a disk: no server, no network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from sweeps.ledger import Ledger
from sweeps.stores import Stores
from sweeps.study import load_study
from sweeps.ui.document import Links, document
from sweeps.ui.importance import importance
from sweeps.ui.page import static_html
from sweeps.ui.standing import Standing
from tests.browser import made_study
from tests.browser.conftest import FEW, HOSTILE


def twin(folder: Path, **made: Any) -> str:
    """Write the twin of a small sweep; returns its address."""
    config = made_study.make(folder, FEW, **made)
    stores = Stores(folder / "runs")
    study = load_study(config.name, stores.study_url)
    told = document(Standing.of_study(study, Ledger(stores.study_url, config.name)), Links())
    file = folder / "pareto.html"
    file.write_text(static_html(told, importance(study, config)), encoding="utf-8")
    return file.as_uri()


def test_twin_draws_and_works_without_a_server(opened: Callable[..., Page], tmp_path: Path) -> None:
    page = opened(twin(tmp_path))
    page.wait_for_selector("body[data-points]")
    expect(page.locator("#front-chart .trace .point").first).to_be_attached()
    expect(page.locator("#volume-chart .scatterlayer path.js-line")).to_be_attached()
    expect(page.locator("#points tbody tr").first).to_contain_text("front")
    page.select_option("#y", "ratio")
    expect(page.locator("#front-chart .ytitle")).to_have_text("ratio (lower is better)")
    page.locator("#points tbody input").first.check()
    expect(page.locator("#chosen-count")).to_have_text("1 chosen")
    page.click("#importance summary")
    expect(page.locator("#shares meter").first).to_be_visible()
    # there is no server that could give these
    assert page.locator("#points a").count() == 0
    expect(page.locator("#compare-link")).to_be_hidden()
    expect(page.locator("#sweep-label")).to_be_hidden()


def test_twin_does_nothing_that_names_and_values_ask_for(opened: Callable[..., Page], tmp_path: Path) -> None:
    page = opened(twin(tmp_path, configured={HOSTILE: HOSTILE}, measured={HOSTILE: 1.0}))
    page.wait_for_selector("body[data-points]")
    expect(page.locator("#points thead")).to_contain_text(HOSTILE)
    assert page.locator("img").count() == 0
    assert page.evaluate("document.body.dataset.harmed") is None


def test_twin_works_in_the_frame_that_mlflow_shows_artifacts_in(opened: Callable[..., Page], tmp_path: Path) -> None:
    address = twin(tmp_path)
    frame = tmp_path / "frame.html"
    frame.write_text(f'<iframe src="{address}" sandbox="allow-scripts" width="1200" height="900"></iframe>')
    page = opened(frame.as_uri())
    expect(page.frame_locator("iframe").locator("#points tbody tr").first).to_contain_text("front")
