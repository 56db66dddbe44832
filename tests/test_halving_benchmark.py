from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from optuna._hypervolume import compute_hypervolume

from sweeps.front import nondominated
from tests.benchmarks.halving import measure
from tests.benchmarks.halving.clock import Job, Step, simulate
from tests.benchmarks.halving.full_fidelity import full_fidelity
from tests.benchmarks.halving.moasha import Layers, Priority
from tests.benchmarks.halving.ours import Halving
from tests.benchmarks.halving.problem import Array, Config, Range, parameters

EPOCHS = 9
UNIT = measure.Scale(ideal=np.zeros(3), reference=np.ones(3), log=False)


class Toy:
    """Accuracy and cross entropy come nearer to what ``x`` allows with every epoch; ``size`` costs."""

    epochs = EPOCHS
    space: Mapping[str, Range] = {"x": Range(0.0, 1.0, False, False), "size": Range(1, 64, True, True)}

    def parameters(self, config: Config) -> float:
        return config["size"]

    def curve(self, config: Config) -> Array:
        share = np.arange(1, EPOCHS + 1) / EPOCHS
        accuracy = share * (1 - (config["x"] - 0.3) ** 2) * (1 - 1 / (1 + config["size"]))
        return np.stack([accuracy, 1 - accuracy, np.full(EPOCHS, self.parameters(config))], axis=1)


class Fixed:
    """Jobs of given lengths, each a trial of its own; refused none."""

    def __init__(self, lengths: list[int]) -> None:
        self.lengths = lengths
        self.started = 0

    def next(self, left: int) -> Step | None:
        if self.started == len(self.lengths):
            return None
        self.started += 1
        return Step(self.started - 1, {"x": 0.0, "size": 1}, 0, self.lengths[self.started - 1])

    def report(self, step: Step, values: Array) -> None:
        pass


class EpochByEpoch(Fixed):
    """The same trials, in jobs of one epoch."""

    def next(self, left: int) -> Step | None:
        step = super().next(left)
        return step and Step(step.trial, step.config, 0, 1)

    def report(self, step: Step, values: Array) -> Step | None:  # type: ignore[override]
        if step.end_epoch == self.lengths[step.trial]:
            return None
        return Step(step.trial, step.config, step.end_epoch, step.end_epoch + 1)


def spans(jobs: list[Job]) -> list[tuple[int, int]]:
    return [(job.started, job.ended) for job in jobs]


def test_a_job_starts_when_the_first_worker_is_free() -> None:
    jobs = simulate(Fixed([5, 2, 4, 1]), Toy().curve, budget=100, workers=2)
    assert spans(jobs) == [(0, 5), (0, 2), (2, 6), (5, 6)]


def test_a_job_that_does_not_fit_into_the_budget_is_not_started_and_ends_the_run() -> None:
    jobs = simulate(Fixed([4, 4, 3, 1]), Toy().curve, budget=10, workers=1)
    assert spans(jobs) == [(0, 4), (4, 8)]


def test_a_trial_that_goes_on_keeps_its_worker() -> None:
    jobs = simulate(EpochByEpoch([2, 1, 3]), Toy().curve, budget=100, workers=2)
    assert [(job.step.trial, job.started) for job in jobs] == [(0, 0), (1, 0), (0, 1), (2, 1), (2, 2), (2, 3)]


def test_a_job_of_no_epochs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`start_epoch < end_epoch` must hold, but got 0 and 0"):
        simulate(Fixed([0]), Toy().curve, budget=10, workers=1)


@pytest.mark.parametrize("method", ["random", "tpe", "nsga2", "ours", "ours-random"])
def test_a_method_pays_no_more_than_the_budget_and_leaves_no_worker_idle(method: str) -> None:
    budget, workers = 10 * EPOCHS, 4
    toy = Toy()
    if method.startswith("ours"):
        jobs = simulate(Halving(toy, 0, model=method == "ours"), toy.curve, budget, workers)
    else:
        jobs = simulate(full_fidelity(toy, method, 0), toy.curve, budget, workers)
    assert sum(job.step.cost for job in jobs) == budget
    last = max(job.started for job in jobs)
    busy = [sum(job.started <= time < job.ended for job in jobs) for time in range(last)]
    assert set(busy) == {workers}


def test_a_trial_of_ours_is_trained_without_gaps() -> None:
    toy = Toy()
    jobs = simulate(Halving(toy, 0, model=False), toy.curve, 20 * EPOCHS, 4)
    for trial in {job.step.trial for job in jobs}:
        own = [job for job in jobs if job.step.trial == trial]
        assert own[0].step.start_epoch == 0
        assert all(a.step.end_epoch == b.step.start_epoch and a.ended <= b.started for a, b in pairwise(own))


def test_the_same_epochs_count_alike_in_one_job_and_in_many() -> None:
    toy, lengths = Toy(), [3, 9, 2, 9, 1]
    whole = measure.paid(simulate(Fixed(lengths), toy.curve, 100, 2), toy.curve)
    pieces = measure.paid(simulate(EpochByEpoch(lengths), toy.curve, 100, 2), toy.curve)
    assert whole.values.tolist() == pieces.values.tolist()
    assert whole.last.sum() == pieces.last.sum() == 2


def test_an_epoch_counts_when_it_has_ended() -> None:
    run = measure.Paid(np.array([[0.5, 0.5, 0.5], [1.0, 0.0, 0.0]]), np.array([False, True]))
    scale = measure.Scale(ideal=np.array([-1.0, 0, 0]), reference=np.array([0.0, 1, 1]), log=False)
    assert measure.anytime(run, scale, "paid", [0, 1, 2, 3]) == [0.0, 0.125, 1.0, 1.0]
    assert measure.anytime(run, scale, "full", [0, 1, 2, 3]) == [0.0, 0.0, 1.0, 1.0]


def test_what_is_as_bad_as_the_reference_adds_nothing() -> None:
    run = measure.Paid(np.array([[0.5, 1.0, 0.5], [0.5, 2.0, 0.5]]), np.array([True, True]))
    scale = measure.Scale(ideal=np.array([-1.0, 0, 0]), reference=np.array([0.0, 1, 1]), log=False)
    assert measure.anytime(run, scale, "paid", [2]) == [0.0]


def test_the_scale_of_a_sample_is_its_best_and_its_worst() -> None:
    sample = np.array([[10.0, 3.0, 100.0], [90.0, 1.0, 10_000.0]])
    middle = np.array([[50.0, 2.0, 1000.0]])
    assert measure.Scale.of(sample, log=True).apply(middle) == pytest.approx(np.array([[0.5, 0.5, 0.5]]))
    assert measure.Scale.of(sample, log=False).apply(middle) == pytest.approx(np.array([[0.5, 0.5, 1 / 11]]))


def test_the_volume_of_two_boxes_counts_their_intersection_once() -> None:
    volume = measure.hypervolume(np.array([[0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]))
    assert volume == pytest.approx(0.25 + 0.25 - 0.125)


def test_the_volume_of_a_sphere_of_points_comes_near_the_closed_form() -> None:
    angles = (np.arange(60) + 0.5) / 60 * np.pi / 2
    polar, around = (grid.ravel() for grid in np.meshgrid(angles, angles))
    octant = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=1)
    # the points bulge towards the ideal: what they dominate is the octant of the unit ball about the reference
    assert measure.hypervolume(1 - octant) == pytest.approx(np.pi / 6, rel=0.03)


@pytest.mark.parametrize("digits", [1, 12])
def test_the_volume_is_that_of_optuna(digits: int) -> None:
    rng = np.random.default_rng(0)
    for count in (1, 2, 10, 200):
        points = rng.random((count, 3)).round(digits) * 0.9
        assert measure.hypervolume(points) == pytest.approx(compute_hypervolume(points, np.ones(3)))


def test_epochs_to_reach_is_the_first_checkpoint_that_is_good_enough() -> None:
    assert measure.epochs_to_reach([0.1, 0.3, 0.3, 0.5], [10, 20, 30, 40], 0.3) == 20
    assert measure.epochs_to_reach([0.1, 0.3], [10, 20], 0.4) == float("inf")


def test_a_funnel_of_one_layer_has_two_matrices_with_their_biases() -> None:
    assert parameters(1, 100) == 65 * 100 + 101 * 10


def test_a_funnel_narrows_by_equal_steps() -> None:
    assert parameters(3, 100) == 65 * 100 + 101 * 70 + 71 * 40 + 41 * 10


def test_a_better_layer_ranks_before_a_worse_one() -> None:
    losses = np.array([[1.0, 4.0], [4.0, 4.0], [4.0, 1.0], [2.0, 5.0]])
    assert Priority(repaired=True)(losses)[-1] >= 2
    assert Priority(repaired=True)(losses[[0, 1, 3, 2]])[-1] == 1


def test_the_quick_priority_is_that_of_syne_tune() -> None:
    shipped = pytest.importorskip(
        "syne_tune.optimizer.schedulers.multiobjective.multiobjective_priority", reason="needs the extra `benchmark`"
    ).NonDominatedPriority()
    rng = np.random.default_rng(0)
    for count in rng.integers(1, 120, 60):
        losses = rng.random((count, 3)).round(1)
        assert Priority(repaired=False)(losses)[-1] == shipped(losses)[-1]


@pytest.mark.parametrize("digits", [1, 12])
def test_layers_of_points_that_come_one_by_one_are_those_of_all_at_once(digits: int) -> None:
    losses = np.random.default_rng(0).random((80, 3)).round(digits)
    layers = Layers()
    for count in range(1, len(losses) + 1):
        level, left, expected = layers.of(losses[:count]), np.arange(count), np.empty(count)
        for number in range(count):
            front = nondominated(losses[left])
            expected[left[front]] = number
            left = left[~front]
        assert (level == expected).all()
