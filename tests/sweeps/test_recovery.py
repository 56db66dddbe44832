"""Failures of the host are tried again elsewhere, those of the configuration are not; nothing burns the queue."""

from __future__ import annotations

from pathlib import Path

from sweeps.recovery import Recovery, Retries, Step
from trainer.failures import Failure, Kind


def failure(kind: Kind, name: str = "port taken") -> Failure:
    return Failure(kind, name, f"RuntimeError: {name}", Path("/logs/worker_0.log"), "do this")


def recovery(**settings: float) -> Recovery:
    made = Recovery(Retries.model_validate(settings), {0, 1})
    made.succeeded(0)
    return made


def test_a_configuration_that_cannot_be_trained_fails_at_once() -> None:
    verdict = recovery().failed(0, failure(Kind.CONFIGURATION), 1, base=False)
    assert verdict.step is Step.FAIL
    assert not verdict.quarantine


def test_a_failure_of_the_host_is_tried_again_later_each_time() -> None:
    made = recovery(attempts=5, backoff=10, quarantine=9)
    verdicts = [made.failed(0, failure(Kind.HOST), n, base=False) for n in (1, 2, 3, 4, 5)]
    assert [v.step for v in verdicts] == [Step.RETRY] * 4 + [Step.FAIL]
    assert [v.wait for v in verdicts[:4]] == [10, 20, 40, 80]


def test_no_wait_is_longer_than_ten_minutes() -> None:
    made = recovery(attempts=100, backoff=600, quarantine=100)
    assert made.failed(0, failure(Kind.HOST), 50, base=False).wait == 600


def test_a_slot_that_fails_twice_in_a_row_is_quarantined() -> None:
    made = recovery()
    assert not made.failed(0, failure(Kind.HOST), 1, base=False).quarantine
    assert not made.failed(1, failure(Kind.HOST), 1, base=False).quarantine
    verdict = made.failed(0, failure(Kind.HOST), 1, base=False)
    assert verdict.quarantine
    assert verdict.step is Step.RETRY
    assert made.slots == {1}


def test_what_succeeds_or_fails_by_its_configuration_ends_the_row() -> None:
    made = recovery()
    made.failed(0, failure(Kind.HOST), 1, base=False)
    made.succeeded(0)
    assert not made.failed(0, failure(Kind.HOST), 1, base=False).quarantine
    made.failed(0, failure(Kind.CONFIGURATION), 1, base=False)
    assert not made.failed(0, failure(Kind.HOST), 1, base=False).quarantine


def test_the_sweep_stops_when_no_slot_is_left() -> None:
    made = recovery(attempts=10)
    steps = [made.failed(slot, failure(Kind.HOST, str(n)), 1, base=False).step for n, slot in enumerate((0, 1, 0, 1))]
    assert steps == [Step.RETRY, Step.RETRY, Step.RETRY, Step.STOP]


def test_three_first_launches_that_fail_the_same_way_stop_the_sweep() -> None:
    made = Recovery(Retries(), {0, 1})
    steps = [made.failed(0, failure(Kind.CONFIGURATION, "no memory"), 1, base=False).step for _ in range(3)]
    assert steps == [Step.FAIL, Step.FAIL, Step.STOP]


def test_three_that_fail_differently_do_not() -> None:
    made = Recovery(Retries(), {0, 1})
    steps = [made.failed(0, failure(Kind.CONFIGURATION, name), 1, base=False).step for name in "aab"]
    assert steps == [Step.FAIL] * 3


def test_after_a_success_the_same_failure_does_not_stop_the_sweep() -> None:
    made = recovery()
    assert {made.failed(0, failure(Kind.CONFIGURATION), 1, base=False).step for _ in range(9)} == {Step.FAIL}


def test_a_base_that_cannot_be_measured_stops_the_sweep_unless_the_host_may_be_to_blame() -> None:
    assert recovery().failed(0, failure(Kind.CONFIGURATION), 1, base=True).step is Step.STOP
    assert recovery().failed(0, failure(Kind.HOST), 1, base=True).step is Step.RETRY
    made = Recovery(Retries(), {0})
    steps = [made.failed(0, failure(Kind.UNKNOWN, "?"), n, base=True).step for n in (1, 2, 3)]
    assert steps == [Step.RETRY, Step.RETRY, Step.STOP]
    steps = [recovery().failed(0, failure(Kind.UNKNOWN, str(n)), n, base=True).step for n in (3, 4)]
    assert steps == [Step.RETRY, Step.STOP]
