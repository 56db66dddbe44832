"""What is tuned: learning curves of neural networks over seven hyperparameters, from the surrogate of LCBench.

The curves: Zimmer, Lindauer and Hutter, "Auto-PyTorch Tabular", 2021. Surrogate: Pfisterer et al., "YAHPO Gym", 2022.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Config = Mapping[str, float]
"""Hyperparameter -> value; integers where the range says so."""

EPOCHS = 52
OBJECTIVES = ("val_accuracy", "val_cross_entropy", "parameters")
MAXIMIZE = (True, False, False)
TASKS = (
    "3945 7593 34539 126025 126026 126029 146212 167104 167149 168329 168330 168331".split()  # those of the issue
)
DATA = Path(__file__).parents[4] / "shared/data/lcbench"

_ORDER = ("batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
_ACCURACY, _CROSS_ENTROPY = 1, 2  # columns of what the surrogate returns
_FEATURES, _CLASSES = 64, 10  # the data do not have those of the tasks: the same for all


@dataclass(frozen=True)
class Range:
    """The values of one hyperparameter, both ends included."""

    low: float
    high: float
    log: bool
    integer: bool

    def draw(self, rng: np.random.Generator) -> float:
        """Return a value, uniform or uniform in the logarithm; integers equally likely (in the logarithm: rounded)."""
        half = 0.5 if self.integer else 0.0
        low, high = self.low - half, self.high + half
        value = math.exp(rng.uniform(math.log(low), math.log(high))) if self.log else rng.uniform(low, high)
        return float(min(max(round(value) if self.integer else value, self.low), self.high))


class Problem(Protocol):
    """What the methods and the clock need of a problem."""

    @property
    def space(self) -> Mapping[str, Range]:
        """The hyperparameters."""

    @property
    def epochs(self) -> int:
        """Length of a whole training."""

    def parameters(self, config: Config) -> float:
        """Return the last objective, which is known before a run."""

    def curve(self, config: Config) -> Array:
        """Return the objectives after each epoch, (epochs, 3)."""


class LCBench:
    """One task of the surrogate.

    Args:
        task: OpenML's number.
        data: folder with model.onnx, encoding.json, config_space.json.

    Raises:
        ValueError: the surrogate does not know the task.
    """

    epochs = EPOCHS

    def __init__(self, task: str, data: Path = DATA) -> None:
        tasks = json.loads((data / "encoding.json").read_text())["OpenML_task_id"]
        if task not in tasks or task.startswith("#"):
            raise ValueError(f"{data / 'encoding.json'}: no task {task!r}; expected one of {', '.join(sorted(tasks))}")
        self.task, self._number = task, tasks[task]
        self.space = _space(data)
        self._session = _session(data)
        self._curves: dict[tuple[float, ...], Array] = {}

    def parameters(self, config: Config) -> float:
        """Return the number of trainable parameters, see ``parameters``."""
        return float(parameters(int(config["num_layers"]), int(config["max_units"])))

    def curve(self, config: Config) -> Array:
        """Return accuracy in percent, cross entropy and number of parameters after each epoch, (52, 3)."""
        key = tuple(config[name] for name in _ORDER)
        if key not in self._curves:
            self._curves[key] = self.curves([config])[0]
        return self._curves[key]

    def curves(self, configs: Sequence[Config]) -> Array:
        """Return the curves of many configurations, (configurations, 52, 3).

        Raises:
            FloatingPointError: the surrogate returns something that is no number.
        """
        hyperparameters = np.array([[config[name] for name in _ORDER] for config in configs])
        rows = np.repeat(hyperparameters, EPOCHS, axis=0)
        epochs = np.tile(np.arange(1.0, EPOCHS + 1), len(configs))[:, None]
        inputs = {
            "x_cat": np.full((len(rows), 1), self._number, np.int32),
            "x_cont": np.hstack([epochs, rows]).astype(np.float32),
        }
        output = np.asarray(self._session.run(None, inputs)[0], np.float64)
        counts = np.repeat([self.parameters(config) for config in configs], EPOCHS)
        # a network's last layer is not bounded: accuracies lie in 0..100, cross entropies above 0
        accuracy = np.clip(output[:, _ACCURACY], 0.0, 100.0)
        values = np.stack([accuracy, np.maximum(output[:, _CROSS_ENTROPY], 0.0), counts], axis=1)
        if not np.isfinite(values).all():
            raise FloatingPointError(f"task {self.task}: the surrogate returned a value that is not finite")
        curves: Array = values.reshape(len(configs), EPOCHS, len(OBJECTIVES))
        return curves


def parameters(num_layers: int, max_units: int) -> int:
    """Return the weights and biases of a funnel: ``num_layers`` hidden layers, the first of ``max_units``.

    Layer i has ``max_units - i * step`` units, ``step = (max_units - classes) // num_layers``, then come the classes:
    Auto-PyTorch's shape ``funnel``. There the output counts as a layer, so that a network of one layer is linear and
    its ``max_units`` means nothing; here it is not counted. 64 features and 10 classes stand for those of all tasks.
    """
    step = (max_units - _CLASSES) // num_layers
    widths = [_FEATURES, *(max_units - i * step for i in range(num_layers)), _CLASSES]
    return sum((before + 1) * after for before, after in pairwise(widths))


@cache
def _session(data: Path) -> Any:
    # the extra `benchmark` is not there when types are checked
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return runtime.InferenceSession(str(data / "model.onnx"), options, providers=["CPUExecutionProvider"])


def _space(data: Path) -> dict[str, Range]:
    written = {
        entry["name"]: entry for entry in json.loads((data / "config_space.json").read_text())["hyperparameters"]
    }
    return {
        name: Range(entry["lower"], entry["upper"], entry["log"], entry["type"] == "uniform_int")
        for name in _ORDER
        for entry in [written[name]]
    }
