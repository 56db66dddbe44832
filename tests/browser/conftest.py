"""A real server on made sweeps, and a browser that may not leave this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from sweeps.server import Server
from sweeps.stores import Stores
from sweeps.ui.importance import FEWEST
from tests.browser import made_study
from tests.serving import running
from trainer.slots import free_port

# milliseconds; a machine may be busy
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
# few, but enough to tell which parameters matter
TRIALS, FEW = 1000, FEWEST
HOSTILE = "</script><img src=x onerror=\"document.body.dataset.harmed = 'yes'\"><b>{0}</b>"


@dataclass(frozen=True)
class Site:
    """Where the made sweeps lie and are served: ``short`` (large, one trial with files), ``live``, ``hostile``."""

    folder: Path
    address: str


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    made_study.make(folder, FEW, name="live")
    made_study.make(folder, FEW, name="hostile", configured={HOSTILE: HOSTILE}, measured={HOSTILE: 1.0})
    made_study.make(folder, TRIALS)
    made_study.write_files(folder, 0, made_study.STEPS[-1])
    stores = Stores(folder / "runs")
    shutil.copy(mlflow_database, stores.root / "mlflow.db")
    made_study.make_runs(stores.root / "mlflow.db", stores.artifacts, "short", TRIALS)
    with running(Server.plan(stores, "127.0.0.1", free_port(), (), {})) as address:
        yield Site(folder, address)


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
