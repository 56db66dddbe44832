from __future__ import annotations

import math
from collections.abc import Iterable

import pytest

from trainer.course import BINS, Course
from trainer.step_log import StepRecord


def record(step: int, *, steps: int = 48, epochs: int = 3, loss: float = 1.0, seconds: float = 2.0) -> StepRecord:
    epoch, within = divmod(step - 1, steps)
    return StepRecord(epoch + 1, epochs, within + 1, steps, loss, seconds, 1e-4, False, 1.0, None)


def course(steps: Iterable[StepRecord], rung: int | None = None, unit: str = "epochs") -> Course:
    made = Course(rung, unit)
    made.add(steps)
    return made


@pytest.mark.parametrize(("rung", "unit", "end"), [(None, "epochs", 144), (1, "epochs", 48), (100, "steps", 100)])
def test_training_ends_at_its_rung(rung: int | None, unit: str, end: int) -> None:
    assert course([record(1)], rung, unit).end == end


def test_time_left_is_the_median_steps_time_for_each_step_to_the_rung() -> None:
    times = [60.0, 2.0, 2.0, 2.0, 30.0]
    made = course([record(i, seconds=t) for i, t in enumerate(times, 1)], 1)
    assert made.seconds_left == 2.0 * (48 - 5)


def test_first_step_which_holds_the_compilation_tells_no_time() -> None:
    assert course([record(1, seconds=60.0)]).seconds_left is None
    assert Course(1, "epochs").seconds_left is None


def test_no_time_is_left_at_the_end() -> None:
    assert course([record(i) for i in range(1, 49)], 1).seconds_left == 0.0


def test_losses_that_fall_step_by_step_fall_part_by_part() -> None:
    losses = course([record(i, loss=200.0 - i) for i in range(1, 145)]).losses
    known = [loss for loss in losses if loss is not None]
    assert len(known) == BINS
    assert known == sorted(known, reverse=True)
    assert known[0] == pytest.approx(200.0 - 3.5)


def test_parts_that_are_not_trained_yet_have_no_loss() -> None:
    losses = course([record(i) for i in range(1, 25)], 1).losses
    assert losses == (1.0,) * (BINS // 2) + (None,) * (BINS // 2)


def test_a_launch_that_goes_on_from_a_rung_begins_its_own_row() -> None:
    made = course([record(i) for i in range(49, 97)], 3)
    assert made.end == 144
    assert made.losses == (1.0,) * (BINS // 2) + (None,) * (BINS // 2)


def test_a_loss_that_is_no_number_shows_in_its_part() -> None:
    losses = course([record(1, loss=math.nan), record(7)], 1).losses
    assert losses[0] is not None
    assert math.isnan(losses[0])
    assert losses[3] == 1.0
