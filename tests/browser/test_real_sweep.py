"""The pages of a real sweep, open while its trials run: ``lorasweep start`` beside ``lorasweep ui``."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from sweeps.standing import COLORS
from tests.browser.test_compare import CARDS, colors, css
from tests.serving import status
from tests.short_sweep import write_sweep
from tests.story import Story
from tests.waiting import DEADLINE, until
from trainer.slots import free_port

TRIALS = 2
_KINDS = {"dominated": "feasible"}


@dataclass(frozen=True)
class Shown:
    """A sweep that has begun and the address of the server that shows it.

    Attributes:
        frozen: its trials stand still until this is closed.
    """

    story: Story
    address: str
    frozen: ExitStack

    def document(self) -> dict[str, Any]:
        """What the page is drawn from."""
        answer = requests.get(f"{self.address}/pareto.json", {"sweep": "short"}, timeout=60)
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def shown(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    story = Story(write_sweep(tmp_path_factory.mktemp("real"), trials=TRIALS))
    story.begin()
    story.trains("trial-0000")
    frozen = ExitStack()
    frozen.enter_context(story.frozen())
    port = free_port()
    server = subprocess.Popen(story.argv("ui", "--port", port), env=story.environment(), start_new_session=True)
    try:
        address = f"http://127.0.0.1:{port}"
        until(lambda: status(f"{address}/health") == 200)
        yield Shown(story, address, frozen)
    finally:
        frozen.close()
        server.send_signal(signal.SIGTERM)
        server.wait()
        if story.process is not None and story.process.poll() is None:
            story.run("stop", "short", "--now")
            story.process.wait()


def test_page_opened_before_the_first_trial_ends_shows_every_trial_as_it_ends(
    shown: Shown, opened: Callable[..., Page], screenshots: Path | None
) -> None:
    page = opened(f"{shown.address}/pareto?sweep=short")
    page.wait_for_selector('body[data-points="0"]')
    shown.frozen.close()
    shown.story.trains("trial-0001")
    with shown.story.frozen("trial-0001"):
        page.wait_for_selector('body[data-points="1"]', timeout=DEADLINE * 1000)
    page.wait_for_selector(f'body[data-points="{TRIALS}"]', timeout=DEADLINE * 1000)
    shown.story.end()
    expect(page.locator("#points tbody tr", has_text="knee")).to_have_count(1)
    measured = {f"trial-{trial['number']:04d}": trial["values"] for trial in shown.story.trials()}
    assert {point["name"]: point["values"] for point in shown.document()["points"]} == measured
    if screenshots is not None:
        page.screenshot(path=screenshots / "real_sweep.png", full_page=True)


def test_click_on_the_knee_leads_to_its_run_with_its_loss(shown: Shown, opened: Callable[..., Page]) -> None:
    page = opened(f"{shown.address}/pareto?sweep=short")
    knee = page.locator("#points tbody tr", has_text="knee").locator("th a")
    name = knee.inner_text()
    with page.context.expect_page() as opening:
        knee.click(modifiers=["Control"])
    run = opening.value
    expect(run).to_have_url(re.compile(r"/#/experiments/\d+/runs/[0-9a-f]{32}\?workflowType=machine_learning$"))
    expect(run.get_by_text(name, exact=True).first).to_be_visible()
    expect(run.get_by_text("math_accuracy", exact=True).first).to_be_visible()


def test_download_of_the_knee_is_what_export_writes(shown: Shown, opened: Callable[..., Page]) -> None:
    page = opened(f"{shown.address}/pareto?sweep=short")
    with page.expect_download() as download:
        page.locator("#points tbody tr", has_text="knee").locator("a", has_text="zip").click()
    out = shown.story.runs.parent / "exported"
    shown.story.run("export", "short", "--select", "knee", "--out", out)
    written = {str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()}
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        assert {name.partition("/")[2]: archive.read(name) for name in archive.namelist()} == written


def test_compare_page_that_status_prints_has_our_charts_and_colours(shown: Shown, opened: Callable[..., Page]) -> None:
    # what the page calls dominated is feasible there
    standing = {point["name"]: _KINDS.get(point["kind"], point["kind"]) for point in shown.document()["points"]}
    (address,) = re.findall(r"serves http://127.0.0.1:5000(\S+)", shown.story.run("status", "short"))
    page = opened(shown.address + address, viewport={"width": 1700, "height": 1300})
    for title in [*CARDS, "Parallel Coordinates"]:
        page.get_by_text(title, exact=True).first.wait_for()
    # and the base
    found = colors(page, TRIALS + 1)
    assert {name: found[name] for name in standing} == {name: css(COLORS[kind]) for name, kind in standing.items()}
