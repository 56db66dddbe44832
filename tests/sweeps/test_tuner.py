"""The tuner on problems in closed form, in place of launches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from optuna._hypervolume import compute_hypervolume

from search_spaces.distributions import FloatParameter, IntParameter, SubsetParameter
from search_spaces.space import SearchSpace
from sweeps.tuner import Tuner

SPACE = SearchSpace(
    {
        "rate": FloatParameter(type="float", low=1e-5, high=1e-2, log=True),
        "rank": IntParameter(type="int", low=1, high=64, log=True),
        "targets": SubsetParameter(type="subset", of=("wq", "wk", "wv", "wo")),
    },
    {},
    {},
)
RUNGS = (1, 3, 9)


def size(params: Mapping[str, Any]) -> float:
    return float(params["rank"] * sum(params[f"targets.{name}"] for name in ("wq", "wk", "wv", "wo")))


def accuracy(params: Mapping[str, Any], epochs: int) -> float:
    """Best at a rate of 1e-3, the more the larger the adapter, growing with the epochs."""
    away = math.log10(params["rate"] / 1e-3)
    share: float = math.exp(-(away**2)) * (1 - 0.5 / (1 + size(params) / 8)) * (1 - 0.5 ** (1 + epochs / 3))
    return 100 * share


def tuner(seed: int = 0, **options: Any) -> Tuner:
    return Tuner(SPACE, (True, False), lambda params: {1: size(params)}, RUNGS, 3.0, seed, **options)


def run(tuned: Tuner, trials: int) -> list[tuple[int, int, dict[str, Any]]]:
    """Run one job at a time; returns them as (trial, rung, params)."""
    jobs: list[tuple[int, int, dict[str, Any]]] = []
    params: dict[int, dict[str, Any]] = {}
    while True:
        promotion = tuned.next_promotion()
        if promotion is not None:
            trial, rung = promotion
            tuned.promote(trial, rung)
        elif len(params) < trials:
            trial, rung = len(params), 0
            params[trial] = tuned.propose(trial)
            tuned.start(trial, params[trial])
        else:
            return jobs
        jobs.append((trial, rung, params[trial]))
        tuned.report(trial, rung, [accuracy(params[trial], RUNGS[rung]), size(params[trial])])


def volume(jobs: Sequence[tuple[int, int, Mapping[str, Any]]]) -> float:
    points = [[1 - accuracy(params, RUNGS[rung]) / 100, size(params) / 256] for _, rung, params in jobs]
    return float(compute_hypervolume(np.array(points), np.ones(2)))


def test_of_nine_trials_three_and_then_one_go_on() -> None:
    jobs = run(tuner(model=False), 9)
    assert [sum(rung == r for _, rung, _ in jobs) for r in range(3)] == [9, 3, 1]


def test_same_seed_and_results_give_the_same_jobs() -> None:
    assert run(tuner(3), 20) == run(tuner(3), 20)


def test_tuner_that_is_told_what_was_measured_goes_on_as_the_one_that_measured_it() -> None:
    whole = run(tuner(5), 30)
    again = tuner(5)
    for trial, rung, params in whole[:25]:
        again.start(trial, params)
        again.promote(trial, max(rung, 0))
        again.report(trial, rung, [accuracy(params, RUNGS[rung]), size(params)])
    started = len({trial for trial, _, _ in whole[:25]})
    promotion = again.next_promotion()
    trial, rung, params = whole[25]
    if rung:
        assert promotion == (trial, rung)
    else:
        assert promotion is None
        assert (started, again.propose(started)) == (trial, params)


@pytest.mark.parametrize("seed", range(3))
def test_model_finds_more_than_chance_in_the_same_number_of_jobs(seed: int) -> None:
    assert volume(run(tuner(seed), 40)) > volume(run(tuner(seed, model=False), 40))


def test_configurations_come_to_where_gates_hold() -> None:
    gated = tuner(1, startup=8)
    feasible = []
    for trial in range(30):
        params: Any = gated.propose(trial)
        gated.start(trial, params)
        # holds for small rates only
        violation = math.log10(params["rate"] / 1e-4)
        gated.report(trial, 0, [accuracy(params, 1), size(params)], [violation])
        feasible.append(violation <= 0)
    assert sum(feasible[20:]) > sum(feasible[:10])


def test_users_configuration_leads_at_first() -> None:
    good = {"rate": 1e-3, "rank": 16, **{f"targets.{name}": name in ("wq", "wv") for name in ("wq", "wk", "wv", "wo")}}

    def nearness(priors: Sequence[dict[str, Any]]) -> float:
        found = tuner(2, startup=0, priors=priors)
        apart = []
        for trial in range(10):
            params: Any = good if trial < 4 else found.propose(trial)
            found.start(trial, params)
            found.report(trial, 0, [50.0 + trial, size(params)])
            apart.append(abs(math.log10(params["rate"] / 1e-3)))
        return sum(apart[4:])

    assert nearness([good]) < nearness([])


def test_where_trials_failed_no_more_are_proposed() -> None:
    found = tuner(4, startup=12)
    proposed = []
    for trial in range(40):
        params: Any = found.propose(trial)
        proposed.append(params["rank"])
        found.start(trial, params)
        if params["rank"] > 16:
            found.fail(trial)
        else:
            found.report(trial, 0, [accuracy(params, 1), size(params)])
    assert np.mean(np.array(proposed[30:]) > 16) < np.mean(np.array(proposed[:12]) > 16)


def test_promotion_that_the_budget_does_not_cover_is_left_out() -> None:
    found = tuner(model=False)
    for trial in range(3):
        found.start(trial, found.propose(trial))
        found.report(trial, 0, [float(trial), 8.0])
    assert found.next_promotion(left=1.0) is None
    assert found.next_promotion(left=2.0) == (2, 1)


def test_budget_keeps_back_what_promotions_will_need() -> None:
    found = tuner(model=False)
    for trial in range(8):
        found.start(trial, found.propose(trial))
    # the ninth trial brings three to epoch 3 and one of these to 9: 1 + 3 * 2 + 6
    assert found.may_start(13.0)
    assert not found.may_start(12.0)
    assert found.may_start(math.inf)


def test_units_that_are_left_over_are_spent_on_the_best() -> None:
    found = tuner(model=False)
    for trial in range(3):
        found.start(trial, found.propose(trial))
        found.report(trial, 0, [float(trial), 8.0])
    found.promote(2, 1)
    assert found.next_promotion(left=2.0) is None
    assert found.next_promotion(left=2.0, last_chance=True) == (1, 1)
    assert found.next_promotion(last_chance=True) is None


def test_last_chance_lets_one_trial_go_on_where_too_few_were_measured() -> None:
    found = tuner(model=False)
    for trial in range(2):
        found.start(trial, found.propose(trial))
        found.report(trial, 0, [float(trial), 8.0])
    assert found.next_promotion() is None
    assert found.next_promotion(last_chance=True) == (1, 1)


def test_losses_of_any_size_do_no_harm() -> None:
    found = tuner(6, startup=4)
    for trial in range(12):
        params: Any = found.propose(trial)
        found.start(trial, params)
        found.report(trial, 0, [-1e30 if trial % 3 else accuracy(params, 1), size(params)], [math.inf])
    assert found.next_promotion() is not None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("first", [3, 10, 20])
def test_what_is_not_promotable_never_goes_on(seed: int, first: int) -> None:
    found = tuner(seed, model=False)
    run(found, first)
    promotable = found.promotable(27 - first)
    assert promotable == found.promotable(math.inf) or len(promotable) < len(found.promotable(math.inf))
    # none of those that come is better
    for trial in range(first, 27):
        found.start(trial, found.propose(trial))
        found.report(trial, 0, [-1.0, 1e6])
    went_on = set()
    while (promotion := found.next_promotion()) is not None:
        trial, rung = promotion
        found.promote(trial, rung)
        went_on.add(trial)
        found.report(trial, rung, [-1.0, 1e6] if trial >= first else [50.0, 8.0])
    assert {trial for trial in went_on if trial < first} <= promotable
    assert went_on or not promotable


def test_nothing_is_promotable_any_more_at_the_end() -> None:
    found = tuner(model=False)
    run(found, 27)
    assert found.promotable(0) == set()
