"""Ascend cards: there, healthy, free; those that the sweep names exist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sweeps.doctor import npu_smi
from sweeps.doctor.finding import Check, Finding, fail, ok, warn
from sweeps.doctor.subject import Subject

_IDLE = 0.1
"""Share of a card's memory up to which it counts as free: of idle cards the driver holds up to 2,843 of 32,768 MB and
3,439 of 65,536 MB, as printed in public issues (https://github.com/vllm-project/vllm-ascend/issues/2557)."""


def checks(subject: Subject) -> list[Check]:
    """Return the checks of this group."""
    if not npu_smi.installed():
        return [Check("cards", "npu-smi", lambda: _without(subject))]
    return [
        Check("cards", "npu-smi", lambda: present(subject)),
        Check("cards", "health", lambda: health(subject)),
        Check("cards", "memory", lambda: memory(subject)),
    ]


def _without(subject: Subject) -> Iterator[Finding]:
    if subject.devices:
        yield fail(
            f"the sweep names cards {_listed(subject.devices)}, but there is no npu-smi, which comes with the driver",
            "run on the host with the cards, or put the driver's folder on the PATH",
        )
    else:
        yield ok("not there: trials run on this host's CPU")


def present(subject: Subject) -> Iterator[Finding]:
    """Say which cards there are, and which of the sweep's are not there."""
    chips = subject.npus.chips
    if not chips:
        yield fail("npu-smi lists no card", "in a container, give it the devices /dev/davinci*")
        return
    kinds = Counter(chip.name for chip in chips)
    yield ok(", ".join(f"{count} x {name}" for name, count in kinds.items()))
    if missing := [device for device in subject.devices if device >= len(chips)]:
        yield fail(
            f"slots.devices: there is no card {_listed(missing)}; there are {len(chips)}, counted from 0",
            f"name cards from 0 to {len(chips) - 1}",
        )


def health(subject: Subject) -> Iterator[Finding]:
    """Say which of the cards to be used are not healthy."""
    sick = {device: chip for device, chip in subject.used_chips.items() if chip.health != "OK"}
    for device, chip in sick.items():
        said = f"card {device} ({chip.name}): health {chip.health}"
        advice = f"see npu-smi info -t health -i {chip.npu}; leave it out of slots.devices until it is mended"
        yield warn(said, advice) if chip.health == "Warning" else fail(said, advice)
    if well := [device for device in subject.used_chips if device not in sick]:
        yield ok(f"cards {_listed(well)}: OK")


def memory(subject: Subject) -> Iterator[Finding]:
    """Say which of the cards to be used are in use."""
    busy = {device: chip for device, chip in subject.used_chips.items() if _busy(chip)}
    for device, chip in busy.items():
        who = ", ".join(f"process {process.pid} ({process.name})" for process in chip.processes)
        who = who or "no process that is seen from here"
        yield warn(
            f"card {device}: {chip.used:,} of {chip.total:,} MB in use, by {who}",
            "wait for them, or end them; processes that were left behind keep a card's memory",
        )
    if free := [device for device in subject.used_chips if device not in busy]:
        yield ok(f"cards {_listed(free)}: free")


def _busy(chip: npu_smi.Chip) -> bool:
    return bool(chip.processes) or chip.used > _IDLE * chip.total


def _listed(devices: list[int] | tuple[int, ...]) -> str:
    return ", ".join(map(str, devices))
