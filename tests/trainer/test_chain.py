"""A launch of several msruns: real processes; where one is named fake, a script that stands for msrun."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.score import Score
from tests.waiting import until
from trainer import msrun
from trainer.chain import Chain
from trainer.data_statistics import Statistics
from trainer.ending import Exit, Outcome
from trainer.launcher import Launcher
from trainer.measurement import Measurement
from trainer.paths import TrialPaths
from trainer.processes import find_msrun, processes_of, workers_of
from trainer.slots import Placement, free_port

MEASURED = {
    "train": Measurement(
        scores={},
        seconds={"train": 60.0, "worker": 70.0},
        versions={"mindspore": "2.9"},
        data=Statistics(items=480, tokens={50: 30}, answer_tokens={50: 6}, cuts={}, kinds={"": 480}),
        steps=30,
    ),
    "squad_contest": Measurement(
        scores={"f1": Score(60.0, 40, 50.0, 70.0)}, seconds={"squad_contest": 5.0, "worker": 9.5}, versions={}
    ),
}


def fake_msrun(folder: Path, name: str, then: str = "") -> tuple[str, ...]:
    """A link that notes its name and writes what the real one's worker measures."""
    note = f"open({str(folder / 'calls')!r}, 'a').write({name + ' '!r})"
    write = f"open({str(folder / name)!r}, 'w').write({MEASURED[name].model_dump_json()!r})"
    return (sys.executable, "-c", f"import os, sys\n{note}\n{write}\n{then}")


def chain(folder: Path, then: str = "") -> Chain:
    """The training, which does ``then`` at its end, and one protocol."""
    return Chain(
        links=(fake_msrun(folder, "train", then), fake_msrun(folder, "squad_contest")),
        parts=(folder / "train", folder / "squad_contest"),
        total=folder / "total.json",
    )


def test_links_run_one_after_the_other_and_what_they_measured_is_one(tmp_path: Path) -> None:
    made = chain(tmp_path)
    assert made.run() == 0
    assert (tmp_path / "calls").read_text() == "train squad_contest "
    total = Measurement.read(made.total)
    assert total.scores == MEASURED["squad_contest"].scores
    assert total.seconds == {"train": 60.0, "squad_contest": 5.0, "worker": 79.5}
    assert (total.steps, total.versions) == (30, {"mindspore": "2.9"})
    assert total.data == MEASURED["train"].data


def test_link_that_fails_is_the_last_and_nothing_counts_as_measured(tmp_path: Path) -> None:
    made = chain(tmp_path, "sys.exit(3)")
    assert made.run() == 3
    assert (tmp_path / "calls").read_text() == "train "
    assert not made.total.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_chain_ends_by_the_signal_that_ended_its_link(tmp_path: Path, number: signal.Signals) -> None:
    made = chain(tmp_path, f"os.kill(os.getpid(), {int(number)})")
    command = [sys.executable, "-m", "trainer.chain", made.model_dump_json()]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -number


# -- the launcher, with a real msrun and fake workers -----------------------------------------------------------------

WORKER = """
import json, os, sys, time
if os.environ["MS_ROLE"] == "MS_SCHED":
    sys.exit()
arguments = dict(item.removeprefix("--").split("=", 1) for item in sys.argv[1:])
go = {go!r}
print("up", flush=True)
while arguments["stages"] == {held!r} and not os.path.exists(go):
    time.sleep(0.05)
if arguments["stages"] == {failing!r}:
    raise ValueError("no kernel")
open(arguments["measurement"], "w").write({measured!r})
"""
Start = Callable[..., Launcher]


def launch_of(paths: TrialPaths) -> msrun.Launch:
    train = msrun.Launch(paths.recipe, paths.job, ("train",), measurement=paths.part("train"))
    evaluation = replace(
        train,
        recipe=paths.evaluation("squad_contest"),
        stages=("squad_contest",),
        measurement=paths.part("squad_contest"),
        workers=1,
        log_folder=paths.link(1, "squad_contest").log_folder,
    )
    return replace(train, then=(evaluation,))


@pytest.fixture
def begin(paths: TrialPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start a chain of two msruns, a training on two workers and one protocol on one.

    Args: ``held`` and ``failing``: the stage that waits for a file ``go``, the one that fails; ``launch``: another.
    """

    def run(held: str = "", failing: str = "", launch: msrun.Launch | None = None) -> Launcher:
        worker = tmp_path / "fake_worker.py"
        measured = MEASURED["train"].model_dump_json()
        worker.write_text(WORKER.format(go=str(tmp_path / "go"), held=held, failing=failing, measured=measured))
        monkeypatch.setattr(msrun, "WORKER", worker)
        return Launcher(launch or launch_of(paths), Placement(0, 2, (), (0,), free_port(), 60000), paths)

    return run


def ended(launcher: Launcher) -> Exit:
    return until(launcher.poll)


def in_evaluation(launcher: Launcher, paths: TrialPaths) -> None:
    """Poll until the worker of the second msrun is up, and seen."""
    log = paths.link(1, "squad_contest").worker_log(0)
    until(lambda: launcher.poll() is None and log.exists() and "up" in log.read_text() and launcher._crew.workers)


def test_chain_is_finished_when_its_last_msrun_has_measured(begin: Start, paths: TrialPaths) -> None:
    launcher = begin()
    assert ended(launcher).outcome is Outcome.FINISHED
    assert Measurement.read(paths.measurement).steps == 30
    assert paths.worker_log(1).exists()
    assert [file.name for file in paths.link(1, "squad_contest").logs.glob("worker_*")] == ["worker_0.log"]


def test_failure_of_a_later_msrun_is_told_from_its_own_log(begin: Start, paths: TrialPaths) -> None:
    launcher = begin(failing="squad_contest")
    found = ended(launcher)
    assert (found.outcome, found.reason) == (Outcome.FAILED, "ValueError: no kernel")
    assert found.log == paths.link(1, "squad_contest").worker_log(0)
    assert found.log in launcher.all_logs


def test_next_attempt_goes_on_where_the_last_one_failed(begin: Start, paths: TrialPaths) -> None:
    assert ended(begin(failing="squad_contest")).outcome is Outcome.FAILED
    paths.adapter.write_bytes(b"trained")
    trained, part = paths.worker_log(1).stat().st_mtime_ns, paths.part("train").stat().st_mtime_ns
    first = launch_of(paths)
    launcher = begin(launch=replace(first, done=True))
    assert ended(launcher).outcome is Outcome.FINISHED
    # the training's files are those of the attempt before; its log is read for its steps once more
    assert (paths.worker_log(1).stat().st_mtime_ns, paths.part("train").stat().st_mtime_ns) == (trained, part)
    assert paths.adapter.read_bytes() == b"trained"
    assert Measurement.read(paths.measurement).seconds["worker"] == 140.0


def test_nothing_follows_a_training_that_failed(begin: Start, paths: TrialPaths) -> None:
    assert ended(begin(failing="train")).reason == "ValueError: no kernel"
    assert not paths.link(1, "squad_contest").logs.exists()


def test_worker_of_a_later_msrun_that_is_killed_ends_the_launch(begin: Start, paths: TrialPaths) -> None:
    launcher = begin(held="squad_contest")
    in_evaluation(launcher, paths)
    (worker,) = workers_of(paths.root).values()
    worker.kill()
    found = ended(launcher)
    assert (found.outcome, found.reason) == (Outcome.KILLED, "worker 0 was killed by SIGKILL")
    assert processes_of(paths.root) == []


def test_killed_chain_starts_nothing_more(begin: Start, paths: TrialPaths) -> None:
    launcher = begin(held="train")
    until(lambda: len(workers_of(paths.root)) == 2)
    assert launcher.kill().outcome is Outcome.KILLED
    assert processes_of(paths.root) == []
    assert not paths.link(1, "squad_contest").logs.exists()


def test_chain_is_taken_up_while_a_later_msrun_runs(begin: Start, paths: TrialPaths, tmp_path: Path) -> None:
    first = begin(held="squad_contest")
    in_evaluation(first, paths)
    # the chain is what the ledger knows, not the msrun that runs
    assert find_msrun(paths.root) == (first.pid, first.pid_started)
    second = Launcher.adopt(first.pid, first.pid_started, first.placement, paths, started_at=first.started_at)
    in_evaluation(second, paths)
    (tmp_path / "go").touch()
    assert ended(second).outcome is Outcome.FINISHED


def test_logs_of_an_earlier_attempt_are_not_taken_for_this_ones(begin: Start, paths: TrialPaths) -> None:
    stale = paths.link(2, "math_contest")
    stale.logs.mkdir()
    stale.worker_log(0).write_text("ValueError: of the attempt before")
    assert ended(begin(failing="train")).log in (paths.worker_log(0), paths.worker_log(1))
    assert not stale.logs.exists()
