"""The end of a report: checkpoints, files with their digests, how to run it again, and where each number stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from sweeps.report.context import Context, HandedIn
from sweeps.report.evidence import Evidence
from sweeps.report.markdown import block, code, plain, table
from sweeps.report.texts import Texts
from trainer.checkpoints import EVENLY


def checkpoints(c: Context) -> Iterator[str]:
    """Yield which checkpoints there are, and where."""
    yield f"## {c.say('checkpoints')}"
    whole = c.trial.steps.last
    steps = "?" if whole is None else whole[1].total_steps
    yield c.say("checkpoints_merged" if c.place == "packed" else "checkpoints_text", steps=steps)
    if c.place == "left_out":
        yield c.say("checkpoints_left_out")
    if sentence := missing(c.trial, c.checkpoints, c.say):
        yield sentence
    url = c.material.options.checkpoint_url
    if c.checkpoints:
        columns = ("item", "step", "file", "bytes", "digest", "link")
        yield table([c.say(key) for key in columns], [_checkpoint_row(c, one, url) for one in c.checkpoints])
    yield c.say("best_text", point=c.result.point)
    if url is None:
        yield c.say("no_link")


def missing(trial: Evidence, handed_in: Sequence[HandedIn], say: Texts) -> str:
    """Say which of the evenly spaced checkpoints are not there, and why; empty where all are."""
    # of a merged one there may be several files
    found = len({checkpoint.number for checkpoint in handed_in} - {None})
    if found >= EVENLY:
        return ""
    last, steps = trial.steps.last, trial.measured.steps
    whole = None if last is None else last[1].total_steps
    reason = say("missing_gone")
    if whole is not None and steps is not None and steps < whole:
        reason = say("missing_stopped", steps=steps, whole=whole)
    return say("checkpoints_missing", found=found, reason=reason)


def _checkpoint_row(c: Context, checkpoint: HandedIn, url: str | None) -> Sequence[str]:
    which = c.say("best") if checkpoint.number is None else c.say("evenly", number=checkpoint.number)
    step = "" if checkpoint.step is None else str(checkpoint.step)
    link = "" if url is None else plain(f"{url.rstrip('/')}/{quote(checkpoint.name)}")
    return which, step, code(checkpoint.name), str(checkpoint.bytes), code(checkpoint.sha256), link


def files(c: Context) -> Iterator[str]:
    """Yield all files of the runs and what they read, with digests."""
    yield f"## {c.say('files')}"
    yield c.say("files_text" if c.place == "alone" else "files_packed")
    rows = [
        (code(c.trial.folder.name(file)), str(file.stat().st_size), code(digest))
        for file, digest in c.material.digests.items()
    ]
    yield table((c.say("file"), c.say("bytes"), c.say("digest")), rows)


def again(c: Context) -> Iterator[str]:
    """Yield how to run it again."""
    yield f"## {c.say('again')}"
    yield c.say("again_text")
    yield block(c.rerun)


def sources(c: Context) -> Iterator[str]:
    """Yield the sources; to be asked last, when all were cited."""
    yield f"## {c.say('sources')}"
    yield c.say("sources_text" if c.place == "alone" else "sources_packed")
    rows = [(f"S{number}", code(source)) for number, source in c.register.cited]
    yield table((c.say("number"), c.say("source")), rows)
