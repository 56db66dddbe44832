"""Slots and ports: whether launches and the UI get theirs."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from sweeps.config import SlotSettings
from sweeps.doctor.finding import Check, Finding, ok, warn
from sweeps.doctor.subject import Subject
from trainer.slots import HCCL_PORTS_PER_CARD, Slots

_UI = 5000


def checks(subject: Subject) -> list[Check]:
    """Return the checks of this group."""
    found = [Check("ports", "UI", lambda: ui(_UI))]
    if (config := subject.config) is not None:
        found.append(Check("ports", "slots", lambda: slots(config.slots)))
    return found


def ui(port: int) -> Iterator[Finding]:
    """Say whether ``lorasweep ui`` gets its port."""
    if _is_free(port):
        yield ok(f"{port} is free for `lorasweep ui`")
    else:
        yield warn(f"{port} is taken, maybe by a `lorasweep ui` that runs", f"lorasweep ui --port {port + 1}")


def slots(settings: SlotSettings) -> Iterator[Finding]:
    """Say whether every slot gets its share: cores or cards, a port of msrun's scheduler, on cards HCCL's.

    Raises:
        SlotError: the host cannot hold so many.
    """
    shares = Slots(settings.count, settings.workers, settings.devices)
    placements = [shares.lease() for _ in range(settings.count)]
    used = [
        port
        for placement in placements
        for port in range(placement.hccl_port, placement.hccl_port + HCCL_PORTS_PER_CARD * len(placement.devices))
    ]
    if taken := [port for port in used if not _is_free(port)]:
        yield warn(
            f"{', '.join(map(str, taken))}: taken, of the ports that HCCL opens on the sweep's cards",
            f"see ss -tanp; to keep others off: sysctl net.ipv4.ip_local_reserved_ports={used[0]}-{used[-1]}",
        )
    share = f"cards {list(placements[0].devices)}" if settings.devices else f"{len(placements[0].cores)} cores"
    yield ok(f"{settings.count} at a time, of {settings.workers} workers; the first has {share}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # what only waits for its last packets is no one who listens
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
