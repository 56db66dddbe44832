"""The short form of ``python -m tests.chaos.storm``: one seed, few trials."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.storm import Server, faults, quiet, storm
from tests.short_sweep import SLOTS

pytestmark = pytest.mark.skipif(SLOTS < 2, reason="two trials at the same time need two cores")


def test_sweep_in_a_storm_ends_as_a_quiet_one(tmp_path: Path) -> None:
    expected = quiet(tmp_path / "quiet", 2)
    with Server(tmp_path / "server") as server:
        story, killer, _ = storm(tmp_path / "storm", 2, server, seed=1, every=6.0, most=4)
        assert killer.strikes
        assert faults(story, server, expected) == []
