"""The compare page of a real MLflow server, opened by the address that ``lorasweep`` prints."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sweeps.address import own_pages
from sweeps.server import Server
from sweeps.standing import COLORS
from tests.browser.made_sweep import RUNGS, Made, MadeSweep
from tests.serving import running
from trainer.slots import free_port

FRONT, DOMINATED, INFEASIBLE, STOPPED = "trial-0000", "trial-0001", "trial-0002", "trial-0003"
# f1 must be at least half of the base's 80
TRIALS = (
    Made(accuracy=60, f1=75, ratio=0.05),
    Made(accuracy=50, f1=70, ratio=0.06),
    Made(accuracy=70, f1=20, ratio=0.03),
    Made(accuracy=40, f1=60, ratio=0.07, rung=RUNGS[0]),
)
CARDS = ["math_accuracy vs. f1", "math_accuracy vs. ratio", "f1 vs. ratio"]


@dataclass
class Served:
    """A made sweep and the address of its compare page."""

    sweep: MadeSweep
    page: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("compare")
    (folder / "runs").mkdir()
    shutil.copy(mlflow_database, folder / "runs/mlflow.db")
    sweep = MadeSweep(folder)
    sweep.add(TRIALS)
    with running(Server.plan(sweep.stores, "127.0.0.1", free_port(), (), {})) as address:
        ((name, page),) = own_pages(sweep.stores, address)
        assert name == sweep.plan.config.name
        yield Served(sweep, page)


def colors(page: Page, runs: int) -> dict[str, str]:
    """The colour of each run's dot in the table."""
    rows = page.locator("[role=row]:has([data-testid=experiment-view-table-run-color])")
    expect(rows).to_have_count(runs)
    script = """rows => Object.fromEntries(rows.map(row => [
        row.querySelector("a").textContent,
        getComputedStyle(row.querySelector("[data-testid=experiment-view-table-run-color]")).backgroundColor]))"""
    found: dict[str, str] = rows.evaluate_all(script)
    return found


def css(color: str) -> str:
    """A colour as a browser gives it back."""
    return f"rgb({', '.join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))})"


def test_saved_view_opens_with_our_charts(
    served: Served, opened: Callable[..., Page], screenshots: Path | None
) -> None:
    page = opened(served.page, viewport={"width": 1700, "height": 1300})
    for title in [*CARDS, "Parallel Coordinates"]:
        page.get_by_text(title, exact=True).first.wait_for()
    # of a contour the title is cut off in the middle
    page.locator(".contourlayer").first.wait_for()
    page.locator(".parcoords").first.wait_for()
    if screenshots is not None:
        page.get_by_role("button", name="Close").last.click()
        # drawn anew in the room that there is now
        page.locator(".parcoords").first.wait_for()
        page.screenshot(path=screenshots / "compare.png")


def test_colours_follow_the_front(served: Served, opened: Callable[..., Page]) -> None:
    page = opened(served.page)
    expected = {FRONT: "front", DOMINATED: "feasible", INFEASIBLE: "infeasible", STOPPED: "stopped"}
    # and the base
    found = colors(page, len(TRIALS) + 1)
    assert {name: found[name] for name in expected} == {name: css(COLORS[kind]) for name, kind in expected.items()}
    served.sweep.add([Made(accuracy=90, f1=90, ratio=0.001)])
    page.reload()
    found = colors(page, len(TRIALS) + 2)
    assert (found[FRONT], found["trial-0004"]) == (css(COLORS["feasible"]), css(COLORS["front"]))


def test_note_of_the_sweep_shows_its_front_as_a_table(served: Served, opened: Callable[..., Page]) -> None:
    run = served.sweep.outbox.delivered.run("sqlite", served.sweep.tracker.parent)
    page = opened(f"{served.page.partition('/runs?')[0]}/runs/{run}")
    page.get_by_role("columnheader", name="math_accuracy (maximize)").first.wait_for()
