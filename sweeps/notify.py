"""Whom a sweep tells of what happens: the ``notify`` section of a sweep file, and the secret that it only names."""

from __future__ import annotations

import re
import shutil
from collections.abc import MutableMapping
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from search_spaces.section import Items, Section

Happening = Literal["done", "knee", "failed", "quarantined"]
"""The sweep ended; the front's knee is another one; a trial failed for good; a slot gets no more jobs."""


class NotifyError(ValueError):
    """A sweep is to tell of what happens, and the secret that it needs for that is not there or not fit."""


def _variable(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        # not repeated: it may be the URL, and that a secret
        raise ValueError(
            "expected the name of an environment variable that holds the URL, such as LORASWEEP_WEBHOOK: whoever knows "
            "a webhook's URL can post to it, and what a sweep file says is kept in databases"
        )
    return value


def _program(value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if not isinstance(info.context, Path):
        return value  # as it was found when the sweep was started
    program = str(info.context / value[0]) if "/" in value[0] else value[0]
    if shutil.which(program) is None:
        raise ValueError(f"there is no program {program} that can be run; mend its name, its place or its rights")
    return (program, *value[1:])


class Notify(Section):
    """Whom to tell of what.

    Attributes:
        webhook_env: environment variable with the URL that messages are posted to.
        command: program and arguments, no shell; gets a message on its standard input; a program with a / in its name
            is relative to the sweep file.
        events: what to tell of.
    """

    webhook_env: Annotated[str, AfterValidator(_variable)] | None = None
    command: Annotated[Items[str], Field(min_length=1), AfterValidator(_program)] | None = None
    events: Annotated[Items[Happening], Field(min_length=1)] = get_args(Happening)

    @model_validator(mode="after")
    def _reach_somebody(self) -> Notify:
        if self.webhook_env is None and self.command is None:
            raise ValueError("tells nobody; expected webhook_env, command or both")
        return self

    def take_webhook(self, environment: MutableMapping[str, str]) -> str | None:
        """Return the URL, and take it out of the environment: what training jobs know may end up in a log.

        Raises:
            NotifyError: the variable is not set, or holds no URL.
        """
        if self.webhook_env is None:
            return None
        url = environment.pop(self.webhook_env, "")
        try:
            parts = urlsplit(url)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound:
            state = "holds no http(s) URL" if url else "is not set"
            raise NotifyError(
                f"notify.webhook_env: the environment variable {self.webhook_env} {state}; set it to the webhook's "
                "URL, or delete the key from the sweep file"
            )
        return url
