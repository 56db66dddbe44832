from __future__ import annotations

import socket

import pytest

from trainer.slots import SlotError, Slots, free_port


def test_jobs_on_cards_hold_disjoint_devices_and_hccl_ports() -> None:
    slots = Slots(2, 4, devices=range(8))
    first, second = slots.lease(), slots.lease()
    assert (first.devices, second.devices) == ((0, 1, 2, 3), (4, 5, 6, 7))
    # CANN opens 32 a card
    assert abs(first.hccl_port - second.hccl_port) >= 32 * len(first.devices)
    assert first.scheduler_port != second.scheduler_port


def test_jobs_on_cpu_hold_disjoint_cores() -> None:
    slots = Slots(2, 1, cores=(3, 5, 7, 9))
    assert (slots.lease().cores, slots.lease().cores) == ((3, 5), (7, 9))


def test_released_slot_is_leased_again() -> None:
    slots = Slots(2, 1, cores=(0, 1))
    first = slots.lease()
    slots.lease()
    assert slots.free == 0
    slots.release(first)
    assert slots.lease().cores == first.cores


def test_slot_is_released_once() -> None:
    slots = Slots(1, 1, cores=(0,))
    placement = slots.lease()
    slots.release(placement)
    with pytest.raises(ValueError, match="free already"):
        slots.release(placement)


def test_more_jobs_than_cards_is_refused_before_any_starts() -> None:
    with pytest.raises(SlotError, match="3 jobs of 4 cards need 12, there are 8"):
        Slots(3, 4, devices=range(8))


def test_more_jobs_than_cores_is_refused_before_any_starts() -> None:
    with pytest.raises(SlotError, match="need a core each, there are 1"):
        Slots(2, 1, cores=(0,))


def test_free_port_can_be_listened_on() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))


def test_slot_to_avoid_is_taken_only_where_no_other_is_free() -> None:
    slots = Slots(2, 1, cores=(0, 1))
    first = slots.lease(avoid=(0,))
    assert first.slot == 1
    assert slots.lease(avoid=(0,)).slot == 0


def test_slot_of_a_running_launch_is_taken_as_it_is() -> None:
    placement = Slots(2, 2, devices=(0, 1, 2, 3)).lease()
    slots = Slots(2, 2, devices=(0, 1, 2, 3))
    slots.take(placement)
    assert slots.lease().slot == 1
    with pytest.raises(SlotError, match="slot 0"):
        slots.take(placement)
    with pytest.raises(SlotError, match="slot 0"):
        Slots(1, 2, devices=(2, 3)).take(placement)


def test_closed_slot_is_leased_no_more() -> None:
    slots = Slots(2, 1, cores=(0, 1))
    placement = slots.lease()
    slots.close(0)
    slots.close(1)
    slots.release(placement)
    assert slots.free == 0
    with pytest.raises(IndexError):
        slots.lease()
