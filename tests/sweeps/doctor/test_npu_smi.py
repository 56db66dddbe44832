from __future__ import annotations

from collections.abc import Callable

import pytest

from sweeps.doctor.npu_smi import NpuSmiError, parse, query
from tests.sweeps.doctor import samples


@pytest.mark.parametrize(
    ("text", "driver", "chips"),
    [
        (samples.OLD_910A, "20.2.2.spc001", [(0, 0, "910A", 0, 32768), (1, 0, "910A", 0, 32768)]),
        (
            samples.CONTAINER_910B4,
            "24.1.rc3",
            [
                (0, 0, "910B4", 2843, 32768),
                (3, 0, "910B4", 2842, 32768),
                (4, 0, "910B4", 2833, 32768),
                (7, 0, "910B4", 2833, 32768),
            ],
        ),
        (samples.BUSY_910B2C, "23.0.2.1", [(0, 0, "910B2C", 20701, 65536), (1, 0, "910B2C", 20687, 65536)]),
        (
            samples.A3,
            "25.2.0",
            [
                (0, 0, "Ascend910", 3133, 65536),
                (0, 1, "Ascend910", 2876, 65536),
                (1, 0, "Ascend910", 3116, 65536),
                (1, 1, "Ascend910", 10568, 65536),
            ],
        ),
        (samples.ALARM_310B4, "23.0.0", [(0, 0, "310B4", 3628, 15609)]),
    ],
    ids=["910A", "910B4", "910B2C", "A3", "310B4"],
)
def test_every_layout_is_read(text: str, driver: str, chips: list[tuple[int, int, str, int, int]]) -> None:
    npus = parse(text)
    assert npus.driver == driver
    assert [(chip.npu, chip.chip, chip.name, chip.used, chip.total) for chip in npus.chips] == chips


def test_health_is_read() -> None:
    assert [chip.health for chip in parse(samples.ALARM_310B4).chips] == ["Alarm"]
    assert {chip.health for chip in parse(samples.A3).chips} == {"OK"}


def test_processes_are_those_of_their_chip() -> None:
    assert [[(p.pid, p.name, p.memory) for p in chip.processes] for chip in parse(samples.A3).chips] == [
        [],
        [],
        [],
        [(990711, "python", "7746")],
    ]


def test_no_card_is_none() -> None:
    assert parse("").chips == ()


@pytest.mark.parametrize(
    "text",
    [
        samples.OLD_910A.replace("0    / 32768", "NA").replace("591  / 14795", "NA"),
        "".join(samples.OLD_910A.splitlines(keepends=True)[:-2]),
        samples.OLD_910A.replace("1     910A ", "1          "),
    ],
    ids=["no memory", "half a card", "no name"],
)
def test_what_is_in_no_known_layout_is_an_error(text: str) -> None:
    with pytest.raises(NpuSmiError, match=r"npu-smi info: .*expected"):
        parse(text)


def test_error_says_what_npu_smi_said_last(fake_npu_smi: Callable[..., None]) -> None:
    # as fastllm's guide to Ascend quotes it for cards that another container has
    fake_npu_smi("dcmi model initialized failed, because the device is used. ret is -8020\n", code=1)
    with pytest.raises(NpuSmiError, match=r"exited with 1: dcmi model initialized failed, .* ret is -8020; check"):
        query()


def test_command_is_run(fake_npu_smi: Callable[..., None]) -> None:
    fake_npu_smi(samples.A3)
    assert query() == parse(samples.A3)
