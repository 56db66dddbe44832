from __future__ import annotations

import math

import numpy as np
import pytest
from optuna._hypervolume import compute_hypervolume

from sweeps.directions import Array, directions, greedy, reach


def volume(shares: Array, objectives: int) -> float:
    """Return the volume, of the box from 0 to the reference point, that a set with these shares dominates."""
    ball = math.pi ** (objectives / 2) / (2**objectives * math.gamma(objectives / 2 + 1))
    return float(ball * shares.max(axis=0, initial=0.0).mean())


def test_box_of_one_point_has_its_volume() -> None:
    towards = directions(4096, 3)
    assert volume(reach(np.array([[0.5, 0.2, 0.6]]), towards), 3) == pytest.approx(0.5 * 0.8 * 0.4, rel=0.02)


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_volume_of_many_points_is_optunas(objectives: int) -> None:
    points = np.random.default_rng(0).random((20, objectives))
    exact = compute_hypervolume(points, np.ones(objectives))
    assert volume(reach(points, directions(8192, objectives)), objectives) == pytest.approx(exact, rel=0.03)


def test_nothing_dominates_nothing() -> None:
    towards = directions(64, 2)
    assert volume(reach(np.empty((0, 2)), towards), 2) == 0.0
    assert volume(reach(np.array([[1.0, 0.0], [2.0, -1.0]]), towards), 2) == 0.0


def test_greedy_takes_the_ends_before_what_lies_beside_the_first() -> None:
    points = np.array([[0.5, 0.5], [0.49, 0.52], [0.05, 0.9], [0.9, 0.05]])
    shares = reach(points, directions(512, 2))
    assert greedy(shares, np.zeros(512), 3)[0] in (0, 1)
    assert set(greedy(shares, np.zeros(512), 3)[1:]) == {2, 3}
