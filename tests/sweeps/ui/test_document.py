from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from sweeps.config import load_sweep
from sweeps.results import Result, find_front
from sweeps.ui.document import Links, document
from sweeps.ui.standing import Cost, Standing
from tests.short_sweep import write_sweep
from tests.sweeps.made import OBJECTIVES, result

BOX = ({"reference": 0.0, "ideal": 100.0}, {"reference": 0.1, "ideal": 0.0})


def told(folder: Path, measured: list[Result], *, base: Result | None = None, costs: tuple[Cost, ...] = ()) -> Any:
    config = load_sweep(write_sweep(folder, rungs=(1, 3)))[0].model_copy(update={"objectives": OBJECTIVES})
    last = {r.number: r for r in measured}
    standing = Standing(
        config, list(last.values()), measured, base, find_front(measured, OBJECTIVES), BOX, costs, {0: 0.0, 1: 0.0}
    )
    return document(standing, Links("7", {"trial-0000": "abc"}))


def test_points_are_named_as_export_selects_them_and_say_where_they_stand(tmp_path: Path) -> None:
    below = replace(result(0, 60.0, 0.01, rank=8), state="stopped", rung=1)
    worse = replace(result(1, 50.0, 0.02, rank=4), rung=3)
    missed = replace(result(2, 90.0, 0.01, violation=1.0), rung=3)
    partial = replace(result(3, 90.0, 0.001), state="stopped", rung=1, whole=False)
    points = told(tmp_path, [below, worse, missed, partial])["points"]
    assert [(p["name"], p["select"], p["kind"], p["knee"]) for p in points] == [
        ("trial-0000@1", "trial:0@1", "front", True),
        ("trial-0001", "trial:1@3", "dominated", False),
        ("trial-0002", "trial:2@3", "infeasible", False),
        ("trial-0003@1", "trial:3@1", "partial", False),
    ]
    assert points[0]["intervals"] == {"math_accuracy": (55.0, 65.0)}
    assert points[2]["missed"] == ["f1 >= 0.9 * base.f1"]


def test_runs_of_mlflow_are_named_where_they_are_known(tmp_path: Path) -> None:
    found = told(tmp_path, [replace(result(0, 60.0, 0.01), rung=3), replace(result(1, 50.0, 0.02), rung=3)])
    assert found["experiment"] == "7"
    assert [trial["run"] for trial in found["trials"]] == ["abc", None]


def test_numbers_that_are_not_finite_are_null(tmp_path: Path) -> None:
    unknown = replace(
        result(0, 60.0, 0.01, rate=float("inf")),
        rung=3,
        values={"math_accuracy": 1.0, "ratio": 0.01, "score": float("nan")},
    )
    found = told(tmp_path, [unknown])
    assert found["points"][0]["values"] == {"math_accuracy": 1.0, "ratio": 0.01, "score": None}
    assert found["trials"][0]["configuration"] == {"rate": None}
    json.dumps(found, allow_nan=False)


def test_gate_has_its_bound_once_the_base_is_measured(tmp_path: Path) -> None:
    assert told(tmp_path, [])["gates"] == [
        {"text": "f1 >= 0.5 * base.f1", "metric": "f1", "at_least": True, "bound": None}
    ]
    base = replace(result(None, 18.0, 0.0), values={"f1": 87.0})
    assert told(tmp_path, [], base=base)["gates"][0]["bound"] == 43.5


def test_hypervolume_grows_over_epochs_and_card_hours(tmp_path: Path) -> None:
    first = replace(result(0, 50.0, 0.05), state="stopped", rung=1)
    second = replace(result(1, 50.0, 0.09), state="stopped", rung=1)
    again = replace(result(0, 100.0, 0.05), rung=3)
    costs = (
        ("base", None, 1.0, 360.0),
        ("trial-0000", 1, 2.0, 360.0),
        # was lost, and done again
        ("trial-0001", 1, 3.0, 360.0),
        ("trial-0001", 1, 4.0, 360.0),
        ("trial-0000", 3, 5.0, 720.0),
    )
    curve = told(tmp_path, [first, second, again], costs=costs)["hypervolume"]
    assert [point["units"] for point in curve] == [1.0, 2.0, 4.0]
    assert [round(point["card_hours"], 9) for point in curve] == [0.2, 0.4, 0.6]
    assert [point["share"] for point in curve] == [0.25, 0.25, 0.5]
