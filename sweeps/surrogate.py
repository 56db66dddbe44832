"""What a configuration will measure at the last rung, learned from all rungs: Gaussian processes.

One process an output, jointly over configuration and fidelity, so that a low rung tells of the last as far as the data
say it does (as MOBSTER's joint model: Klein et al., "Model-based asynchronous hyperparameter and neural architecture
search", 2020). Kernels and their fit are scikit-learn's.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Kernel, Matern, WhiteKernel

from sweeps.directions import Array

_SCALE_BOUNDS, _NOISE_BOUNDS = (0.05, 20.0), (1e-6, 0.3)
_ITERATIONS = 20
_JITTER = 1e-9
_LEAST = 1e-9  # of the size of the losses: what differs by less is rounding
_NOTHING = 1e-100  # its square is a number still

_Objective = Callable[[Array], tuple[float, Array]]


def least_spread(size: Array | float) -> Array:
    """Return the spread below which losses of this ``size`` are all the same."""
    return np.maximum(_LEAST * np.abs(size), _NOTHING)


@dataclass(frozen=True)
class Scale:
    """How an output is put to the model: all losses far worse than the middle count the same, or a few that diverged
    would leave no difference among the others.
    """

    middle: float
    spread: float
    worst: float

    @classmethod
    def of(cls, losses: Array) -> Scale:
        """Take the scale of measured ``losses`` (n,); worst lies twice as far above the median as the best below."""
        median = float(np.median(losses))
        least = float(least_spread(median))
        worst = median + 2 * max(median - float(losses.min()), least)
        clipped = np.minimum(losses, worst)
        return cls(float(clipped.mean()), max(float(clipped.std()), least), worst)

    def apply(self, losses: Array) -> Array:
        """Return losses as the model sees them."""
        return (np.minimum(losses, self.worst) - self.middle) / self.spread


def default_kernel(dimensions: int) -> Kernel:
    """Return the kernel that nothing was learned for: smooth, all dimensions alike."""
    return ConstantKernel(1.0, (0.05, 20.0)) * Matern(
        np.full(dimensions, math.sqrt(dimensions) / 2), _SCALE_BOUNDS, nu=2.5
    ) + WhiteKernel(1e-3, _NOISE_BOUNDS)


def learn_kernel(inputs: Array, outputs: Array) -> Kernel:
    """Return the kernel that makes ``outputs`` (n,), as ``Scale`` gives them, most probable.

    A log-normal prior on the length scales, wider with more dimensions (Hvarfner, Hellsten and Nardi, "Vanilla Bayesian
    optimization performs great in high dimensions", 2024), keeps few points from switching dimensions off.
    """
    kernel = default_kernel(inputs.shape[1])
    regressor = GaussianProcessRegressor(kernel, optimizer=_maximize(inputs.shape[1]))
    with warnings.catch_warnings():
        # at a bound of its scales or out of steps the kernel is still the best that was found
        warnings.simplefilter("ignore", ConvergenceWarning)
        return regressor.fit(inputs, outputs).kernel_


def _maximize(dimensions: int) -> Callable[..., tuple[Array, float]]:
    centre, width = math.sqrt(2) + math.log(dimensions) / 2 - 1.5, 1.0

    def optimizer(
        objective: Callable[[Array], tuple[float, Array]], start: Array, bounds: Array
    ) -> tuple[Array, float]:
        def penalized(theta: Array) -> tuple[float, Array]:
            value, gradient = objective(theta)
            away = np.zeros_like(theta)
            away[1:-1] = (theta[1:-1] - centre) / width
            return value + 0.5 * float(away @ away), gradient + away / width

        found = minimize(penalized, start, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": _ITERATIONS})
        return found.x, float(found.fun)

    return optimizer


class Model:
    """One output's process, conditioned on ``losses`` (n,) measured at ``inputs`` (n, dimensions).

    The textbook's formulas (Rasmussen and Williams, "Gaussian processes for machine learning", 2006, algorithm 2.1),
    since ``GaussianProcessRegressor`` computes the likelihood too, each time, which takes longer than all the rest.
    """

    def __init__(self, kernel: Kernel, inputs: Array, losses: Array, scale: Scale) -> None:
        self.scale, self._kernel, self._inputs = scale, kernel, inputs
        covariance = kernel(inputs)
        covariance[np.diag_indices_from(covariance)] += _JITTER
        self._factor = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        self._weights = cho_solve((self._factor, True), scale.apply(losses), check_finite=False)

    def mean(self, inputs: Array) -> Array:
        """Return the mean of the loss at ``inputs``, (n,)."""
        if not len(inputs):
            return np.empty(0)
        mean: Array = self._across(inputs) @ self._weights * self.scale.spread + self.scale.middle
        return mean

    def predict(self, inputs: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the loss at ``inputs``, both (n,)."""
        across = self._across(inputs)
        mean = across @ self._weights
        solved = solve_triangular(self._factor, across.T, lower=True, overwrite_b=True, check_finite=False)
        variance = np.maximum(self._kernel.diag(inputs) - (solved**2).sum(axis=0), _JITTER)
        return mean * self.scale.spread + self.scale.middle, np.sqrt(variance) * self.scale.spread

    def _across(self, inputs: Array) -> Array:
        # without the noise, ``k2``, which is zero between different points but takes its time
        across: Array = self._kernel.k1(inputs, self._inputs)
        return across
