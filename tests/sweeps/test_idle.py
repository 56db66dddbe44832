"""What is said of a sweep that no process runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.entries import Job
from sweeps.idle import idle_text, last_state
from sweeps.outbox import FOLDER, Outbox
from sweeps.results import Result
from sweeps.stores import Stores
from sweeps.tracking import FINISHED, Tracker
from tests.sweeps.made import result

COMPLETE = result(0, 60.0, 0.01)
STOPPED = replace(COMPLETE, number=1, state="stopped", rung=1)
RUNNING = replace(COMPLETE, number=2, state="running")


@pytest.mark.parametrize(
    ("state", "results", "jobs", "to_start", "text"),
    [
        ("complete", [STOPPED, COMPLETE, STOPPED], ["done"], 0, "tiny is complete: 1 complete, 2 stopped"),
        ("running", [RUNNING], ["queued", "done"], 0, "tiny is not running: 1 interrupted; 1 job waits; {resume}"),
        ("stopped", [COMPLETE], ["queued", "queued"], 0, "tiny is not running: 1 complete; 2 jobs wait; {resume}"),
        ("stopped", [COMPLETE], [], 3, "tiny is not running: 1 complete; 3 trials are still to start; {resume}"),
        ("failed", [], [], 1, "tiny gave up: no trial was started; 1 trial is still to start; {resume}"),
    ],
)
def test_a_complete_sweep_is_told_from_one_that_resume_goes_on_with(
    state: str, results: Sequence[Result], jobs: Sequence[str], to_start: int, text: str
) -> None:
    known = [Job(f"trial-{i:04d}", 1, state, 0.0) for i, state in enumerate(jobs)]
    told = text.format(resume="`lorasweep resume tiny` goes on")
    assert idle_text("tiny", state, results, known, (), to_start) == told


def test_of_a_sweep_of_another_host_nothing_is_claimed() -> None:
    assert idle_text("tiny", None, [COMPLETE], (), (), 0) == "tiny is not running: 1 complete"


def test_the_state_is_that_in_which_the_last_process_left_the_sweep(tmp_path: Path) -> None:
    stores = Stores(tmp_path)
    assert last_state(stores, "tiny") is None
    outbox = Outbox(stores.sweep("tiny") / FOLDER)
    tracker = Tracker(outbox)
    tracker.start_sweep({})
    assert last_state(stores, "tiny") == "running"
    tracker.finish(tracker.parent, FINISHED, "complete")
    assert last_state(stores, "tiny") == "complete"
    outbox.close()
