"""After a crash: what an earlier orchestrator left is taken up, kept, or ended, so that it can be done again."""

from __future__ import annotations

from sweeps.entries import Attempt
from sweeps.host import here
from sweeps.jobs import LOST, Jobs, Running
from sweeps.ledger import DONE, Ledger
from sweeps.live import View
from sweeps.outcome import Keeper
from trainer.ending import Outcome
from trainer.slots import SlotError


def take_up(ledger: Ledger, jobs: Jobs, keeper: Keeper, view: View) -> None:
    """Take up the launches that still run or ended after their orchestrator; end all else that it left running."""
    for attempt in ledger.open_attempts():
        if attempt.host != here().name:
            view.say(
                f"{attempt.label} was begun on {attempt.host}; what may still run there is not stopped from here, "
                f"and it is done again"
            )
            ledger.ended(attempt.id, LOST, 0.0)
        elif (job := _adopted(jobs, attempt, view)) is not None:
            _settle(ledger, jobs, keeper, view, job)
    jobs.reap()
    keeper.reconcile({job.task.label for job in jobs.running})


def _adopted(jobs: Jobs, attempt: Attempt, view: View) -> Running | None:
    try:
        return jobs.adopt(attempt)
    except SlotError as error:
        view.say(f"{attempt.label} is stopped and done again: {error}")
        jobs.end_attempt(attempt)
        return None


def _settle(ledger: Ledger, jobs: Jobs, keeper: Keeper, view: View, job: Running) -> None:
    ended = job.launcher.poll()
    if ended is not None and ended.outcome is Outcome.FINISHED and keeper.measured_before(job):
        jobs.remove(job, ended, None)
        ledger.close_job(job.task.label, job.task.rung, DONE)
    elif ended is None:
        view.say(f"{job.task.label} is still running: taken up again")
    elif ended.outcome is not Outcome.FINISHED:
        # the machine or a user ended it with the orchestrator, or it failed: then it will once more, and be judged
        view.say(f"{job.task.label} ended without a measurement; it is done again")
        jobs.remove(job, ended, None)
