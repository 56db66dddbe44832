from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from trainer import msrun
from trainer.launcher import Exit, Launcher, Outcome, processes_of
from trainer.paths import TrialPaths
from trainer.slots import Placement, free_port

STEP = (
    "x - INFO - { Epoch:[  1/  1], step:[    1/    4], loss:[3.5/3.5], per_step_time: 77ms, "
    "lr: 0.1, overflow cond: False, loss_scale: 1.0, global_norm: [1.8]"
)
DONE = "from pathlib import Path; Path('measurement.json').write_text('{}')"
DEADLINE = 120.0
T = TypeVar("T")


@pytest.fixture
def paths(tmp_path: Path) -> TrialPaths:
    root = tmp_path / "a'; echo 训练 $(id)"
    root.mkdir()
    return TrialPaths(root)


@pytest.fixture
def start(paths: TrialPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Launcher]:
    """Start a real msrun whose worker is a script of the test's."""

    def run(script: str, workers: int = 1, timeout: float | None = None) -> Launcher:
        worker = tmp_path / "worker.py"
        # msrun also starts the script as the cluster's scheduler
        worker.write_text(f"import os, sys, time\nif os.environ['MS_ROLE'] == 'MS_SCHED': sys.exit()\n{script}\n")
        monkeypatch.setattr(msrun, "WORKER", worker)
        placement = Placement(0, workers, (), (0,), free_port(), 60000)
        return Launcher(msrun.Launch(paths.recipe, paths.job, ("train",)), placement, paths, timeout)

    return run


def ended(launcher: Launcher) -> Exit:
    return until(launcher.poll)


def until(condition: Callable[[], T | None]) -> T:
    """Wait for a condition; only a hang makes the test fail."""
    deadline = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.05)
    return found


def test_worker_that_measured_is_finished(start: Callable[..., Launcher]) -> None:
    assert ended(start(DONE)).outcome is Outcome.FINISHED


def test_worker_that_ends_without_a_measurement_failed(start: Callable[..., Launcher]) -> None:
    assert ended(start("pass")).outcome is Outcome.FAILED


def test_measurement_of_an_earlier_launch_does_not_count(start: Callable[..., Launcher], paths: TrialPaths) -> None:
    paths.measurement.write_text("{}")
    assert ended(start("pass")).outcome is Outcome.FAILED


def test_failure_states_the_workers_error_and_its_log(start: Callable[..., Launcher], paths: TrialPaths) -> None:
    found = ended(start("raise ValueError('rank must be positive')"))
    assert (found.outcome, found.reason) == (Outcome.FAILED, "ValueError: rank must be positive")
    assert found.log == paths.worker_log(0)


def test_steps_are_read_while_the_worker_runs(start: Callable[..., Launcher]) -> None:
    launcher = start(f"print('''{STEP}''', flush=True)\ntime.sleep(600)")
    records = until(launcher.new_steps)
    assert launcher.poll() is None
    launcher.kill()
    assert [record.loss for record in records] == [3.5]


def test_killed_launch_leaves_no_process(start: Callable[..., Launcher], paths: TrialPaths) -> None:
    launcher = start("print('up', flush=True)\ntime.sleep(600)", workers=2)
    until(lambda: paths.worker_log(1).exists() and "up" in paths.worker_log(1).read_text())
    pids = {process.pid for process in processes_of(paths.root)}
    assert launcher.pid in pids
    assert len(pids) >= 3
    assert launcher.kill().outcome is Outcome.KILLED
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_processes_of_a_sweep_are_found_by_its_folder_and_no_others(
    start: Callable[..., Launcher], paths: TrialPaths
) -> None:
    launcher = start("time.sleep(600)")
    assert launcher.pid in {process.pid for process in processes_of(paths.root.parent)}
    assert processes_of(paths.root.with_name("a")) == []
    launcher.kill()


def test_worker_that_ignores_sigterm_is_gone_all_the_same(start: Callable[..., Launcher], paths: TrialPaths) -> None:
    launcher = start(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)"
    )
    until(lambda: paths.worker_log(0).exists() and "up" in paths.worker_log(0).read_text())
    launcher.kill()
    assert processes_of(paths.root) == []


def test_launch_whose_msrun_is_killed_ends_with_all_its_workers(
    start: Callable[..., Launcher], paths: TrialPaths
) -> None:
    launcher = start("print('up', flush=True)\ntime.sleep(600)")
    until(lambda: paths.worker_log(0).exists() and "up" in paths.worker_log(0).read_text())
    os.kill(launcher.pid, signal.SIGKILL)
    found = ended(launcher)
    assert (found.outcome, found.reason) == (Outcome.KILLED, "msrun was killed by SIGKILL")
    assert processes_of(paths.root) == []


def test_launch_that_takes_too_long_is_stopped(start: Callable[..., Launcher]) -> None:
    found = ended(start("time.sleep(600)", timeout=0.1))
    assert (found.outcome, found.reason) == (Outcome.TIMED_OUT, "not done after 0.1 s")
