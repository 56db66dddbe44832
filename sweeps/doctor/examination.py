"""All checks in the order in which they are shown."""

from __future__ import annotations

from sweeps.doctor import cards, databases, disk, dry_step, ports, sweep_file, versions
from sweeps.doctor.finding import Check
from sweeps.doctor.subject import Subject


def checks(subject: Subject, *, step: bool) -> list[Check]:
    """Return what is to be looked at.

    Args:
        step: whether a launch is tried, which takes half a minute.
    """
    groups = [versions, cards, ports, disk, databases, sweep_file, *([dry_step] if step else [])]
    return [check for group in groups for check in group.checks(subject)]
