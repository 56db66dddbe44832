"""What another process sees of a sweep that runs: in a pipe, on a terminal, from the database and the logs alone."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from optuna.storages import RDBStorage
from rich.console import Console

from sweeps.lease import Lease
from sweeps.live import View
from sweeps.snapshot import Snapshot
from sweeps.spectator import Spectator
from tests.sweeps.running import NAME, RunningSweep, step_line

ROOT = Path(__file__).parents[2]
# as CI services set it: then colours may come, though there is no terminal
FORCED = {"FORCE_COLOR": "1"}
HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"


@pytest.fixture
def sweep(tmp_path: Path) -> RunningSweep:
    made = RunningSweep(tmp_path)
    made.measure_base()
    return made


@pytest.fixture
def lease(sweep: RunningSweep) -> Iterator[Lease]:
    """Let this process be the one that runs the sweep."""
    with Lease.acquire(sweep.stores.study_url, sweep.config.name) as held:
        yield held


class Onlooker:
    """A spectator with all that it said."""

    def __init__(self, sweep: RunningSweep) -> None:
        self._file = io.StringIO()
        self._view = View(Console(file=self._file, width=200), sweep.config.objectives, sweep.config.unit)
        self._spectator = Spectator(sweep.stores, sweep.config.name)

    def look(self) -> tuple[Snapshot, list[str]]:
        """Look once more; returns what there is and what was said of it."""
        self._file.truncate(0)
        self._file.seek(0)
        return self._spectator.look(self._view), self._file.getvalue().splitlines()


def test_jobs_have_their_slot_step_loss_and_time_left(sweep: RunningSweep) -> None:
    onlooker = Onlooker(sweep)
    attempt = sweep.begin(slot=5)
    sweep.log(attempt, "".join(step_line(i, 20, 3, 3.0 - i / 10) for i in range(1, 11)))
    (job,) = onlooker.look()[0].jobs
    assert (job.label, job.rung, job.slot, job.host, job.step) == ("trial-0000", 1, 5, "", "10/20")
    assert job.loss == pytest.approx(2.0)
    assert job.seconds_left == 10 * 0.5


def test_a_log_is_read_on_from_where_it_was(sweep: RunningSweep) -> None:
    onlooker, attempt = Onlooker(sweep), sweep.begin()
    log = attempt.folder / "msrun_log/worker_0.log"
    sweep.log(attempt, step_line(1, 20, 3, 3.0))
    assert onlooker.look()[0].jobs[0].step == "1/20"
    # whoever read it whole again would find no step in its beginning
    log.write_bytes(b"#" * log.stat().st_size)
    sweep.log(attempt, step_line(2, 20, 3, 2.9))
    (job,) = onlooker.look()[0].jobs
    assert job.step == "2/20"
    assert job.losses[0] == pytest.approx(3.0)


def test_what_began_and_ended_is_said_once(sweep: RunningSweep) -> None:
    onlooker = Onlooker(sweep)
    onlooker.look()
    attempt = sweep.begin()
    assert [line.split("  ")[0] for line in onlooker.look()[1]] == ["trial-0000 started to epoch 1"]
    assert onlooker.look()[1] == []
    sweep.end(attempt, 60.0)
    now, said = onlooker.look()
    assert said == ["trial-0000 done at epoch 1 in 60 s  math_accuracy=60  f1=79  ratio=0.01"]
    assert [result.point for result in now.front.results] == ["trial-0000@1"]
    assert len(now.volumes) == 1
    assert now.volumes[0] > 0
    assert onlooker.look()[1] == []


def test_of_what_was_before_the_first_look_the_last_things_are_said(sweep: RunningSweep) -> None:
    for accuracy in range(30, 40):
        sweep.end(sweep.begin(), float(accuracy))
    said = Onlooker(sweep).look()[1]
    assert len(said) == 5
    assert "trial-0009 done" in said[-1]


def test_what_was_before_the_first_look_is_said_with_its_local_time_and_older_than_a_day_with_its_date(
    sweep: RunningSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = sweep.begin()
    began, said = time.localtime(attempt.started), "trial-0000 started to epoch 1"
    assert Onlooker(sweep).look()[1][0].startswith(f"{began.tm_hour:02}:{began.tm_min:02}  {said}")
    monkeypatch.setattr("sweeps.live.time.time", lambda: attempt.started + 25 * 3600)
    assert Onlooker(sweep).look()[1][0].startswith(time.strftime("%Y-%m-%d %H:%M  ", began) + said)


def test_failures_and_quarantines_are_said_with_their_reason(sweep: RunningSweep) -> None:
    onlooker = Onlooker(sweep)
    onlooker.look()
    attempt = sweep.begin()
    sweep.ledger.ended(attempt.id, "failed", 3.0, "host", "port taken", "RuntimeError: [red]port\x1b[0m taken")
    sweep.ledger.quarantine(attempt.host, 0, "port taken")
    said = onlooker.look()[1]
    assert said[1] == "trial-0000 failed: RuntimeError: [red]port\ufffd[0m taken"
    assert said[2] == f"SLOT 0 OF {attempt.host} IN QUARANTINE: port taken"


def test_what_is_left_of_the_budget_counts_what_runs(sweep: RunningSweep) -> None:
    onlooker = Onlooker(sweep)
    for _ in range(3):
        sweep.begin()
    assert onlooker.look()[0].left == {"epochs": 27.0}


def test_a_job_of_another_host_names_it_and_that_its_log_is_not_here(
    sweep: RunningSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = sweep.begin()
    attempt.folder.rename(attempt.folder.with_name("elsewhere"))
    monkeypatch.setattr("socket.gethostname", lambda: "laptop")
    (job,) = Onlooker(sweep).look()[0].jobs
    assert (job.slot, job.host) == (0, attempt.host)
    assert job.step == "log elsewhere"


def test_a_retry_does_not_show_the_log_of_the_attempt_before(sweep: RunningSweep) -> None:
    first = sweep.begin()
    sweep.log(first, step_line(19, 20, 3, 1.0))
    onlooker = Onlooker(sweep)
    onlooker.look()
    sweep.ledger.ended(first.id, "failed", 3.0, "host", "port taken", "port taken")
    (first.folder / "msrun_log/worker_0.log").unlink()
    sweep.begin(number=0)
    assert onlooker.look()[0].jobs[0].step == "starting"


def test_trials_are_read_only_when_a_job_began_or_ended(sweep: RunningSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("trials were read")

    onlooker = Onlooker(sweep)
    attempt = sweep.begin()
    onlooker.look()
    monkeypatch.setattr(RDBStorage, "_get_trials", refuse)
    sweep.log(attempt, step_line(1, 20, 3, 3.0))
    assert onlooker.look()[0].jobs[0].step == "1/20"
    sweep.ledger.ended(attempt.id, "killed", 1.0)
    with pytest.raises(AssertionError, match="trials were read"):
        onlooker.look()


def environment(**changed: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **changed}


def command(sweep: RunningSweep) -> list[str]:
    return [sys.executable, "-m", "sweeps.cli", "watch", NAME, "--runs", str(sweep.stores.root)]


@pytest.mark.parametrize(("forced", "controls"), [({}, r"[\x00-\x09\x0b-\x1f]"), (FORCED, r"\x1b(?!\[[\d;]*m)|\r")])
def test_in_a_pipe_there_is_a_line_an_event_and_nothing_that_moves_a_cursor(
    sweep: RunningSweep, lease: Lease, forced: dict[str, str], controls: str
) -> None:
    attempt = sweep.begin()
    process = subprocess.Popen(command(sweep), env=environment(**forced), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline()]
    sweep.end(attempt, 60.0)
    said.append(process.stdout.readline())
    lease.release()
    rest, _ = process.communicate()
    assert process.returncode == 0
    assert re.match(r"\d\d:\d\d  trial-0000 started to epoch 1", said[0])
    assert said[1].startswith("trial-0000 done at epoch 1")
    assert f"{NAME} is not running: 1 stopped; " in rest
    assert "trial-0000@1" in rest
    assert not re.search(controls, "".join(said) + rest)


def test_view_outlives_a_database_that_is_away_for_a_while(postgres: str, tmp_path: Path) -> None:
    sweep = RunningSweep(tmp_path, postgres)
    sweep.measure_base()
    lease = Lease.acquire(sweep.stores.study_url, NAME)
    attempt = sweep.begin()
    arguments = [*command(sweep), "--database", postgres]
    process = subprocess.Popen(arguments, env=environment(), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "trial-0000 started" in process.stdout.readline()
    server, _, name = postgres.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        assert "this view goes on when it answers" in process.stdout.readline()
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    sweep.end(attempt, 60.0)
    lease.release()
    rest, _ = process.communicate()
    assert process.returncode == 0
    assert "this view" not in rest
    assert "trial-0000 done at epoch 1" in rest


def test_a_sweep_whose_process_is_gone_is_told_from_one_that_ended(sweep: RunningSweep) -> None:
    sweep.begin()
    done = subprocess.run(command(sweep), env=environment(), capture_output=True, text=True, check=True)
    first = done.stdout.splitlines()[0]
    assert first.startswith(f"{NAME} is not running: 1 interrupted; trial-0000 did not end; ")
    assert first.endswith(f"; `lorasweep resume {NAME}` goes on")


class Terminal:
    """A pseudo-terminal with a process on it, and all that came."""

    def __init__(self, arguments: list[str], env: dict[str, str]) -> None:
        self._leader, self._follower = pty.openpty()
        termios.tcsetwinsize(self._follower, (30, 80))
        self.before = termios.tcgetattr(self._follower)
        self.process = subprocess.Popen(
            arguments,
            env=env,
            stdin=self._follower,
            stdout=self._follower,
            stderr=self._follower,
            start_new_session=True,
            # where the tests themselves run in the background, they are ignored, which a child inherits
            preexec_fn=lambda: [signal.signal(one, signal.SIG_DFL) for one in (signal.SIGINT, signal.SIGHUP)],
        )
        self.said = b""

    def until(self, condition: Callable[[bytes], object]) -> None:
        """Read until what came fulfils a condition; only a hang makes the test fail."""
        while not condition(self.said):
            assert select.select([self._leader], [], [], 300)[0], self.said
            self.said += os.read(self._leader, 65536)

    def end(self, number: signal.Signals) -> int:
        """Send a signal; returns the exit code, with all read that was still to come."""
        self.process.send_signal(number)
        code = self.process.wait(300)
        while select.select([self._leader], [], [], 0)[0]:
            self.said += os.read(self._leader, 65536)
        self.after = termios.tcgetattr(self._follower)
        os.close(self._follower)
        os.close(self._leader)
        return code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_terminal_is_redrawn_and_left_in_order(sweep: RunningSweep, lease: Lease, number: signal.Signals) -> None:
    attempt = sweep.begin()
    terminal = Terminal(command(sweep), environment())
    terminal.until(lambda said: b"starting" in said)
    assert HIDE in terminal.said
    sweep.log(attempt, step_line(1, 20, 3, 3.0) + step_line(2, 20, 3, 2.0))
    terminal.until(lambda said: b"2/20" in said)
    # lines are drawn over
    assert b"\x1b[1A" in terminal.said
    assert terminal.end(number) == 130
    assert terminal.said.rindex(SHOW) > terminal.said.rindex(HIDE)
    assert terminal.after == terminal.before
    assert b"Traceback" not in terminal.said
    # the picture is taken away
    assert terminal.said.rindex(b"\x1b[2K") > terminal.said.rindex(b"2/20")


def test_no_colour_means_none_on_a_terminal(sweep: RunningSweep, lease: Lease) -> None:
    sweep.begin()
    terminal = Terminal(command(sweep), environment(NO_COLOR="1"))
    terminal.until(lambda said: b"starting" in said)
    terminal.end(signal.SIGINT)
    # bold and dim are no colours
    assert set(re.findall(rb"\x1b\[([\d;]*)m", terminal.said)) <= {b"0", b"1", b"2"}
