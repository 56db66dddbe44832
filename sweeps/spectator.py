"""A sweep that another process runs, as its database and its jobs' logs tell it: what ``watch`` shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from rich.console import Console

from sweeps import records
from sweeps import study as studies
from sweeps.entries import Attempt, Quarantine
from sweeps.host import here
from sweeps.idle import idle_text, last_state
from sweeps.lease import holder_of
from sweeps.ledger import Ledger
from sweeps.live import View
from sweeps.read import name_in
from sweeps.signals import end_like_ctrl_c
from sweeps.snapshot import Progress, Snapshot
from sweeps.spending import Spending
from sweeps.stores import StoreError, Stores
from sweeps.ui.standing import Standing
from sweeps.view import front_table
from sweeps.volume import growth
from trainer.course import Course
from trainer.paths import TrialPaths
from trainer.step_log import StepLog

_LOOK_SECONDS, _ASK_SECONDS = 1.0, 5.0
_EARLIER = 5

Event = tuple[float, Callable[[View, float | None], None]]
"""When something happened, UTC epoch seconds, and what says so, with the time where that is given."""


def watch(stores: Stores, name: str | None, console: Console) -> None:
    """Show a sweep as long as a process runs it, then its front; a database that goes away meanwhile is waited for.

    Raises:
        StoreError: there is no such sweep, or its database is away from the start.
        KeyboardInterrupt: the user has seen enough; the sweep goes on.
    """
    end_like_ctrl_c()
    with studies.told(stores.study_url):
        spectator = Spectator(stores, name_in(stores, name))
    config = spectator.config
    with studies.told(stores.study_url), View(console, config.objectives, config.unit) as view:
        runs = spectator.runs()
        if not runs:
            view.say(spectator.idle())
        now, away = spectator.look(view), False
        while runs:
            view.show(now)
            time.sleep(_LOOK_SECONDS)
            try:
                with studies.told(stores.study_url):
                    # asked before the look, so that the last look sees how it ended
                    runs, now = spectator.runs(), spectator.look(view)
                    if not runs:
                        view.say(spectator.idle())
                away = False
            except StoreError as error:
                runs = True
                if not away:
                    view.say(f"{error}; this view goes on when it answers")
                away = True
        spectator.close()
    console.print(front_table(now.front, config.objectives, spectator.base))


class Spectator:
    """Reads at each look what is new: trials only when a job began or ended, logs from where the last look ended.

    Attributes:
        config: of the sweep.
        base: what the untouched base measured; None before.

    Raises:
        StoreError: by every method: the database cannot be read.
    """

    def __init__(self, stores: Stores, name: str) -> None:
        self._stores, self._url, self._name = stores, stores.study_url, name
        self._study = studies.load_study(name, self._url)
        self.config, self._total = studies.load_config(self._study), studies.load_trials(self._study)
        self._ledger, self._host = Ledger(self._url, name), here().name
        self._logs: dict[int, tuple[StepLog, Course]] = {}
        self._looked, self._seen, self._asked, self._runs = False, 0.0, -_ASK_SECONDS, False
        self._read()

    def close(self) -> None:
        """Close the connections."""
        self._ledger.close()

    def runs(self) -> bool:
        """Whether a process runs the sweep, asked of the database every few seconds."""
        if time.monotonic() - self._asked > _ASK_SECONDS:
            self._asked, self._runs = time.monotonic(), holder_of(self._url, self._name) is not None
        return self._runs

    def idle(self) -> str:
        """Return how the sweep stands, where no process runs it."""
        self._read()
        to_start = 0 if self._total is None else self._total - self._started
        jobs, attempts = self._ledger.jobs(), self._ledger.open_attempts()
        return idle_text(self._name, last_state(self._stores, self._name), self._results, jobs, attempts, to_start)

    def look(self, view: View) -> Snapshot:
        """Have ``view`` say what happened since the last look, of what was before the first only the last few things.

        Returns:
            how the sweep stands.
        """
        news = self._ledger.attempts_since(self._seen)
        if news or self._is_boxless:
            self._read()
        events = sorted(self._events(news), key=lambda event: event[0])
        for moment, say in events if self._looked else events[-_EARLIER:]:
            # what was before the first look did not happen just now
            say(view, None if self._looked else moment)
        self._looked = True
        self._seen = max([self._seen, *(moment for moment, _ in events)])
        attempts = self._ledger.open_attempts()
        self._logs = {attempt.id: self._logs.get(attempt.id) or self._log_of(attempt) for attempt in attempts}
        jobs = [self._progress(attempt) for attempt in attempts]
        running = sum(job.seconds * a.placement.workers for job, a in zip(jobs, attempts, strict=True))
        left = self._spending.left(running)
        return Snapshot(self.config, self._total, self._started, left, jobs, self._front, self._volumes)

    def _read(self) -> None:
        """Read all trials once; those that ended Optuna keeps in memory."""
        trials = self._study.get_trials(deepcopy=False)
        now = Standing.of(self.config, trials, self._study.user_attrs, ())
        self.base, self._front, self._results = now.base, now.front, now.results
        self.configurations = {result.label: result.configuration for result in now.results}
        self._values = {(result.label, result.rung): result.values for result in now.measured}
        if self.base is not None:
            self._values["base", None] = self.base.values
        # the box is written after the first measurement
        self._is_boxless = bool(now.measured) and not now.box
        self._volumes = growth(now.measured, self.config.objectives, now.box) if now.box else []
        self._started = records.started_of(trials)
        cards, seconds = self._ledger.card_seconds(), studies.load_seconds(self._study)
        self._spending = Spending(self.config.budget, records.units_of(trials), cards, seconds)

    # -- what happened -----------------------------------------------------------------------------------------------

    def _events(self, news: Sequence[Attempt]) -> Iterator[Event]:
        for attempt in news:
            if attempt.started > self._seen:
                yield attempt.started, partial(self._say_begun, attempt)
            if attempt.ended is not None and attempt.ended > self._seen:
                yield attempt.ended, partial(self._say_ended, attempt)
        for kept in self._ledger.quarantined():
            if kept.since > self._seen:
                yield kept.since, partial(self._say_quarantined, kept)

    def _say_begun(self, attempt: Attempt, view: View, at: float | None) -> None:
        view.started(attempt.label, self.configurations.get(attempt.label, {}), attempt.rung, at)

    def _say_ended(self, attempt: Attempt, view: View, at: float | None) -> None:
        values = self._values.get((attempt.label, attempt.rung))
        if attempt.reason:
            view.failed(attempt.label, attempt.reason, at)
        elif values is not None and attempt.seconds is not None:
            view.finished(attempt.label, values, attempt.seconds, attempt.rung, at)
        else:
            view.say(f"{attempt.label} ended: {attempt.outcome}", at)

    @staticmethod
    def _say_quarantined(kept: Quarantine, view: View, at: float | None) -> None:
        view.say(f"SLOT {kept.slot} OF {kept.host} IN QUARANTINE: {kept.reason}", at)

    # -- what runs ---------------------------------------------------------------------------------------------------

    def _log_of(self, attempt: Attempt) -> tuple[StepLog, Course]:
        log = TrialPaths(attempt.folder).worker_log(attempt.placement.workers - 1)
        return StepLog(log), Course(attempt.rung, self.config.unit)

    def _progress(self, attempt: Attempt) -> Progress:
        log, course = self._logs[attempt.id]
        readable = True
        # before it has a process the log is that of the attempt before
        if attempt.pid is not None:
            try:
                readable = attempt.folder.is_dir()
                course.add(log.poll())
            except OSError:
                readable = False
        seconds, slot = max(0.0, time.time() - attempt.started), attempt.placement.slot
        elsewhere = "" if attempt.host == self._host else attempt.host
        return Progress.of(attempt.label, attempt.rung, slot, seconds, course if readable else None, elsewhere)
