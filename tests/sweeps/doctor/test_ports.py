from __future__ import annotations

import os
import socket

import pytest

from sweeps.config import SlotSettings
from sweeps.doctor import ports
from tests.sweeps.doctor.made import said
from trainer.slots import SlotError, free_port

CORES = len(os.sched_getaffinity(0))


def test_free_port_is_well() -> None:
    port = free_port()
    assert said(ports.ui(port)) == [("ok", f"{port} is free for `lorasweep ui`")]


def test_taken_port_is_warned_of_with_another_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (finding,) = ports.ui(port)
    assert finding.level == "warn"
    assert finding.advice == f"lorasweep ui --port {port + 1}"


def test_slots_on_cpu_get_cores() -> None:
    assert said(ports.slots(SlotSettings(count=1, workers=1))) == [
        ("ok", f"1 at a time, of 1 workers; the first has {CORES} cores")
    ]


def test_more_slots_than_cores_fail() -> None:
    with pytest.raises(SlotError, match="need a core each"):
        list(ports.slots(SlotSettings(count=CORES + 1, workers=1)))


def test_port_of_hccl_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SlotSettings(count=1, workers=2, devices=(4, 5))
    # 32 ports a card, from 60000 on
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr("trainer.slots._HCCL_PORT", port - 4 * 32 - 33)
        taken, fine = ports.slots(settings)
    assert taken.level == "warn"
    assert taken.text.startswith(f"{port}: taken")
    assert fine.text == "1 at a time, of 2 workers; the first has cards [4, 5]"
