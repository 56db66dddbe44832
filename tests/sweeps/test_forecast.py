from __future__ import annotations

import math
from typing import Any

import pytest

from search_spaces.distributions import FloatParameter
from search_spaces.space import SearchSpace
from sweeps.forecast import Forecast, Rung, affordable, expected_jobs, forecast, steps_per_epoch
from sweeps.tuner import Tuner


def sweep(trials: int = 27, **changed: Any) -> Forecast:
    return forecast((1, 3, 9), 3, trials, **{"seconds_per_unit": 60.0, **changed})


# jobs


@pytest.mark.parametrize(
    ("trials", "rungs", "eta", "jobs"),
    [
        (27, (1, 3, 9), 3, [27, 9, 3]),
        (26, (1, 3, 9), 3, [26, 8, 2]),
        (64, (1, 2, 4, 8), 2, [64, 32, 16, 8]),
        (10, (1, 3), 2.5, [10, 4]),
        (50, (4,), 3, [50]),
        (0, (1, 3), 3, [0, 0]),
    ],
)
def test_at_each_rung_the_floor_of_n_by_eta_goes_on(
    trials: int, rungs: tuple[int, ...], eta: float, jobs: list[int]
) -> None:
    assert expected_jobs(trials, rungs, eta) == jobs


@pytest.mark.parametrize("trials", [1, 2, 5])
def test_at_least_one_trial_reaches_the_last_rung(trials: int) -> None:
    assert expected_jobs(trials, (1, 3, 9), 3)[-1] == 1


def test_powers_of_eta_are_divided_exactly_where_eta_is_no_whole_number() -> None:
    assert expected_jobs(121, (1, 2, 3), 1.1) == [121, 110, 100]


# cost


def test_each_job_trains_the_difference_to_the_last_rung() -> None:
    assert [(rung.fidelity, rung.jobs, rung.units) for rung in sweep().rungs] == [(1, 27, 1), (3, 9, 2), (9, 3, 6)]


def test_units_are_those_of_the_geometric_series() -> None:
    assert (sweep().units, sweep().units_without) == (27 + 18 + 18, 243)


def test_saved_is_the_share_of_the_card_hours_without_halving() -> None:
    assert sweep().saved == pytest.approx(1 - 63 / 243)


def test_card_hours_are_jobs_times_cards_times_training_and_its_fixed_time() -> None:
    # 9 jobs of 2 units of 60 s, and 30 s each, on 4 cards
    expected = Rung(3, 9, 2, 9 * (2 * 60 + 30) * 4 / 3600)
    assert sweep(seconds_per_job=30.0, cards=4).rungs[1] == expected


def test_trial_without_halving_starts_up_once() -> None:
    assert sweep(seconds_per_job=30.0, cards=4).card_hours_without == pytest.approx(27 * (9 * 60 + 30) * 4 / 3600)


def test_card_hours_are_those_of_all_rungs() -> None:
    whole = sweep(seconds_per_job=30.0, cards=4)
    assert whole.jobs == 27 + 9 + 3
    assert whole.card_hours == pytest.approx((63 * 60 + 39 * 30) * 4 / 3600)


def test_cards_do_not_change_the_share_saved() -> None:
    assert sweep(cards=8).saved == pytest.approx(sweep().saved)


def test_jobs_that_only_start_up_make_halving_dearer() -> None:
    assert sweep(seconds_per_unit=0.0, seconds_per_job=30.0).saved == pytest.approx(1 - 39 / 27)


def test_one_rung_saves_nothing() -> None:
    assert forecast((9,), 3, 5, seconds_per_unit=60.0, seconds_per_job=7.0).saved == 0


def test_no_trials_cost_nothing() -> None:
    assert (sweep(0).units, sweep(0).card_hours, sweep(0).saved) == (0, 0, 0)


# budget


def test_budget_of_a_sweep_affords_its_trials() -> None:
    assert affordable(63, (1, 3, 9), 3) == 27


def test_unit_less_affords_a_trial_less() -> None:
    assert affordable(62, (1, 3, 9), 3) == 26


@pytest.mark.parametrize(("units", "trials"), [(2, 2), (4, 2), (5, 3), (8.5, 5), (0, 0), (-3, 0)])
def test_trial_is_started_where_all_that_may_then_go_on_fit(units: float, trials: int) -> None:
    assert affordable(units, (1, 3, 9), 3) == trials


@pytest.mark.parametrize("units", range(0, 200, 7))
@pytest.mark.parametrize(("rungs", "eta"), [((1, 3, 9), 3), ((2, 5, 7, 20), 1.5), ((4,), 2)])
def test_affordable_is_what_the_tuner_lets_start(units: int, rungs: tuple[int, ...], eta: float) -> None:
    space = SearchSpace({"x": FloatParameter(type="float", low=0.0, high=1.0)}, {}, {})
    tuner, started = Tuner(space, [True], lambda params: {}, rungs, eta, 0, model=False), 0
    while tuner.may_start(units - rungs[0] * started):
        tuner.start(started, tuner.propose(started))
        tuner.report(started, 0, [0.0])
        started += 1
    assert affordable(units, rungs, eta) == started


@pytest.mark.parametrize("units", range(0, 200, 7))
@pytest.mark.parametrize(("rungs", "eta"), [((1, 3, 9), 3), ((2, 5, 7, 20), 1.5), ((4,), 2)])
def test_units_left_over_are_trained_and_no_more(units: int, rungs: tuple[int, ...], eta: float) -> None:
    trials = affordable(units, rungs, eta)
    found = forecast(rungs, eta, trials, seconds_per_unit=1.0, units=units, fill=True)
    steps = [after.jobs for after in found.rungs]
    assert found.units <= units
    cheapest = [rung.units for rung, before in zip(found.rungs[1:], steps, strict=False) if rung.jobs < before]
    assert all(units - found.units < each for each in cheapest)


def test_budget_that_is_small_lets_no_trial_reach_the_end() -> None:
    assert expected_jobs(2, (1, 3), 3, 2) == [2, 0]


def test_one_rung_affords_what_there_is_without_halving() -> None:
    assert affordable(100, (9,), 3) == 100 // 9


# steps


@pytest.mark.parametrize(
    ("rows", "batch", "workers", "steps"),
    # as MindDataset(num_shards=workers).batch(16, drop_remainder=True) gives them
    [(128, 16, 4, 2), (127, 16, 1, 7), (127, 16, 4, 2), (129, 16, 2, 4), (130, 16, 4, 2), (15, 16, 1, 0)],
)
def test_rows_of_a_worker_are_rounded_up_and_its_batches_down(rows: int, batch: int, workers: int, steps: int) -> None:
    assert steps_per_epoch(rows, batch, workers) == steps


# refusals


@pytest.mark.parametrize(
    ("rungs", "eta", "message"),
    [
        ((), 3, r"rungs must ascend from 1 or more, but got \[\]"),
        ((0, 3), 3, "rungs must ascend"),
        ((1, 3, 3), 3, r"rungs must ascend from 1 or more, but got \[1, 3, 3\]"),
        ((1, 3), 1, "eta > 1 must hold, but got 1"),
        ((1, 3), math.nan, "eta > 1 must hold, but got nan"),
    ],
)
def test_halving_that_cannot_be_is_refused(rungs: tuple[int, ...], eta: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        forecast(rungs, eta, 27, seconds_per_unit=1.0)
    with pytest.raises(ValueError, match=message):
        affordable(63, rungs, eta)


def test_negative_number_of_trials_is_refused() -> None:
    with pytest.raises(ValueError, match="trials >= 0 must hold, but got -1"):
        expected_jobs(-1, (1, 3), 3)


def test_budget_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        affordable(math.inf, (1, 3), 3)
