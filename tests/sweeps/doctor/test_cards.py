from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.doctor import cards
from sweeps.doctor.finding import Finding
from sweeps.doctor.subject import Subject
from sweeps.stores import Stores
from tests.sweeps.doctor import samples
from tests.sweeps.doctor.made import examined, on_cards, said


def run(subject: Subject) -> list[Finding]:
    return [finding for check in cards.checks(subject) for finding in check.run()]


@pytest.fixture
def host(tmp_path: Path) -> Subject:
    return Subject(Stores(tmp_path / "runs"))


def test_host_without_cards_is_well_where_no_sweep_wants_any(host: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert said(run(host)) == [("ok", "not there: trials run on this host's CPU")]


def test_sweep_on_cards_fails_where_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = on_cards(tmp_path, "[0, 1]")
    monkeypatch.setenv("PATH", "")
    (level, text), *_ = said(run(subject))
    assert level == "fail"
    assert "the sweep names cards 0, 1, but there is no npu-smi" in text


def test_healthy_idle_cards_are_well(host: Subject, fake_npu_smi: Callable[..., None]) -> None:
    fake_npu_smi(samples.CONTAINER_910B4)
    assert said(run(host)) == [
        ("ok", "4 x 910B4"),
        ("ok", "cards 0, 1, 2, 3: OK"),
        ("ok", "cards 0, 1, 2, 3: free"),
    ]


def test_devices_are_counted_not_named_by_the_card(tmp_path: Path, fake_npu_smi: Callable[..., None]) -> None:
    fake_npu_smi(samples.CONTAINER_910B4)
    # npu-smi lists 0, 3, 4 and 7: to launches they are 0 to 3
    assert {finding.level for finding in run(on_cards(tmp_path / "a", "[2, 3]"))} == {"ok"}
    assert ("fail", "slots.devices: there is no card 7; there are 4, counted from 0") in said(
        run(on_cards(tmp_path / "b", "[3, 7]"))
    )


def test_cards_in_use_are_warned_of_with_who_uses_them(host: Subject, fake_npu_smi: Callable[..., None]) -> None:
    fake_npu_smi(samples.BUSY_910B2C)
    assert said(run(host))[2:] == [
        ("warn", "card 0: 20,701 of 65,536 MB in use, by process 124528 (python3.8)"),
        ("warn", "card 1: 20,687 of 65,536 MB in use, by no process that is seen from here"),
    ]


def test_cards_that_the_sweep_does_not_use_do_not_matter(tmp_path: Path, fake_npu_smi: Callable[..., None]) -> None:
    fake_npu_smi(samples.A3)
    # device 3 is busy
    assert {finding.level for finding in run(on_cards(tmp_path, "[0, 1]"))} == {"ok"}


def test_sweep_on_cpu_does_not_care_how_the_cards_are(tmp_path: Path, fake_npu_smi: Callable[..., None]) -> None:
    fake_npu_smi(samples.ALARM_310B4)
    subject = examined(tmp_path)
    assert said(run(subject)) == [("ok", "1 x 310B4")]
    assert not subject.needs_cards


@pytest.mark.parametrize(("health", "level"), [("Warning", "warn"), ("Alarm  ", "fail"), ("Critical", "fail")])
def test_card_that_is_not_healthy_is_named(
    host: Subject, fake_npu_smi: Callable[..., None], health: str, level: str
) -> None:
    fake_npu_smi(samples.OLD_910A.replace("OK     ", health, 1))
    assert said(run(host))[1:3] == [(level, f"card 0 (910A): health {health.strip()}"), ("ok", "cards 1: OK")]


def test_npu_smi_that_fails_is_a_finding(host: Subject, fake_npu_smi: Callable[..., None]) -> None:
    fake_npu_smi("no device", code=3)
    assert {level for level, _ in said(run(host))} == {"fail"}
