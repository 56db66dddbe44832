"""The sweep's saved view in MLflow's compare page: charts of the objectives, a sorted table, a link that opens both.

MLflow keeps a saved view in a tag of the experiment. What is in it is documented nowhere: it is what MLflow 3.17's own
page writes, so MLflow is pinned, and a test opens the view in a browser.
"""

from __future__ import annotations

import base64
import itertools
import json
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlencode

from sweeps.config import SweepConfig
from sweeps.outbox import OUTBOX, PARENT, TRIAL

_TAG = "mlflow.sharedViewState."
_KEY = "lorasweep-"
_KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Has MLflow open the experiment as one of trainings: its page for prompts and traces has no charts of runs."""
_SECTION = "lorasweep"
_RUNS = 100  # MLflow's page loads no more at once


def key(outbox: str) -> str:
    """Return the key of a sweep's view, by its outbox's identity; it stays the same where the view changes."""
    return f"{_KEY}{outbox[:12]}"


def path(experiment: str, outbox: str) -> str:
    """Return what opens the view, from the server's address on.

    Args:
        experiment: MLflow's id of the sweep's experiment.
        outbox: identity of the sweep's outbox.
    """
    return _path(experiment, {"viewStateShareKey": key(outbox)})


def path_by_tags(experiment: str, tags: Iterable[str]) -> str:
    """Return what opens the view of an experiment's sweep, or where it has not just one, the charts of all its runs.

    Args:
        experiment: MLflow's id of it.
        tags: the keys of its tags.
    """
    views = [tag.removeprefix(_TAG) for tag in tags if tag.startswith(_TAG + _KEY)]
    return _path(experiment, {"viewStateShareKey": views[0]} if len(views) == 1 else {})


def _path(experiment: str, view: Mapping[str, str]) -> str:
    # without its type the page may open for prompts and traces
    shown = {"workflowType": "machine_learning", "compareRunsMode": "CHART", **view}
    return f"/#/experiments/{experiment}/runs?{urlencode(shown)}"


def experiment_tags(config: SweepConfig, outbox: str) -> dict[str, str]:
    """Return the tags of the experiment that hold the view."""
    now = time.time_ns() // 1_000_000
    # packed: the server takes 20,000 characters, which the plain text of a large search space has
    packed = base64.b64encode(zlib.compress(json.dumps(_state(config, outbox)).encode())).decode()
    view = {"name": f"Pareto: {config.name}", "createdAt": now, "updatedAt": now, "state": f"deflate;{packed}"}
    return {**_KIND, _TAG + key(outbox): json.dumps(view)}


def _state(config: SweepConfig, outbox: str) -> dict[str, object]:
    objectives = [objective.metric for objective in config.objectives]
    parameters = list(config.parameters)
    columns = [*(f"metrics.`{metric}`" for metric in objectives), *(f"tags.`{name}`" for name in ("rank", "knee"))]
    return {
        # another's sweep of the same name may be in the same experiment
        "searchFilter": f"tags.`{OUTBOX}` = '{outbox}' AND tags.`{TRIAL}` != '{PARENT}'",
        # the best first, so that those of a large sweep are among the runs that the page loads
        "orderByKey": "tags.`rank`",
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [*columns, *(f"params.`{name}`" for name in parameters)],
        "columnOrder": [],
        "columnWidths": {},
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": list(_cards(objectives, parameters)),
        "compareRunSections": [
            {"uuid": _SECTION, "name": f"Pareto: {', '.join(objectives)}", "display": True, "isReordered": True}
        ],
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": True,
        "groupBy": None,
        "groupsExpanded": {},
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "autoRefreshEnabled": True,
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }


def _cards(objectives: list[str], parameters: list[str]) -> Iterator[dict[str, object]]:
    for x, y in itertools.combinations(objectives, 2):
        yield _card("SCATTER", xaxis=_axis(x), yaxis=_axis(y))
    if len(objectives) == 3:
        x, y, z = objectives
        yield _card("CONTOUR", xaxis=_axis(x), yaxis=_axis(y), zaxis=_axis(z))
    yield _card("PARALLEL", showAllRuns=True, selectedParams=parameters, selectedMetrics=objectives)


def _card(kind: str, **shown: object) -> dict[str, object]:
    return {
        "uuid": " ".join([_SECTION, kind, *(axis["key"] for axis in shown.values() if isinstance(axis, dict))]),
        "type": kind,
        "isGenerated": False,
        "deleted": False,
        "metricSectionId": _SECTION,
        "runsCountToCompare": _RUNS,
        **shown,
    }


def _axis(metric: str) -> Mapping[str, str]:
    return {"key": metric, "type": "METRIC", "dataAccessKey": metric}
