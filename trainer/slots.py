"""Shares of this host: which devices, cores and ports a job holds, disjoint from every other job's."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass

_HCCL_PORT = 60000
HCCL_PORTS_PER_CARD = 32
"""So many does CANN 9.0 open from ``HCCL_IF_BASE_PORT`` on (its environment variables, envref_07_0074); 8.0 opens 16.

By the card, not by the slot: another sweep on the same host has slots of the same numbers.
"""
_CARDS = 16  # of a host, at most


class SlotError(ValueError):
    """The host cannot hold that many jobs."""


@dataclass(frozen=True)
class Placement:
    """One job's share of the host.

    Attributes:
        slot: index of the slot that the job holds.
        workers: msrun workers, one a card.
        devices: Ascend cards; empty on CPU.
        cores: CPU cores; empty on Ascend, where msrun's own binding applies.
        scheduler_port: port of msrun's scheduler, free when the placement was made.
        hccl_port: first of the ports that HCCL opens on Ascend.
    """

    slot: int
    workers: int
    devices: tuple[int, ...]
    cores: tuple[int, ...]
    scheduler_port: int
    hccl_port: int

    def __post_init__(self) -> None:
        if self.devices and len(self.devices) != self.workers:
            raise ValueError(f"len(devices) == workers must hold, but got {self.devices} and {self.workers}")


class Slots:
    """The slots of this host, leased one by one.

    Args:
        count: jobs at the same time.
        workers: msrun workers a job.
        devices: cards that may be used, in order; empty on CPU.
        cores: CPU cores that may be used; None: all that this process may use. Divided evenly among the slots.
    """

    def __init__(
        self, count: int, workers: int, devices: Sequence[int] = (), cores: Sequence[int] | None = None
    ) -> None:
        if devices and count * workers > len(devices):
            raise SlotError(f"slots: {count} jobs of {workers} cards need {count * workers}, there are {len(devices)}")
        available = sorted(os.sched_getaffinity(0)) if cores is None else list(cores)
        if not devices and count > len(available):
            raise SlotError(f"slots: {count} jobs on CPU need a core each, there are {len(available)}; lower `slots`")
        share = len(available) // count
        self._workers = workers
        self._devices = [tuple(devices[i * workers : (i + 1) * workers]) for i in range(count)]
        self._cores = [() if devices else tuple(available[i * share : (i + 1) * share]) for i in range(count)]
        self._free = list(range(count))
        self._closed: set[int] = set()

    @property
    def free(self) -> int:
        """How many slots are free."""
        return len(self._free)

    def lease(self, avoid: Collection[int] = ()) -> Placement:
        """Take the first free slot, one of ``avoid`` where there is no other; raises ``IndexError``: none is free."""
        slot = next((slot for slot in self._free if slot not in avoid), self._free[0] if self._free else None)
        if slot is None:
            raise IndexError("no slot is free")
        self._free.remove(slot)
        return Placement(
            slot=slot,
            workers=self._workers,
            devices=self._devices[slot],
            cores=self._cores[slot],
            scheduler_port=free_port(),
            hccl_port=_HCCL_PORT + min(self._devices[slot], default=0) * HCCL_PORTS_PER_CARD,
        )

    def take(self, placement: Placement) -> None:
        """Take the slot of a launch that runs already.

        Raises:
            SlotError: there is no such slot any more, or it has other cards or cores now.
        """
        slot = placement.slot
        known = slot in self._free and (placement.devices, placement.cores, placement.workers) == (
            self._devices[slot],
            self._cores[slot],
            self._workers,
        )
        if not known:
            raise SlotError(f"slots: slot {slot} is not what it was when the launch on it started")
        self._free.remove(slot)

    def close(self, slot: int) -> None:
        """Lease a slot no more."""
        self._closed.add(slot)
        if slot in self._free:
            self._free.remove(slot)

    def release(self, placement: Placement) -> None:
        """Give a leased slot back."""
        if placement.slot in self._free:
            raise ValueError(f"slot {placement.slot} is free already")
        if placement.slot not in self._closed:
            self._free.append(placement.slot)
            self._free.sort()


def free_port() -> int:
    """Return a TCP port of the loopback interface that nothing listens on now, and that is none of HCCL's."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        # the system gives these, too
        if port not in range(_HCCL_PORT, _HCCL_PORT + _CARDS * HCCL_PORTS_PER_CARD):
            return port
