"""Telling what happens in a sweep while it runs: what is to be told, and the threads that send it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from rich.console import Console

from sweeps.channels import Channel, Command, Webhook
from sweeps.messenger import Messenger
from sweeps.notices import Notices
from sweeps.plan import Plan

_FILE, _LOG = "notices.db", "notices.log"


@contextmanager
def notices_of(
    plan: Plan, webhook: str | None, url: Callable[[], str | None], console: Console
) -> Iterator[Notices | None]:
    """Give where to say what happens, which is sent meanwhile; None where the sweep file names nobody to tell.

    Args:
        webhook: URL to post to; None: no webhook.
        url: where a browser finds the sweep in MLflow, if that is known.
        console: where to say that something could not be sent.

    Raises:
        StoreError: what is to be sent cannot be kept.
    """
    settings = plan.config.notify
    if settings is None:
        yield None
        return
    channels: list[Channel] = [] if webhook is None else [Webhook(webhook)]
    if settings.command is not None:
        channels.append(Command(settings.command, plan.folder / _LOG))
    names = [channel.name for channel in channels]
    messenger = Messenger(plan.folder / _FILE, channels, console)
    notices = Notices(
        plan.folder / _FILE,
        plan.config.name,
        plan.config.objectives,
        settings.events,
        names,
        url,
        messenger.wake,
        messenger.say,
    )
    with closing(notices), messenger:
        yield notices
