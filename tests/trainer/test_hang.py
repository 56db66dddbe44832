"""Launches that are stopped for what the watch finds: real msrun, fake workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.waiting import until
from trainer import stacks
from trainer.ending import Exit, Outcome
from trainer.launcher import Launcher
from trainer.paths import TrialPaths
from trainer.processes import processes_of, workers_of
from trainer.watch import Limits, Watch

Start = Callable[..., Launcher]
REGISTER = "import faulthandler, signal\nfaulthandler.register(signal.SIGUSR1, all_threads=True)\n"
HANG = "def stands_here():\n    print('up', flush=True)\n    time.sleep(600)\nstands_here()"
LINE = (
    "x - INFO - { Epoch:[  1/  1], step:[%5d/  400], loss:[%s/3.5], per_step_time: 77ms, "
    "lr: 0.1, overflow cond: False, loss_scale: 1.0, global_norm: [1.8]"
)


def ended(launcher: Launcher) -> Exit:
    return until(launcher.poll)


def hung(launcher: Launcher, paths: TrialPaths) -> Exit:
    """Wait until all workers are up, then have the launch hang as soon as it is silent for half a second."""

    def up() -> bool:
        assert launcher.poll() is None
        logs = [paths.worker_log(rank) for rank in range(launcher.placement.workers)]
        return len(launcher._crew.workers) == len(logs) and all("up" in log.read_text() for log in logs)

    until(up)
    launcher._watch = Watch(Limits(hang_seconds=0.5))
    found = ended(launcher)
    assert found.outcome is Outcome.HUNG
    return found


def test_launch_that_hangs_is_killed_and_the_stacks_are_kept(start: Start, paths: TrialPaths) -> None:
    found = hung(start(HANG, workers=2), paths)
    assert found.reason.startswith("no step and no log line for ")
    assert found.log == paths.stacks
    assert paths.stacks.read_text().count("stands_here") == 2
    assert paths.stacks in paths.artifacts()
    assert processes_of(paths.root) == []


def test_stacks_of_a_stopped_worker_are_kept_as_well(start: Start, paths: TrialPaths) -> None:
    launcher = start(HANG)
    until(lambda: paths.worker_log(0).exists() and "up" in paths.worker_log(0).read_text())
    os.kill(workers_of(paths.root)[0].pid, signal.SIGSTOP)
    hung(launcher, paths)
    text = paths.stacks.read_text()
    assert text.splitlines()[0].endswith(", stopped")
    assert "stands_here" in text
    assert processes_of(paths.root) == []


def test_worker_prints_its_stacks_where_py_spy_may_not(
    start: Start, paths: TrialPaths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refused = tmp_path / "fake-py-spy"
    refused.write_text("#!/bin/sh\necho 'Error: Permission Denied: ptrace' >&2\nexit 1\n")
    refused.chmod(0o755)
    monkeypatch.setattr(stacks, "PY_SPY", refused)
    hung(start(REGISTER + HANG), paths)
    text = paths.stacks.read_text()
    assert "py-spy --native: Error: Permission Denied: ptrace" in text
    assert "by the worker itself, from its log:" in text
    assert "in stands_here" in text


def test_file_says_so_where_nobody_can_tell_the_stacks(
    start: Start, paths: TrialPaths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stacks, "PY_SPY", tmp_path / "there-is-none")
    monkeypatch.setattr(stacks, "_OWN_SECONDS", 0.5)
    hung(start(HANG), paths)
    text = paths.stacks.read_text()
    assert "py-spy cannot be started" in text
    assert "did not answer SIGUSR1" in text


def test_launch_whose_loss_is_nan_for_long_is_stopped(start: Start) -> None:
    script = f"for i in range(1, 400): print({LINE!r} % (i, 'nan'), flush=True); time.sleep(0.05)"
    launcher = start(script, limits=Limits(nan_steps=5))
    found = ended(launcher)
    assert (found.outcome, found.reason) == (Outcome.DIVERGED, "loss was nan on 5 steps in a row, from step 1 to 5")
    assert len(launcher.new_steps()) >= 5


def test_launch_whose_loss_explodes_goes_on_and_is_remarked(start: Start) -> None:
    script = (
        f"for i in range(1, 41): print({LINE!r} % (i, 0.82 if i <= 20 else 41.3), flush=True)\n"
        "open('measurement.json', 'w').write('{}')"
    )
    launcher = start(script)
    assert ended(launcher).outcome is Outcome.FINISHED
    assert launcher.remark == "loss exploded: 0.82 at step 15 -> 41.3 at step 28"
    assert len(launcher.new_steps()) == 40
