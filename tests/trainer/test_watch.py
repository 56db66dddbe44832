from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trainer.step_log import StepRecord
from trainer.watch import Finding, Kind, Limits, Watch

GOOD = StepRecord(1, 1, 1, 10_000, 2.0, 10.0, 1e-4, False, 1.0, 1.0)
LIMITS = Limits(hang_steps=30, hang_seconds=100, nan_steps=20, explode=10)


def step(number: int, **changes: float | bool) -> StepRecord:
    return replace(GOOD, step=number, **changes)  # type: ignore[arg-type]


def losses(values: list[float], limits: Limits = LIMITS) -> tuple[Finding | None, str]:
    """What a watch says after all of the steps with these losses."""
    watch = Watch(limits)
    found = watch.observe(0, [step(i, loss=loss) for i, loss in enumerate(values, 1)], 1)
    return found, watch.remark


def silent_for(watch: Watch, seconds: float, since: float, size: int, trained: bool = False) -> Finding | None:
    """Look every ten seconds while nothing happens; the first finding."""
    looks = [since + 10.0 * i for i in range(1, int(seconds / 10) + 1)]
    return next((found for now in looks if (found := watch.observe(now, [], size, trained))), None)


def test_silence_before_the_first_step_is_a_hang_after_hang_seconds() -> None:
    watch = Watch(LIMITS)
    watch.observe(0, [], 5)
    assert silent_for(watch, 90, 0, 5) is None
    found = watch.observe(100, [], 5)
    assert found == Finding(Kind.HANG, "no step and no log line for 100 s (hang_seconds is 100)")


def test_silence_is_a_hang_after_so_many_median_steps_where_that_is_longer() -> None:
    watch = Watch(LIMITS)
    # the first step's 9,000 s are compilation
    watch.observe(0, [step(1, seconds=9000.0), *(step(i) for i in range(2, 8))], 5)
    assert silent_for(watch, 290, 0, 5) is None
    found = watch.observe(300, [], 5)
    assert found == Finding(Kind.HANG, "no step and no log line for 300 s (30 x the median step of 10 s)")


def test_step_time_of_the_first_step_alone_does_not_count() -> None:
    watch = Watch(LIMITS)
    watch.observe(0, [step(1, seconds=9000.0)], 5)
    assert silent_for(watch, 100, 0, 5) is not None


def test_silence_after_the_training_is_a_hang_after_hang_seconds() -> None:
    watch = Watch(LIMITS)
    watch.observe(0, [step(i) for i in range(1, 8)], 5)
    assert silent_for(watch, 100, 0, 5, trained=True) is not None


def test_each_byte_of_log_ends_the_silence() -> None:
    watch = Watch(LIMITS)
    watch.observe(0, [], 5)
    assert silent_for(watch, 90, 0, 5) is None
    watch.observe(95, [], 6)
    assert silent_for(watch, 90, 95, 6) is None


def test_line_that_stands_for_many_steps_lasts_as_long_as_they_do() -> None:
    watch = Watch(LIMITS)
    watch.observe(0, [step(i, seconds=1.0) for i in (100, 200, 300)], 5)
    assert silent_for(watch, 2990, 0, 5) is None
    assert watch.observe(3000, [], 5) is not None


def test_time_in_which_no_one_looked_is_not_taken_for_silence() -> None:
    watch = Watch(LIMITS)
    watch.observe(0, [], 5)
    assert watch.observe(90_000, [], 5) is None


def test_loss_that_is_nan_so_many_steps_in_a_row_has_diverged() -> None:
    assert losses([2.0, *[math.nan] * 19])[0] is None
    found, _ = losses([2.0, *[math.nan] * 20])
    assert found == Finding(Kind.DIVERGED, "loss was nan on 20 steps in a row, from step 2 to 21")


def test_good_step_ends_the_streak() -> None:
    assert losses([*[math.inf] * 19, 2.0, *[math.nan] * 19])[0] is None


def test_overflow_at_a_fixed_scale_has_diverged() -> None:
    found = Watch(LIMITS).observe(0, [step(i, overflow=True) for i in range(1, 21)], 1)
    assert found == Finding(Kind.DIVERGED, "gradients overflowed on 20 steps in a row, from step 1 to 20")


def test_overflow_while_the_loss_scale_falls_is_a_matter_of_course() -> None:
    steps = [step(i, overflow=True, loss_scale=2.0 ** (41 - i)) for i in range(1, 41)]
    assert Watch(LIMITS).observe(0, steps, 1) is None


def test_overflow_that_goes_on_when_the_loss_scale_can_fall_no_more_has_diverged() -> None:
    steps = [step(i, overflow=True, loss_scale=max(1.0, 2.0 ** (10 - i))) for i in range(1, 41)]
    found = Watch(LIMITS).observe(0, steps, 1)
    # the first one, which might have had that scale before, and all that stay at 1
    assert found == Finding(Kind.DIVERGED, "gradients overflowed on 20 steps in a row, from step 1 to 29")


def test_loss_that_explodes_is_remarked_and_not_stopped() -> None:
    found, remark = losses([0.82] * 20 + [41.3] * 20)
    assert found is None
    assert remark == "loss exploded: 0.82 at step 15 -> 41.3 at step 28"


def test_outliers_are_no_explosion() -> None:
    assert losses([0.82, 0.82, 0.82, 900.0] * 30)[1] == ""


def test_loss_near_zero_may_multiply() -> None:
    assert losses([0.001] * 20 + [0.5] * 20)[1] == ""


@given(st.lists(st.floats(0.5, 4.9), max_size=200))
def test_loss_that_varies_less_than_tenfold_is_never_remarked(values: list[float]) -> None:
    assert losses(values) == (None, "")


@given(st.lists(st.sampled_from([1.0, 50.0, math.nan, math.inf]), max_size=120), st.data())
def test_what_is_found_does_not_depend_on_how_often_one_looks(values: list[float], data: st.DataObject) -> None:
    steps = [step(i, loss=loss) for i, loss in enumerate(values, 1)]
    whole = Watch(replace_nan_steps(3))
    at_once = whole.observe(0, steps, 1)
    watch, found, now = Watch(replace_nan_steps(3)), None, 0
    while steps and found is None:
        many = data.draw(st.integers(1, len(steps)))
        found, steps, now = watch.observe(now, steps[:many], now), steps[many:], now + 1
    assert (found, watch.remark) == (at_once, whole.remark)


def replace_nan_steps(nan_steps: int) -> Limits:
    return LIMITS.model_copy(update={"nan_steps": nan_steps})


def test_memory_does_not_grow_with_the_training() -> None:
    watch = Watch(LIMITS)
    watch.observe(0, [step(i) for i in range(1, 5000)], 1)
    kept = [len(watch._silence._times), len(watch._explosion._losses)]
    assert max(kept) < 100


@pytest.mark.parametrize("wrong", [{"hang_steps": 0}, {"nan_steps": 0}, {"explode": 1}, {"hang_secs": 3}])
def test_limits_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Limits.model_validate(wrong)
