"""How long the Pareto page takes: ``python -m tests.benchmarks.pareto_page [TRIALS ...]``, 1,000 and 10,000 by default.

Starts a real server on a made sweep and a real browser. Prints wall time, and beside it the time that the server's or
the browser's processes computed, which other work on the machine hardly changes.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests
from mlflow.tracking import MlflowClient
from playwright.sync_api import Browser, sync_playwright

from sweeps.server import Server
from sweeps.stores import Stores
from tests.browser import made_study
from tests.serving import running
from trainer.slots import free_port


@contextmanager
def timed(what: str, process: psutil.Process) -> Iterator[None]:
    """Print how long the block takes, and what ``process`` and its children compute meanwhile."""
    before, began = _computed(process), time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.2f} s, computing {_computed(process) - before:.2f} s", flush=True)


def _computed(process: psutil.Process) -> float:
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return sum(t.user + t.system for t in times)


def measure(trials: int, browser: Browser) -> None:
    """Print the times of a sweep of so many trials."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made_study.make(folder, trials)
        stores = Stores(folder / "runs")
        MlflowClient(stores.tracking_uri).search_experiments()
        made_study.make_runs(stores.root / "mlflow.db", stores.artifacts, "short", trials)
        port = free_port()
        with running(Server.plan(stores, "127.0.0.1", port, (), {})) as address:
            listening = {
                c.pid for c in psutil.net_connections() if c.status == "LISTEN" and tuple(c.laddr)[1:] == (port,)
            }
            server = psutil.Process(listening.pop())
            tag = ""
            for what in ("first", "again, built anew", "again, unchanged"):
                if what == "again, built anew":
                    made_study.end_a_trial(stores.study_url, "short")
                headers = {"If-None-Match": tag} if what == "again, unchanged" else {}
                with timed(f"{trials} trials, JSON {what}", server):
                    tag = _fetch(f"{address}/pareto.json", headers)
            with timed(f"{trials} trials, importance", server):
                _fetch(f"{address}/pareto/importance.json", {})
            # the browser is a child of Playwright's process, which is one of ours
            for what in ("first visit", "next visit"):
                page = browser.contexts[0].new_page()
                with timed(f"{trials} trials, page ready, {what}", psutil.Process()):
                    page.goto(f"{address}/pareto")
                    page.wait_for_selector("body[data-points]", timeout=600_000)
                page.close()


def _fetch(address: str, headers: dict[str, str]) -> str:
    answer = requests.get(address, headers=headers, timeout=600)
    return answer.headers["ETag"]


def main() -> None:
    """Measure what is asked for."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    chromium = shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        browser.new_context(viewport={"width": 1280, "height": 900})
        for trials in map(int, sys.argv[1:] or ["1000", "10000"]):
            measure(trials, browser)
        browser.close()


if __name__ == "__main__":
    main()
