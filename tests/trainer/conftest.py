from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from trainer import msrun
from trainer.launcher import Launcher
from trainer.paths import TrialPaths
from trainer.slots import Placement, free_port
from trainer.watch import Limits


@pytest.fixture
def paths(tmp_path: Path) -> TrialPaths:
    root = tmp_path / "a'; echo 训练 $(id)"
    root.mkdir()
    return TrialPaths(root)


@pytest.fixture
def start(paths: TrialPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Launcher]:
    """Start a real msrun whose worker is a script of the test's."""

    def run(
        script: str,
        workers: int = 1,
        timeout: float | None = None,
        limits: Limits | None = None,
        scheduler: str = "sys.exit()",
        at: TrialPaths = paths,
    ) -> Launcher:
        worker = tmp_path / "fake_worker.py"
        # msrun also starts the script as the cluster's scheduler
        head = "import os, sys, time\nrank = int(os.environ['RANK_ID'])"
        worker.write_text(f"{head}\nif os.environ['MS_ROLE'] == 'MS_SCHED':\n    {scheduler}\n{script}\n")
        monkeypatch.setattr(msrun, "WORKER", worker)
        placement = Placement(0, workers, (), (0,), free_port(), 60000)
        return Launcher(msrun.Launch(at.recipe, at.job, ("train",)), placement, at, timeout, limits)

    return run
