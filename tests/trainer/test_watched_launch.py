"""Real trainings of the tiny recipe: one is taken up by another process, one loses a worker, one stands still."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiny_launch import prepare
from tests.waiting import until
from trainer.ending import Outcome
from trainer.launcher import Launcher
from trainer.measurement import Measurement
from trainer.paths import TrialPaths
from trainer.processes import find_msrun, processes_of, workers_of
from trainer.slots import Placement, free_port
from trainer.watch import Limits, Watch

FIRST = """
import sys, time
from pathlib import Path
from trainer.launcher import Launcher
from trainer.msrun import Launch
from trainer.paths import TrialPaths
from trainer.slots import Placement
root, port = sys.argv[1:]
paths = TrialPaths(Path(root))
launch = Launch(paths.recipe, paths.job, ("train", "math_contest"))
launcher = Launcher(launch, Placement(0, 1, (), (), int(port), 60000), paths)
print(launcher.started_at, flush=True)
time.sleep(600)
"""
MANY_EPOCHS = 1000


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[TrialPaths]:
    paths = TrialPaths(tmp_path / "trial")
    paths.root.mkdir()
    yield paths
    for process in processes_of(paths.root):
        process.kill()


def until_trained(launcher: Launcher, steps: int) -> None:
    def enough() -> bool:
        assert launcher.poll() is None
        return any(step.global_step >= steps for step in launcher.new_steps())

    until(enough)


def test_training_outlives_its_orchestrator_and_is_taken_up(paths: TrialPaths, tmp_path: Path) -> None:
    prepare(paths, tmp_path / "data", epochs=2)
    command = [sys.executable, "-c", FIRST, str(paths.root), str(free_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        started_at = float(first.stdout.readline())
        first.send_signal(signal.SIGKILL)
    # as where the orchestrator was killed before it wrote the pid down
    known = find_msrun(paths.root)
    assert known is not None
    launcher = Launcher.adopt(*known, Placement(0, 1, (), (), 8118, 60000), paths, started_at=started_at)
    found = until(launcher.poll)
    assert (found.outcome, found.reason) == (Outcome.FINISHED, "")
    assert [step.global_step for step in launcher.new_steps()] == list(range(1, 21))
    measurement = Measurement.read(paths.measurement)
    assert measurement.steps == 20
    assert found.seconds > measurement.seconds["worker"]
    log = paths.worker_log(0).read_text()
    assert "math_contest: 0 of 40 items decoded" in log
    assert "math_contest: 40 of 40 items decoded" in log


def test_training_on_two_workers_ends_when_one_is_killed(paths: TrialPaths, tmp_path: Path) -> None:
    launch = prepare(paths, tmp_path / "data", workers=2, epochs=MANY_EPOCHS)
    launcher = Launcher(launch, Placement(0, 2, (), (), free_port(), 60000), paths)
    until_trained(launcher, 3)
    os.kill(workers_of(paths.root)[1].pid, signal.SIGKILL)
    found = until(launcher.poll)
    assert (found.outcome, found.reason) == (Outcome.KILLED, "worker 1 was killed by SIGKILL")
    assert processes_of(paths.root) == []


def test_training_that_stands_still_is_hung_and_its_stacks_are_kept(paths: TrialPaths, tmp_path: Path) -> None:
    launch = prepare(paths, tmp_path / "data", epochs=MANY_EPOCHS)
    launcher = Launcher(launch, Placement(0, 1, (), (), free_port(), 60000), paths)
    until_trained(launcher, 3)
    os.kill(workers_of(paths.root)[0].pid, signal.SIGSTOP)
    launcher._watch = Watch(Limits(hang_seconds=2))
    found = until(launcher.poll)
    assert found.outcome is Outcome.HUNG
    text = paths.stacks.read_text()
    assert text.splitlines()[0].endswith(", stopped")
    assert "trainer/session.py" in text
    assert processes_of(paths.root) == []
