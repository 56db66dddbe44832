"""The tuner on problems in closed form, in place of launches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna._hypervolume import compute_hypervolume

from search_spaces.distributions import FloatParameter, IntParameter, SubsetParameter
from search_spaces.space import SearchSpace
from sweeps import surrogate
from sweeps.ladder import Choice
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
ANY = st.floats(allow_nan=False, allow_infinity=False)


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
        choice = tuned.next(may_start=len(params) < trials, idle=False)
        if choice is None:
            return jobs
        trial, rung = choice.trial, choice.rung
        if trial is None:
            trial = len(params)
            params[trial] = tuned.propose(trial)
            tuned.start(trial, params[trial])
        else:
            tuned.promote(trial, rung)
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
    trial, rung, params = whole[25]
    assert again.next(may_start=True, idle=False) == Choice(trial if rung else None, rung)
    if not rung:
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
    assert found.next(1.0, may_start=False, idle=True) is None
    assert found.next(2.0, may_start=False, idle=False) == Choice(2, 1)


def test_budget_keeps_back_what_promotions_will_need() -> None:
    found = tuner(model=False)
    for trial in range(8):
        found.start(trial, found.propose(trial))
    # the ninth trial brings three to epoch 3 and one of these to 9: 1 + 3 * 2 + 6
    assert found.may_start(13.0)
    assert not found.may_start(12.0)
    assert found.may_start(math.inf)


def test_a_trial_imported_at_the_last_rung_keeps_no_units_from_others() -> None:
    found = tuner(model=False)
    for trial in range(8):
        found.start(trial, found.propose(trial))
    found.promote(7, 2)
    # with the new one eight run to epoch 1, so two go on to 3: 1 + 2 * 2
    assert found.may_start(5.0)


def test_units_that_suffice_for_no_new_trial_are_spent_on_the_best_in_all_slots() -> None:
    found = measured_at_the_first_rung(5)
    found.promote(4, 1)
    # a sixth trial would bring a second one on: 1 + 2
    assert found.next(3.0, may_start=True, idle=False) == Choice(None, 0)
    assert found.next(2.0, may_start=True, idle=False) == Choice(3, 1)
    assert found.next(1.0, may_start=True, idle=False) is None


def test_units_that_a_running_trial_may_need_are_not_spent_on_others() -> None:
    found = measured_at_the_first_rung(5)
    found.promote(4, 1)
    found.start(5, found.propose(5))
    found.start(6, found.propose(6))
    found.start(7, found.propose(7))
    # one of these may go on
    assert found.next(2.0, may_start=True, idle=False) is None
    assert found.next(4.0, may_start=True, idle=False) == Choice(3, 1)
    found.promote(3, 1)
    assert found.next(2.0, may_start=True, idle=False) is None
    found.report(5, 0, [99.0, 8.0])
    assert found.next(2.0, may_start=True, idle=True) == Choice(5, 1)


@given(
    seed=st.integers(0, 99),
    slots=st.integers(1, 6),
    budget=st.integers(1, 150),
    trials=st.none() | st.integers(1, 12),
    failing=st.floats(0, 0.5),
)
@settings(deadline=None)
def test_sweep_ends_within_its_budget_and_trials(
    seed: int, slots: int, budget: int, trials: int | None, failing: float
) -> None:
    found, rng = tuner(seed, model=False), np.random.default_rng(seed)
    left, started = budget, 0
    running: list[tuple[int, int]] = []
    while True:
        while len(running) < slots:
            choice = found.next(left, may_start=trials is None or started < trials, idle=not running)
            if choice is None:
                break
            trial, rung = choice.trial, choice.rung
            if trial is None:
                trial, started = started, started + 1
                found.start(trial, found.propose(trial))
            else:
                found.promote(trial, rung)
            left -= RUNGS[rung] - (RUNGS[rung - 1] if rung else 0)
            running.append((trial, rung))
        if not running:
            break
        trial, rung = running.pop(int(rng.integers(len(running))))
        if rng.random() < failing:
            found.fail(trial)
        else:
            found.report(trial, rung, rng.random(2).tolist())
    assert left >= 0
    assert trials is None or started <= trials
    if failing == 0 and budget >= RUNGS[0]:
        assert started


def measured_at_the_first_rung(trials: int) -> Tuner:
    """Return a tuner that knows so many trials at the first rung, the later the better."""
    found = tuner(model=False)
    for trial in range(trials):
        found.start(trial, found.propose(trial))
        found.report(trial, 0, [float(trial), 8.0])
    return found


def test_trials_are_the_limit_even_if_units_are_left() -> None:
    found = measured_at_the_first_rung(9)
    for trial in (8, 7, 6):
        found.promote(trial, 1)
        found.report(trial, 1, [float(trial), 8.0])
    assert found.next(1000.0, may_start=False, idle=True) == Choice(8, 2)
    found.promote(8, 2)
    found.report(8, 2, [8.0, 8.0])
    assert found.next(1000.0, may_start=False, idle=True) is None


def test_last_chance_lets_one_trial_go_on_where_too_few_were_measured() -> None:
    found = tuner(model=False)
    for trial in range(2):
        found.start(trial, found.propose(trial))
        found.report(trial, 0, [float(trial), 8.0])
    assert found.next(may_start=False, idle=False) is None
    assert found.next(may_start=False, idle=True) == Choice(1, 1)
    assert 1 in found.promotable(0)


def test_losses_of_any_size_do_no_harm() -> None:
    found = tuner(6, startup=4)
    for trial in range(24):
        params: Any = found.propose(trial)
        found.start(trial, params)
        found.report(trial, 0, [-1e30 if trial % 3 else accuracy(params, 1), size(params)], [math.inf])
    assert found.next(may_start=False, idle=False) is not None
    # not where the first candidate lies: the model still tells one from another
    assert len({tuple(found.propose(trial).values()) for trial in range(24, 29)}) > 1


@given(
    seed=st.integers(0, 99),
    values=st.lists(
        st.tuples(ANY, ANY, st.floats(allow_nan=False), st.floats(allow_nan=False)), min_size=8, max_size=8
    ),
    constant=st.none() | ANY,
)
@settings(deadline=None, max_examples=40)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_whatever_was_measured_a_configuration_of_the_space_is_proposed(
    seed: int, values: Sequence[tuple[float, float, float, float]], constant: float | None
) -> None:
    known: Any = (lambda params: {}) if constant is None else (lambda params: {1: constant})
    found = Tuner(SPACE, (True, False), known, RUNGS, 3.0, seed, startup=4)
    for trial, (first, second, one, other) in enumerate(values):
        found.start(trial, found.propose(trial))
        found.report(trial, 0, [first, second if constant is None else constant], [one, other])
    params: Any = found.propose(len(values))
    assert SPACE.complete(params) == params
    assert found.next(may_start=False, idle=False) is not None


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("constant", [1e-3, 4194304.0, 1e12])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_objective_that_never_changes_leaves_the_model_its_others(constant: float, known: bool) -> None:
    found = Tuner(SPACE, (True, False), (lambda params: {1: constant}) if known else (lambda params: {}), RUNGS, 3.0, 0)
    apart = []
    for trial in range(30):
        params: Any = found.propose(trial)
        found.start(trial, params)
        away = abs(math.log10(params["rate"] / 1e-3))
        found.report(trial, 0, [-(away**2), constant])
        apart.append(away)
    assert np.mean(apart[15:]) < 0.5 * np.mean(apart[:10])


def test_where_all_that_was_measured_failed_configurations_are_still_proposed() -> None:
    found = tuner(3, startup=2)
    for trial in range(6):
        found.start(trial, found.propose(trial))
        found.report(trial, 0, [float(trial), 8.0])
        found.promote(trial, 1)
        found.fail(trial)
    assert found.propose(6) != found.propose(7)


def test_configuration_that_cannot_be_trained_is_not_proposed_by_the_model() -> None:
    def known(params: Mapping[str, Any]) -> dict[int, float]:
        if params["rank"] > 4:
            raise ValueError("no such rank")
        return {1: size(params)}

    found = Tuner(SPACE, (True, False), known, RUNGS, 3.0, 0, startup=4)
    ranks = []
    for trial in range(30):
        params: Any = found.propose(trial)
        try:
            found.start(trial, params)
        except ValueError:
            found.fail(trial)
            continue
        found.report(trial, 0, [accuracy(params, 1), size(params)])
        ranks.append(params["rank"])
    assert found.measured > 20
    assert max(ranks) <= 4


def test_objective_without_a_value_for_some_configurations_is_still_known_for_the_others() -> None:
    def known(params: Mapping[str, Any]) -> dict[int, float]:
        return {1: size(params)} if params["rank"] <= 8 else {}

    found = Tuner(SPACE, (True, False), known, RUNGS, 3.0, 1, startup=6)
    ranks = []
    for trial in range(24):
        params: Any = found.propose(trial)
        found.start(trial, params)
        if params["rank"] > 8:
            # as one whose objective is no number
            found.fail(trial)
        else:
            found.report(trial, 0, [accuracy(params, 1), size(params)])
        ranks.append(params["rank"])
    assert max(ranks[12:]) <= 8


def test_promotion_that_fails_leaves_its_place_to_the_next_best() -> None:
    found = measured_at_the_first_rung(6)
    for trial in (5, 4, 3):
        assert found.next(may_start=False, idle=True) == Choice(trial, 1)
        found.promote(trial, 1)
        found.fail(trial)
    found.promote(2, 1)
    found.report(2, 1, [1.0, 8.0])
    # failed on the way further: it was compared there
    found.promote(2, 2)
    found.fail(2)
    assert found.next(may_start=False, idle=True) == Choice(1, 1)
    found.promote(1, 1)
    assert found.next(may_start=False, idle=False) is None


def test_trial_that_would_take_the_place_of_one_that_runs_is_promotable() -> None:
    found = measured_at_the_first_rung(3)
    found.promote(2, 1)
    assert found.promotable(0) == {1}
    found.fail(2)
    assert found.next(may_start=False, idle=True) == Choice(1, 1)


def test_of_trials_that_miss_different_gates_the_one_nearer_to_its_bound_goes_on() -> None:
    found = tuner(model=False)
    bounds = (0.01, 72.0)
    for trial, (ratio, f1) in enumerate([(0.07, 75.0), (0.005, 71.5), (0.005, 60.0)]):
        found.start(trial, found.propose(trial))
        violations = [ratio - bounds[0], bounds[1] - f1]
        found.report(trial, 0, [50.0 - trial, 8.0], violations, violations, bounds)
    assert found.next(may_start=False, idle=False) == Choice(1, 1)


def test_what_an_interval_allows_counts_as_held_whatever_the_bound() -> None:
    found = tuner(model=False)
    for trial, excused in enumerate([-0.1, 1e-9, 5.0]):
        found.start(trial, found.propose(trial))
        found.report(trial, 0, [float(trial), 8.0], [5.0], [excused], [1e6])
    assert found.next(may_start=False, idle=False) == Choice(0, 1)


@pytest.mark.parametrize("seed", range(2))
def test_slot_that_is_free_waits_for_no_kernel(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found, in_proposal, learned = tuner(seed, startup=2), False, []
    learn = surrogate.learn_kernel

    def counted(inputs: Any, outputs: Any) -> Any:
        assert not in_proposal
        learned.append(len(inputs))
        return learn(inputs, outputs)

    monkeypatch.setattr("sweeps.learning.learn_kernel", counted)
    for trial in range(40):
        in_proposal = True
        params: Any = found.propose(trial)
        in_proposal = False
        found.start(trial, params)
        found.report(trial, 0, [accuracy(params, 1), size(params)])
        # as when the next proposal comes before there was time to learn
        if trial % 2:
            found.learn()
    assert len(learned) > 5


def test_tuner_that_goes_on_proposes_the_same_whether_it_has_learned_or_not() -> None:
    measured: list[dict[str, Any]] = []
    whole = tuner(7, startup=2)
    for trial in range(30):
        params: Any = whole.propose(trial)
        again = tuner(7, startup=2)
        for number, earlier in enumerate(measured):
            again.start(number, earlier)
            again.report(number, 0, [accuracy(earlier, 1), size(earlier)])
        if trial % 2:
            again.learn()
        assert again.propose(trial) == params
        measured.append(params)
        whole.start(trial, params)
        whole.report(trial, 0, [accuracy(params, 1), size(params)])
        whole.learn()


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
    while (choice := found.next(may_start=False, idle=False)) is not None:
        assert choice.trial is not None
        trial, rung = choice.trial, choice.rung
        found.promote(trial, rung)
        went_on.add(trial)
        found.report(trial, rung, [-1.0, 1e6] if trial >= first else [50.0, 8.0])
    assert {trial for trial in went_on if trial < first} <= promotable
    assert went_on or not promotable


def test_nothing_is_promotable_any_more_at_the_end() -> None:
    found = tuner(model=False)
    run(found, 27)
    assert found.promotable(0) == set()
