"""A browser that may not leave this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

# milliseconds; a machine may be busy
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        # its sandbox does not work for root
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open an address in a new window; at the test's end no request may have gone elsewhere, and no script failed."""
    astray: list[str] = []
    errors: list[str] = []

    def stay(route: Route) -> None:
        if route.request.url.startswith(("http://127.0.0.1:", "file://")):
            route.continue_()
        else:
            astray.append(route.request.url)
            route.abort()

    def open_page(address: str, **settings: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-US", **settings})
        context.route("**/*", stay)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        return page

    yield open_page
    for context in browser.contexts:
        context.close()
    assert astray == []
    assert errors == []


@pytest.fixture(scope="session")
def screenshots() -> Path | None:
    """Give the folder for screenshots, if they are wanted: LORASWEEP_SCREENSHOTS."""
    folder = os.environ.get("LORASWEEP_SCREENSHOTS")
    if not folder:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder)
