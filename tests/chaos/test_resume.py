"""A sweep whose orchestrator, launches or workers are killed, or that is stopped, ends as one that was left alone."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.short_sweep import SLOTS, write_sweep
from tests.story import Story
from tests.waiting import until
from trainer.processes import workers_of

pytestmark = pytest.mark.skipif(SLOTS < 2, reason="two trials at the same time need two cores")
STEPS = list(range(1, 31))


def sweep(folder: Path, trials: int) -> Path:
    file = write_sweep(folder, trials=trials, epochs=3)
    file.write_text(file.read_text(encoding="utf-8") + "retries: {backoff: 0, quarantine: 9}\n", encoding="utf-8")
    return file


def test_killed_orchestrator_loses_nothing(tmp_path: Path) -> None:
    story = Story(sweep(tmp_path, trials=2))
    story.begin()
    story.says("base done")
    story.trains("trial-0001")
    with story.frozen("trial-0001"):
        story.kill()
        # the launch goes on without it, and the next one takes it up
        assert workers_of(story.folder / "trial-0001")
        story.begin("resume")
        story.says("trial-0001 is still running: taken up again")
        story.kill()
    # left alone it trains and measures to its end
    until(lambda: (story.folder / "trial-0001/measurement.json").exists())
    until(lambda: not story.running())
    story.begin("resume", "--trials", 3)
    story.trains("trial-0002")
    with story.frozen("trial-0002"):
        story.kill()
        story.run("stop", "short", code=2)
        story.run("stop", "short", "--now")
    assert story.running() == []
    output = story.run("resume", "--trials", 3)
    assert "trial-0002 ended without a measurement; it is done again" in output
    assert [len(story.attempts(f"trial-000{n}")) for n in (0, 1, 2)] == [1, 1, 2]
    assert [trial["state"] for trial in story.trials()] == ["complete"] * 3
    assert {run.info.status for run in story.tracked().values()} == {"FINISHED"}
    for label in ("trial-0000", "trial-0001", "trial-0002"):
        assert story.history(label, "train/loss") == STEPS
        assert len(story.history(label, "math_accuracy")) == 1
    assert "started" not in story.run("resume", "--trials", 3)


def test_sweep_that_is_disturbed_and_stopped(tmp_path: Path) -> None:
    story = Story(sweep(tmp_path, trials=3))
    story.begin()
    story.says("base done")
    story.trains("trial-0001")
    for worker in workers_of(story.folder / "trial-0001").values():
        worker.kill()
    story.says("trial-0001 is done again")
    story.trains("trial-0002")
    with story.frozen("trial-0002"):
        story.run("cancel", "short", 2)
        story.says("trial-0002 cancelled")
    story.end()
    story.begin("resume", "--trials", 4)
    story.trains("trial-0003")
    with story.frozen("trial-0003"):
        assert "process" in story.run("stop", "short")
        story.says("stopping: nothing new starts; waiting for")
    assert "stopped before its end" in story.end(130)
    assert story.running() == []
    assert [trial["state"] for trial in story.trials()] == ["complete", "complete", "cancelled", "complete"]
    again = story.attempts("trial-0001")
    assert [(attempt.outcome, attempt.kind) for attempt in again] == [("killed", "host"), ("finished", "")]
    assert story.history("trial-0001", "train/loss") == STEPS
    # twice: at once; what was stopped so is done again
    story.begin("resume", "--trials", 5)
    story.trains("trial-0004")
    with story.frozen("trial-0004"):
        story.kill(signal.SIGINT)
        story.says("stopping: nothing new starts; waiting for trial-0004")
        story.kill(signal.SIGTERM)
        story.end(130)
    assert story.running() == []
    assert story.tracked()["trial-0004"].info.status == "KILLED"
    story.run("resume", "--trials", 5)
    assert [trial["state"] for trial in story.trials()][3:] == ["complete", "complete"]
    statuses = {name: run.info.status for name, run in story.tracked().items()}
    assert statuses == dict.fromkeys(statuses, "FINISHED") | {"trial-0002": "KILLED"}
