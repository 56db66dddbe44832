"""A sweep in a storm: a seeded killer strikes at its processes, server, database and disk; it must end as a quiet one.

    python -m tests.chaos.storm OUT [--seeds 20] [--trials 12] [--every 6] [--most 60]

Runs the sweep once in quiet, then once a seed in a storm; prints a line a run, and ends with 1 where any differs.
"""

from __future__ import annotations

import argparse
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.short_sweep import write_sweep
from tests.story import Story
from trainer.processes import find_msrun, kill_all, processes_of, workers_of
from trainer.slots import free_port

_STOPPED_SECONDS = 30.0
_LOCKED_SECONDS = 5.0
_PATIENCE = 3600.0
_VICTIMS = ("orchestrator", "msrun", "worker", "server")
# deterministic whatever the order: configurations by their number, and only the best of all goes on
_SETTINGS = """
halving: {{rungs: [1, 2], eta: {trials}}}
retries: {{attempts: 1000, backoff: 0.5, quarantine: 1000}}
disk: {{quota_gb: 0.5, reserve_gb: 0.1}}
"""


def write(folder: Path, trials: int) -> Story:
    """Write the sweep."""
    file = write_sweep(folder, trials=trials)
    text = file.read_text(encoding="utf-8").replace("type: ehvi", "type: random")
    text = text.replace("fixed: {runner_config.epochs: 1}\n", _SETTINGS.format(trials=trials))
    file.write_text(text, encoding="utf-8")
    return Story(file)


class Server:
    """An MLflow server, started again where it was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self._port}"
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [str(Path(sys.executable).with_name("mlflow")), "server", "--workers=1", f"--port={self._port}"]
        command += [f"--backend-store-uri=sqlite:///{self._folder}/mlflow.db", "--host=127.0.0.1"]
        command += [f"--artifacts-destination={self._folder}/artifacts"]
        with (self._folder / "server.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def all(self) -> list[psutil.Process]:
        """Return its processes."""
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        return []

    def strike(self, number: signal.Signals) -> None:
        """Send a signal to all its processes."""
        for process in self.all():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def live(self) -> None:
        """Start it again where it is gone."""
        if self.process.poll() is not None:
            self.process = self._start()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        self.strike(signal.SIGKILL)
        self.process.wait()


class Killer:
    """Strikes at random, and makes good later what a machine would: goes on with what was stopped.

    Args:
        every: seconds between two strikes, in the mean.
        most: strikes, after which it rests: on a slow machine no launch would get through an endless storm.
    """

    def __init__(self, story: Story, server: Server, seed: int, every: float, most: int) -> None:
        self._story, self._server, self._every, self._most = story, server, every, most
        self._random = random.Random(seed)
        self._later: list[tuple[float, Callable[[], object]]] = []
        self._next = time.monotonic() + self._random.uniform(0, 2 * every)
        self.strikes: dict[str, int] = {}

    def turn(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        for due in [item for item in self._later if item[0] <= now]:
            self._later.remove(due)
            due[1]()
        if now >= self._next and sum(self.strikes.values()) < self._most:
            self._next = now + self._random.uniform(0, 2 * self._every)
            self._strike()

    def calm(self) -> None:
        """Make good what is still to be made good."""
        for _, repair in self._later:
            repair()

    def _strike(self) -> None:
        victims = ["orchestrator", "msrun", "worker", "server"]
        what = self._random.choice(
            [f"{who} {how}" for who in victims for how in ("killed", "stopped")] + ["database", "disk"]
        )
        if self._do(what):
            self.strikes[what] = self.strikes.get(what, 0) + 1

    def _do(self, what: str) -> bool:
        if what == "database":
            return self._lock()
        if what == "disk":
            return self._fill()
        who, how = what.split()
        number = signal.SIGKILL if how == "killed" else signal.SIGSTOP
        if who == "server":
            self._server.strike(number)
            repair = self._server.live if how == "killed" else (lambda: self._server.strike(signal.SIGCONT))
            self._after(3.0 if how == "killed" else _STOPPED_SECONDS, repair)
            return True
        victim = self._victim(who)
        if victim is None:
            return False
        with suppress(psutil.NoSuchProcess):
            victim.send_signal(number)
        if how == "stopped":
            self._after(_STOPPED_SECONDS, lambda: _go_on(victim))
        return True

    def _victim(self, who: str) -> psutil.Process | None:
        with suppress(psutil.NoSuchProcess):
            if who == "orchestrator" and self._story.process is not None:
                return psutil.Process(self._story.process.pid)
            folders = [f for f in self._story.folder.glob("trial-*/rung-*") if processes_of(f)]
            if folders:
                folder = self._random.choice(sorted(folders))
                if who == "worker":
                    return next(iter(workers_of(folder).values()), None)
                known = find_msrun(folder)
                return None if known is None else psutil.Process(known[0])
        return None

    def _lock(self) -> bool:
        file = self._story.runs / "sweeps.db"
        if not file.exists():
            return False
        database = sqlite3.connect(file, timeout=0.1, isolation_level=None)
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            database.close()
            return False
        self._after(_LOCKED_SECONDS, database.close)
        return True

    def _fill(self) -> bool:
        if not self._story.folder.exists():
            return False
        full = self._story.folder / "full"
        with full.open("wb") as file:
            # a hole: it counts, but takes no room
            file.truncate(10**9)
        self._after(_LOCKED_SECONDS, lambda: full.unlink(missing_ok=True))
        return True

    def _after(self, seconds: float, repair: Callable[[], object]) -> None:
        self._later.append((time.monotonic() + seconds, repair))


def _go_on(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGCONT)


def quiet(folder: Path, trials: int) -> dict[str, Any]:
    """Run the sweep undisturbed; returns what came out."""
    story = write(folder, trials)
    story.begin()
    story.end()
    return outcome(story)


def outcome(story: Story) -> dict[str, Any]:
    """Return what must not depend on the storm."""
    found = {
        trial["number"]: (
            trial["state"],
            trial["rung"],
            trial["front"],
            trial["configuration"],
            {name: value for name, value in trial["values"].items() if name != "seconds"},
        )
        for trial in story.trials()
    }
    return found


def storm(folder: Path, trials: int, server: Server, seed: int, every: float, most: int) -> tuple[Story, Killer, int]:
    """Run the sweep in a storm to its end; returns also how often its orchestrator was started."""
    story = write(folder, trials)
    killer, started, deadline = Killer(story, server, seed, every, most), 0, time.monotonic() + _PATIENCE
    while True:
        # by its file: it may have been killed before it entered the sweep
        story.begin("start", "--tracking-uri", server.uri)
        started += 1
        assert story.process is not None
        while story.process.poll() is None:
            assert time.monotonic() < deadline, story.output
            killer.turn()
            time.sleep(0.2)
        if story.process.returncode == 0:
            break
        assert story.process.returncode == -signal.SIGKILL, story.output
    killer.calm()
    server.live()
    return story, killer, started


def faults(story: Story, server: Server, expected: dict[str, Any]) -> list[str]:
    """Return in what a sweep that went through a storm differs from a quiet one."""
    story.run("deliver", "short", "--patience", "120")
    found, wrong = outcome(story), []
    wrong += [f"trial {n}: {found.get(n)} in place of {e}" for n, e in expected.items() if found.get(n) != e]
    wrong += [f"trial {n} is one too many" for n in found.keys() - expected.keys()]
    runs = story.tracked(server.uri)
    labels = {"short", "base", *(f"trial-{n:04d}" for n in expected)}
    wrong += [f"MLflow has the runs {sorted(runs)}"] if set(runs) != labels else []
    for number, (_, rung, *_) in expected.items():
        label = f"trial-{number:04d}"
        steps, measured = (story.history(label, m, server.uri) for m in ("train/loss", "math_accuracy"))
        wrong += [] if steps == list(range(1, 10 * rung + 1)) else [f"{label} has the steps {steps}"]
        wrong += [] if measured == list(range(10, 10 * rung + 1, 10)) else [f"{label} was measured at {measured}"]
        wrong += [] if runs[label].info.status == "FINISHED" else [f"{label} is {runs[label].info.status}"]
    wrong += [f"the process {command} is left" for command in story.running()]
    left = [file for file in story.runs.rglob("*") if file.name.startswith(".") or file.suffix in (".part", ".tmp")]
    return [*wrong, *(f"{file} is left" for file in left)]


def main() -> int:
    """Run all seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--every", type=float, default=6.0)
    parser.add_argument("--most", type=int, default=60)
    arguments = parser.parse_args()
    out, bad = arguments.out.absolute(), 0
    expected = quiet(out / "quiet", arguments.trials)
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        began = time.monotonic()
        try:
            wrong = _one(out / f"seed-{seed}", arguments, seed, expected)
        except AssertionError as error:
            # the next seed says whether it is one of a kind
            wrong = [f"it ended otherwise: {error}"]
            kill_all(out / f"seed-{seed}")
        print(f"  {time.monotonic() - began:.0f} s, {len(wrong)} faults", *wrong, sep="\n  ", flush=True)
        bad += bool(wrong)
    return int(bool(bad))


def _one(folder: Path, arguments: argparse.Namespace, seed: int, expected: dict[str, Any]) -> list[str]:
    """Run one seed and say how it went; returns in what it differs from a quiet run."""
    with Server(folder / "server") as server:
        story, killer, started = storm(folder, arguments.trials, server, seed, arguments.every, arguments.most)
        wrong = faults(story, server, expected)
    attempts = sum(len(story.attempts(f"trial-{number:04d}")) for number in expected)
    strikes = ", ".join(f"{what} {count}" for what, count in sorted(killer.strikes.items()))
    print(f"seed {seed}: {started} orchestrators, {attempts} attempts; {strikes}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
