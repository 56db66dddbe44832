from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.waiting import until
from trainer import msrun
from trainer.ending import Exit, Outcome
from trainer.launcher import Launcher
from trainer.paths import TrialPaths
from trainer.processes import processes_of, running_folders
from trainer.slots import Placement, free_port

STEP = (
    "x - INFO - { Epoch:[  1/  1], step:[    1/    4], loss:[3.5/3.5], per_step_time: 77ms, "
    "lr: 0.1, overflow cond: False, loss_scale: 1.0, global_norm: [1.8]"
)
DONE = "from pathlib import Path; Path('measurement.json').write_text('{}')"


def ended(launcher: Launcher) -> Exit:
    return until(launcher.poll)


def test_worker_that_measured_is_finished(start: Callable[..., Launcher]) -> None:
    assert ended(start(DONE)).outcome is Outcome.FINISHED


def test_worker_that_ends_without_a_measurement_failed(start: Callable[..., Launcher]) -> None:
    assert ended(start("pass")).outcome is Outcome.FAILED


def test_recipe_of_a_launch_that_only_measures_is_not_taken_for_an_earlier_launchs(
    paths: TrialPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(msrun, "WORKER", tmp_path / "none.py")
    own, left = paths.evaluation("squad_contest"), paths.evaluation("math_contest")
    own.touch()
    left.touch()
    launch = msrun.Launch(own, paths.job, ("squad_contest",))
    Launcher(launch, Placement(0, 1, (), (0,), free_port(), 60000), paths).kill()
    assert (own.exists(), left.exists()) == (True, False)


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
    assert running_folders(paths.root.parent) == {paths.root}
    launcher.kill()
    assert running_folders(paths.root.parent) == set()


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


def test_launch_that_finished_before_it_was_killed_is_finished(start: Callable[..., Launcher]) -> None:
    launcher = start(DONE)
    until(launcher._process.ended)
    assert launcher.kill().outcome is Outcome.FINISHED
