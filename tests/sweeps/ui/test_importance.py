from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.stores import Stores
from sweeps.study import load_study
from sweeps.ui.importance import FEWEST, importance
from tests.browser import made_study


def test_rank_and_modules_alone_decide_the_ratio(tmp_path: Path) -> None:
    config = made_study.make(tmp_path, 60)
    found = importance(load_study("short", Stores(tmp_path / "runs").study_url), config)
    assert found["rung"] == 1
    assert found["trials"] == 60
    shares = {each["metric"]: each["parameters"] for each in found["objectives"]}
    assert sum(shares["ratio"].values()) == pytest.approx(1)
    assert set(shares["ratio"]) == {"learning_rate", "lora_rank", "target_modules"}
    assert shares["ratio"]["learning_rate"] < 0.1
    assert next(iter(shares["math_accuracy"])) == "learning_rate"


def test_few_trials_say_nothing(tmp_path: Path) -> None:
    config = made_study.make(tmp_path, FEWEST - 1)
    found = importance(load_study("short", Stores(tmp_path / "runs").study_url), config)
    assert [each["parameters"] for each in found["objectives"]] == [{}, {}, {}]
