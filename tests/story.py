"""A sweep that runs in a process of its own, and what can be seen of it from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from sweeps.entries import Attempt
from sweeps.ledger import Ledger
from sweeps.stores import Stores
from tests.waiting import until
from trainer.processes import processes_of

ROOT = Path(__file__).parents[1]


class Story:
    """One sweep file and its runs folder.

    Args:
        sweep: the file.
    """

    def __init__(self, sweep: Path) -> None:
        self.sweep, self.runs = sweep, sweep.parent / "runs"
        self.folder = self.runs / "sweeps/short"
        self.process: subprocess.Popen[bytes] | None = None
        self.logs = 0

    def begin(self, command: str = "start", *options: object) -> None:
        """Start or resume the sweep in the background."""
        self.logs += 1
        what = self.sweep if command == "start" else "short"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.argv(command, what, *options),
                env=self.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # the tests may run in the background, where shells have it ignored
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    @property
    def log(self) -> Path:
        """What the last process printed."""
        return self.sweep.parent / f"output-{self.logs}.txt"

    @property
    def output(self) -> str:
        """What the last process printed so far."""
        return self.log.read_text(encoding="utf-8")

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait for a condition while the process runs."""
        process = self.process
        assert process is not None
        until(lambda: condition() or process.poll() is not None)
        assert process.poll() is None or condition(), self.output

    def says(self, text: str) -> None:
        """Wait until the process has printed ``text``."""
        self.wait_for(lambda: text in self.output)

    def trains(self, label: str) -> None:
        """Wait until a trial has trained a step."""
        log = self.folder / label / "msrun_log/worker_0.log"
        self.wait_for(lambda: log.exists() and "Epoch:[" in log.read_text(errors="replace"))

    @contextmanager
    def frozen(self, label: str = "") -> Iterator[None]:
        """Stop a trial's processes meanwhile, or all trials': on a slow machine a command takes longer than a trial."""
        processes = processes_of(self.folder / label)
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the orchestrator; wait for its end where it is SIGKILL."""
        assert self.process is not None
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait()

    def end(self, code: int = 0) -> str:
        """Wait for the end of the process; returns what it printed."""
        assert self.process is not None
        assert self.process.wait(timeout=900) == code, self.output
        return self.output

    def run(self, *arguments: object, code: int = 0) -> str:
        """Run a command to its end; returns what it printed."""
        done = subprocess.run(
            self.argv(*arguments), env=self.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def argv(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "sweeps.cli", *map(str, arguments), "--runs", str(self.runs)]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT)}

    def trials(self) -> list[dict[str, Any]]:
        """What ``status`` says of each trial."""
        found: list[dict[str, Any]] = json.loads(self.run("status", "short", "--json"))["trials"]
        return found

    def attempts(self, label: str) -> list[Attempt]:
        """What the ledger says of a trial's attempts."""
        ledger = Ledger(Stores(self.runs).study_url, "short")
        found = [attempt for attempt in ledger.attempts() if attempt.label == label]
        ledger.close()
        return found

    def tracked(self, uri: str | None = None) -> dict[str, Run]:
        """MLflow's runs by name, each name once; ``uri``: of a server."""
        client = self._client(uri)
        experiment = client.get_experiment_by_name("short")
        assert experiment is not None
        runs = list(client.search_runs([experiment.experiment_id]))
        assert not [name for name, count in Counter(run.info.run_name for run in runs).items() if count > 1]
        return {run.info.run_name: run for run in runs}

    def history(self, label: str, metric: str, uri: str | None = None) -> list[int]:
        """The steps at which MLflow has a metric of a trial, in their order."""
        points = self._client(uri).get_metric_history(self.tracked(uri)[label].info.run_id, metric)
        return [point.step for point in points]

    def _client(self, uri: str | None) -> MlflowClient:
        return MlflowClient(uri or f"sqlite:///{self.runs}/mlflow.db")

    def running(self) -> list[str]:
        """The command lines of the processes that are left: a trial's, and any that names the runs folder."""
        left = {process.pid: process for process in processes_of(self.folder)}
        for process in psutil.process_iter(["cmdline"]):
            if any(str(self.runs) in argument for argument in process.info["cmdline"] or ()):
                left[process.pid] = process
        found = []
        for process in left.values():
            with suppress(psutil.NoSuchProcess):
                found.append(" ".join(process.cmdline()) or process.name())
        return found
