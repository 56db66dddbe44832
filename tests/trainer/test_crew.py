"""What becomes of a launch when one of its processes dies: real msrun, fake workers, real signals."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.waiting import until
from trainer.ending import Exit, Outcome
from trainer.launcher import Launcher
from trainer.paths import TrialPaths
from trainer.processes import alive, processes_of, scheduler_of, workers_of

Start = Callable[..., Launcher]
SLEEP = "time.sleep(600)"
UP = f"print('up', flush=True)\n{SLEEP}"


def ended(launcher: Launcher) -> Exit:
    return until(launcher.poll)


def all_up(launcher: Launcher, paths: TrialPaths) -> None:
    """Poll until two workers are up and the launcher has seen them."""

    def up() -> bool:
        assert launcher.poll() is None
        logs = [paths.worker_log(rank) for rank in (0, 1)]
        return len(launcher._crew.workers) == 2 and all("up" in log.read_text() for log in logs)

    until(up)


def test_worker_that_is_killed_ends_the_launch_though_msrun_waits(start: Start, paths: TrialPaths) -> None:
    launcher = start(UP, workers=2, scheduler=SLEEP)
    all_up(launcher, paths)
    os.kill(workers_of(paths.root)[1].pid, signal.SIGKILL)
    found = ended(launcher)
    assert (found.outcome, found.reason) == (Outcome.KILLED, "worker 1 was killed by SIGKILL")
    assert found.log == paths.worker_log(1)
    assert processes_of(paths.root) == []


def test_worker_that_msrun_saw_first_is_named_all_the_same(start: Start, paths: TrialPaths) -> None:
    launcher = start(UP, workers=2, scheduler=SLEEP)
    all_up(launcher, paths)
    workers = workers_of(paths.root)
    os.kill(workers[1].pid, signal.SIGKILL)
    # msrun has asked for its exit code, and killed the other
    until(lambda: not alive(workers[0]))
    found = ended(launcher)
    assert (found.outcome, found.reason) == (Outcome.KILLED, "worker 1 was killed by SIGKILL")


def test_worker_that_exits_without_a_word_ends_the_launch(start: Start, paths: TrialPaths) -> None:
    launcher = start(f"if rank == 1: sys.exit(3)\n{SLEEP}", workers=2, scheduler=SLEEP)
    found = ended(launcher)
    assert found.outcome is Outcome.FAILED
    # the launcher may be too late to see it alive, and so to know which one it was
    assert found.reason in ("worker 1 exited with 3", "a worker exited with 3")


def test_reason_is_that_of_the_worker_that_died(start: Start, paths: TrialPaths, tmp_path: Path) -> None:
    go = tmp_path / "go"
    wait = f"while not os.path.exists({str(go)!r}): time.sleep(0.05)"
    script = (
        f"print('ValueError: caught')\nprint('up', flush=True)\n{wait}\nif rank == 1: raise KeyError('lost')\n{SLEEP}"
    )
    launcher = start(script, workers=2, scheduler=SLEEP)
    all_up(launcher, paths)
    go.touch()
    found = ended(launcher)
    assert (found.outcome, found.reason) == (Outcome.FAILED, "KeyError: 'lost'")
    assert found.log == paths.worker_log(1)


def test_worker_that_crashes_by_itself_failed(start: Start, paths: TrialPaths) -> None:
    launcher = start(UP, workers=2, scheduler=SLEEP)
    all_up(launcher, paths)
    os.kill(workers_of(paths.root)[0].pid, signal.SIGSEGV)
    found = ended(launcher)
    assert (found.outcome, found.reason) == (Outcome.FAILED, "worker 0 was killed by SIGSEGV")


def test_worker_that_is_done_before_rank_0_is_well(start: Start, paths: TrialPaths, tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = (
        f"print('up', flush=True)\nif rank == 1:\n    sys.exit(0)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.05)\n"
        "open('measurement.json', 'w').write('{}')"
    )
    launcher = start(script, workers=2)
    until(lambda: paths.worker_log(1).exists() and "up" in paths.worker_log(1).read_text())
    until(lambda: 1 not in workers_of(paths.root))
    assert launcher.poll() is None
    go.touch()
    assert ended(launcher).outcome is Outcome.FINISHED


def test_scheduler_that_is_killed_ends_the_launch(start: Start, paths: TrialPaths) -> None:
    launcher = start(UP, workers=2, scheduler=SLEEP)
    all_up(launcher, paths)
    scheduler = scheduler_of(paths.root)
    assert scheduler is not None
    os.kill(scheduler.pid, signal.SIGKILL)
    found = ended(launcher)
    assert (found.outcome, found.reason) == (Outcome.KILLED, "the cluster scheduler was killed by SIGKILL")


def test_scheduler_that_gives_up_says_why_and_the_workers_stacks_are_kept(
    start: Start, paths: TrialPaths, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    lost = "RuntimeError: The total number of timed out node is 1."
    scheduler = f"while not os.path.exists({str(go)!r}): time.sleep(0.05)\n    print({lost!r}); sys.exit(1)"
    launcher = start(UP, workers=2, scheduler=scheduler)
    all_up(launcher, paths)
    go.touch()
    found = ended(launcher)
    assert (found.outcome, found.reason, found.log) == (Outcome.FAILED, lost, paths.scheduler_log)
    assert "worker 1, pid" in paths.stacks.read_text()


def test_msrun_gives_the_folders_name_to_no_shell(start: Start, paths: TrialPaths) -> None:
    hostile = TrialPaths(paths.root / "$(touch RUN)")
    hostile.root.mkdir()
    launcher = start("sys.exit(3)", at=hostile)
    # not polled before: msrun itself is to come to its end
    until(launcher._process.ended)
    found = ended(launcher)
    assert (found.outcome, found.reason) == (Outcome.FAILED, "a worker exited with 3")
    assert not (hostile.root / "RUN").exists()
