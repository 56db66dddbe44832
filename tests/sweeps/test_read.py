from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sweeps.config import load_sweep
from sweeps.read import Known
from sweeps.results import Result, find_front
from sweeps.stores import Stores
from tests.short_sweep import write_sweep
from tests.sweeps.made import OBJECTIVES, result


def as_json(folder: Path, results: list[Result], measured: list[Result]) -> Any:
    config = load_sweep(write_sweep(folder))[0]
    front = find_front(measured, OBJECTIVES)
    return Known(Stores(folder), config, results, measured, None, front, {}).as_json(results)


def test_trial_that_failed_above_the_rung_where_it_is_the_knee_is_on_the_front(tmp_path: Path) -> None:
    measured = replace(result(0, 60.0, 0.01), state="stopped", rung=1)
    told = as_json(tmp_path, [replace(measured, state="failed", reason="killed")], [measured])
    assert told["knee"] == 0
    assert told["trials"][0]["front"]


def test_trial_that_is_on_the_front_only_at_a_lower_rung_is_not_there_with_its_last_values(tmp_path: Path) -> None:
    below = replace(result(0, 60.0, 0.01), state="stopped", rung=1)
    above = replace(result(0, 50.0, 0.01), rung=3)
    assert not as_json(tmp_path, [above], [below, above])["trials"][0]["front"]
