"""A picture a measure, a panel a task: hypervolume over paid epochs, median and quartiles over seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from tests.benchmarks.halving.measure import MEASURES
from tests.benchmarks.halving.report import Results

_COLUMNS = 4
_COLOURS = {
    "ours": "#c1121f",
    "ours-random": "#f4a261",
    "random": "#8d99ae",
    "tpe": "#1d3557",
    "nsga2": "#457b9d",
    "moasha": "#2a9d8f",
    "moasha-repaired": "#6a994e",
}
_MEANINGS = {"paid": "every paid epoch counts", "full": "only trials at the last epoch count"}


def write(results: Results, out: Path) -> None:
    """Write ``paid.png`` and ``full.png``, or ``paid-log.png`` and so on."""
    mpl.use("Agg")
    for measure in MEASURES:
        _figure(results, measure).savefig(out / f"{measure}{results.suffix}.png", dpi=110)


def _figure(results: Results, measure: str) -> Figure:
    rows = -(-len(results.tasks) // _COLUMNS)
    figure = Figure(figsize=(4 * _COLUMNS, 3 * rows + 0.8), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for panel, task in zip(panels, results.tasks, strict=False):
        _panel(panel, results, task, measure)
    for panel in panels[len(results.tasks) :]:
        panel.set_axis_off()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    parameters = "parameters by their logarithm" if results.log else "parameters as they are"
    figure.suptitle(f"Hypervolume over paid epochs, {_MEANINGS[measure]}; {parameters}")
    return figure


def _panel(panel: Any, results: Results, task: str, measure: str) -> None:
    epochs = np.asarray(results.checkpoints())
    bottoms, tops = [], []
    for method in results.methods:
        low, middle, high = np.quantile(results.curves(task, method, measure), (0.25, 0.5, 0.75), axis=0)
        panel.plot(epochs, middle, color=_COLOURS[method], label=method, linewidth=1.6 if method == "ours" else 1.1)
        panel.fill_between(epochs, low, high, color=_COLOURS[method], alpha=0.12, linewidth=0)
        bottoms.append(middle[len(epochs) // 10])
        tops.append(high[-1])
    # what comes before a tenth of the budget would press the rest together
    bottom, top = min(bottoms), max(tops)
    panel.set_ylim(bottom, top + 0.05 * max(top - bottom, 1e-6))
    panel.set_xlim(0, epochs[-1])
    panel.set_title(f"task {task}", fontsize=10)
    panel.grid(alpha=0.3)
