"""A launch whose orchestrator is gone is taken up: real msrun, fake workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import until
from trainer.ending import Exit, Outcome
from trainer.launcher import Launcher
from trainer.paths import TrialPaths
from trainer.processes import find, find_msrun, processes_of, start_of, workers_of
from trainer.slots import Placement, free_port

FIRST = """
import sys, time
from pathlib import Path
from trainer import msrun
from trainer.launcher import Launcher
from trainer.paths import TrialPaths
from trainer.slots import Placement
root, worker, port = sys.argv[1:]
msrun.WORKER = Path(worker)
paths = TrialPaths(Path(root))
launch = msrun.Launch(paths.recipe, paths.job, ("train",))
launcher = Launcher(launch, Placement(0, 1, (), (0,), int(port), 60000), paths)
print(launcher.pid, launcher.pid_started, launcher.started_at, flush=True)
time.sleep(600)
"""
STEP = (
    "x - INFO - { Epoch:[  1/  1], step:[    1/    4], loss:[3.5/3.5], per_step_time: 77ms, "
    "lr: 0.1, overflow cond: False, loss_scale: 1.0, global_norm: [1.8]"
)
PLACEMENT = Placement(0, 1, (), (0,), 8118, 60000)
Start = Callable[..., Launcher]
Orphan = Callable[[str], Callable[..., Launcher]]


def ended(launcher: Launcher) -> Exit:
    return until(launcher.poll)


@pytest.fixture
def orphan(paths: TrialPaths, tmp_path: Path) -> Iterator[Orphan]:
    """Start a launch in another process and kill that process: a function that adopts the launch."""

    def run(script: str) -> Callable[..., Launcher]:
        worker = tmp_path / "fake_worker.py"
        worker.write_text(f"import os, sys, time\nif os.environ['MS_ROLE'] == 'MS_SCHED': sys.exit()\n{script}\n")
        command = [sys.executable, "-c", FIRST, str(paths.root), str(worker), str(free_port())]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
            assert first.stdout is not None
            pid, pid_started, started_at = first.stdout.readline().split()
            first.send_signal(signal.SIGKILL)

        def adopt(timeout: float | None = None, began: float = float(started_at)) -> Launcher:
            return Launcher.adopt(int(pid), float(pid_started), PLACEMENT, paths, timeout, started_at=began)

        return adopt

    yield run
    for process in processes_of(paths.root):
        process.kill()


def waiting_for(go: Path, then: str) -> str:
    return f"print('''{STEP}''', flush=True)\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)\n{then}"


MEASURE = "open('measurement.json', 'w').write('{}')"


def test_adopted_launch_is_followed_from_its_first_step_to_its_end(
    orphan: Orphan, paths: TrialPaths, tmp_path: Path
) -> None:
    launcher = orphan(waiting_for(tmp_path / "go", MEASURE))()
    assert [record.loss for record in until(launcher.new_steps)] == [3.5]
    assert launcher.poll() is None
    (tmp_path / "go").touch()
    found = ended(launcher)
    assert (found.outcome, found.reason) == (Outcome.FINISHED, "")


def test_adopted_launch_that_fails_says_why(orphan: Orphan, tmp_path: Path) -> None:
    launcher = orphan(waiting_for(tmp_path / "go", "raise ValueError('rank must be positive')"))()
    until(launcher.new_steps)
    (tmp_path / "go").touch()
    found = ended(launcher)
    assert (found.outcome, found.reason) == (Outcome.FAILED, "ValueError: rank must be positive")


def test_adopted_launch_can_be_killed(orphan: Orphan, paths: TrialPaths, tmp_path: Path) -> None:
    launcher = orphan(waiting_for(tmp_path / "go", MEASURE))()
    until(launcher.new_steps)
    assert launcher.kill().outcome is Outcome.KILLED
    assert processes_of(paths.root) == []


def test_adopted_launch_whose_msrun_is_killed_ends_with_its_workers(
    orphan: Orphan, paths: TrialPaths, tmp_path: Path
) -> None:
    launcher = orphan(waiting_for(tmp_path / "go", MEASURE))()
    until(launcher.new_steps)
    os.kill(launcher.pid, signal.SIGKILL)
    assert ended(launcher).outcome is Outcome.KILLED
    assert processes_of(paths.root) == []


def test_time_of_an_adopted_launch_counts_from_its_start(orphan: Orphan, tmp_path: Path) -> None:
    adopt = orphan(waiting_for(tmp_path / "go", MEASURE))
    launcher = adopt(timeout=3000, began=time.time() - 3600)
    assert 3600 <= launcher.seconds < 3660
    found = ended(launcher)
    assert (found.outcome, found.reason) == (Outcome.TIMED_OUT, "not done after 3000 s")


def test_launch_that_finished_while_no_one_looked_is_finished_and_lasted_until_then(
    orphan: Orphan, paths: TrialPaths, tmp_path: Path
) -> None:
    (tmp_path / "go").touch()
    began = time.time()
    adopt = orphan(waiting_for(tmp_path / "go", MEASURE))
    until(lambda: paths.measurement.exists() and not processes_of(paths.root))
    for file in (paths.measurement, *paths.logs.iterdir(), paths.launcher_log):
        os.utime(file, (began + 50, began + 50))
    found = adopt(began=began).poll()
    assert found is not None
    assert found.outcome is Outcome.FINISHED
    assert found.seconds == pytest.approx(50, abs=0.01)


def test_launch_that_was_killed_while_no_one_looked_is_killed(
    orphan: Orphan, paths: TrialPaths, tmp_path: Path
) -> None:
    adopt = orphan(waiting_for(tmp_path / "go", MEASURE))
    until(lambda: workers_of(paths.root))
    for process in processes_of(paths.root):
        process.kill()
    until(lambda: not processes_of(paths.root))
    found = adopt().poll()
    assert found is not None
    assert found.outcome is Outcome.KILLED


def test_stranger_that_got_the_pid_is_neither_waited_for_nor_killed(paths: TrialPaths) -> None:
    paths.logs.mkdir()
    paths.launcher_log.touch()
    with subprocess.Popen(["sleep", "600"]) as stranger:
        started = start_of(stranger.pid)
        assert started is not None
        found = Launcher.adopt(stranger.pid, started, PLACEMENT, paths, started_at=time.time()).poll()
        assert found is not None
        assert found.outcome is Outcome.KILLED
        assert stranger.poll() is None
        stranger.kill()


def test_launch_that_has_measured_is_finished_though_it_is_stopped(
    orphan: Orphan, paths: TrialPaths, tmp_path: Path
) -> None:
    (tmp_path / "go").touch()
    launcher = orphan(waiting_for(tmp_path / "go", f"{MEASURE}\ntime.sleep(600)"))()
    until(paths.measurement.exists)
    assert launcher.kill().outcome is Outcome.FINISHED
    assert processes_of(paths.root) == []


def test_process_is_known_by_its_start_as_well(
    start: Start, paths: TrialPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = start("time.sleep(600)")
    assert find(launcher.pid, launcher.pid_started, paths.root) is not None
    assert find(launcher.pid, launcher.pid_started - 60, paths.root) is None
    # as where the clock was set meanwhile
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: 0.0)
    assert find(launcher.pid, launcher.pid_started, paths.root) is not None
    monkeypatch.undo()
    launcher.kill()
    assert find(launcher.pid, launcher.pid_started, paths.root) is None


def test_msrun_is_told_from_its_workers(start: Start, paths: TrialPaths) -> None:
    assert find_msrun(paths.root) is None
    launcher = start("import subprocess; subprocess.run(['sleep', '600'])", workers=2)
    until(lambda: len(workers_of(paths.root)) == 2 and len(processes_of(paths.root)) >= 5)
    assert find_msrun(paths.root) == (launcher.pid, launcher.pid_started)
    assert sorted(workers_of(paths.root)) == [0, 1]
    launcher.kill()


def test_stopped_processes_are_killed(start: Start, paths: TrialPaths) -> None:
    launcher = start("time.sleep(600)", workers=2)
    until(lambda: len(workers_of(paths.root)) == 2)
    for process in processes_of(paths.root):
        process.send_signal(signal.SIGSTOP)
    assert launcher.kill().outcome is Outcome.KILLED
    assert processes_of(paths.root) == []
