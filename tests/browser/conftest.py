"""A real browser that reaches nothing but this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

_SCREENSHOTS = "LORASWEEP_SCREENSHOTS"


class Visit:
    """One page of a fresh profile.

    Attributes:
        outside: addresses off this machine that were asked for; none of them was reached.
        faults: what the page's scripts said went wrong.
    """

    def __init__(self, page: Page) -> None:
        self.page, self.outside, self.faults = page, list[str](), list[str]()
        page.route("**/*", self._pass)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def _pass(self, route: Route) -> None:
        if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def picture(self, name: str) -> None:
        """Keep a screenshot where the environment names a folder for them."""
        folder = os.environ.get(_SCREENSHOTS)
        if folder:
            self.page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("no browser: chromium is not on the PATH")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1700, "height": 1300})
    context.set_default_timeout(60_000)
    yield Visit(context.new_page())
    context.close()
