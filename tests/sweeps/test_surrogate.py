from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor

from sweeps.surrogate import Model, Scale, learn_kernel

INPUTS = np.random.default_rng(0).random((40, 3))
LOSSES = np.sin(4 * INPUTS[:, 0]) + 10 * INPUTS[:, 1]
SCALE = Scale.of(LOSSES)
KERNEL = learn_kernel(INPUTS, SCALE.apply(LOSSES))
PROBES = np.random.default_rng(1).random((50, 3))


def test_prediction_is_that_of_scikit_learn() -> None:
    mean, deviation = Model(KERNEL, INPUTS, LOSSES, SCALE).predict(PROBES)
    regressor = GaussianProcessRegressor(KERNEL, optimizer=None, alpha=1e-9).fit(INPUTS, SCALE.apply(LOSSES))
    expected, expected_deviation = regressor.predict(PROBES, return_std=True)
    np.testing.assert_allclose(mean, expected * SCALE.spread + SCALE.middle, rtol=1e-6)
    np.testing.assert_allclose(deviation, expected_deviation * SCALE.spread, rtol=1e-4)


def test_mean_alone_is_that_of_the_prediction() -> None:
    model = Model(KERNEL, INPUTS, LOSSES, SCALE)
    np.testing.assert_allclose(model.mean(PROBES), model.predict(PROBES)[0])


def test_function_is_learned_from_forty_points() -> None:
    mean = Model(KERNEL, INPUTS, LOSSES, SCALE).mean(PROBES)
    truth = np.sin(4 * PROBES[:, 0]) + 10 * PROBES[:, 1]
    assert np.corrcoef(mean, truth)[0, 1] > 0.99


def test_dimension_that_makes_no_difference_gets_the_longest_scale() -> None:
    scales = KERNEL.k1.k2.length_scale
    assert scales[2] == max(scales)


def test_losses_that_diverged_leave_the_others_apart() -> None:
    losses = np.array([1.0, 2.0, 3.0, 1e30])
    scaled = Scale.of(losses).apply(losses)
    assert scaled[1] - scaled[0] == pytest.approx(scaled[2] - scaled[1])
    assert scaled[1] - scaled[0] > 0.1
