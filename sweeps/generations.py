"""A sweep whose file or data changed is another experiment: refused, or started as its next generation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sweeps import study as studies
from sweeps.config import SweepConfig
from sweeps.stores import StoreError

MAY_CHANGE = ("trials", "budget", "slots", "timeout", "watch", "retries", "disk", "notify")
"""Keys of a sweep file that make its trials no other experiment."""

_SHOWN = 10


def name_of(config: SweepConfig, url: str, inputs: Mapping[str, str], accept_changes: bool) -> str:
    """Return the name by which a sweep file runs: its own, or with ``.g2`` and so on that of a later generation.

    Args:
        inputs: what the sweep reads -> a digest of its content.
        accept_changes: start a new generation where no earlier one was of the same settings and contents.

    Raises:
        StoreError: the database cannot be read, or the sweep changed, with the differences to its last generation.
    """
    names = set(studies.study_names(url))
    known = [config.name]
    while known[-1] in names:
        known.append(f"{config.name}.g{len(known) + 1}")
    *started, new = known
    changed: list[str] = []
    for name in reversed(started):
        found = list(differences(name, url, config, inputs))
        if not found:
            return name
        changed = changed or found
    if not started or accept_changes:
        return new
    more = f"; and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    raise StoreError(
        f"sweep {started[-1]} was started with other settings or data: {'; '.join(changed[:_SHOWN])}{more}. Change them"
        f" back, or start {new} beside it: --accept-changes (only {', '.join(MAY_CHANGE)} may change within a sweep)"
    )


def differences(name: str, url: str, config: SweepConfig, inputs: Mapping[str, str]) -> Iterator[str]:
    """Yield in what a sweep that was started differs from what is to be started."""
    was, known = studies.started_with(name, url)
    if was is None:
        return
    before, now = (dict(_flat(c.model_dump(mode="json", exclude={"name", *MAY_CHANGE}))) for c in (was, config))
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key):
            yield f"{key}: {_shown(before, key)} -> {_shown(now, key)}"
    # in data parallel the workers make the batch
    if was.slots.workers != config.slots.workers:
        yield f"slots.workers: {was.slots.workers} -> {config.slots.workers}"
    for what, digest in inputs.items():
        if known.get(what) != digest:
            yield f"content of {what}: {known.get(what, 'none')[:12]} -> {digest[:12]}"


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _flat(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for i, part in enumerate(value):
            yield from _flat(part, f"{path}[{i}]")
    else:
        yield path, value


def _shown(values: Mapping[str, Any], key: str) -> str:
    return str(values[key]) if key in values else "not there"
