from __future__ import annotations

import base64
import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from sweeps import address
from sweeps.compare import experiment_tags, path, path_by_tags
from sweeps.config import SweepConfig, load_sweep
from sweeps.delivery import deliver
from sweeps.outbox import FOLDER, Outbox
from sweeps.stores import Stores
from sweeps.tracking import Tracker
from sweeps.tracking_uri import TrackingUri
from tests.short_sweep import write_sweep

OUTBOX = "0123456789abcdef"
KEY = "mlflow.sharedViewState.lorasweep-0123456789ab"


@pytest.fixture
def config(tmp_path: Path) -> SweepConfig:
    return load_sweep(write_sweep(tmp_path))[0]


def state_of(config: SweepConfig) -> dict[str, Any]:
    view = json.loads(experiment_tags(config, OUTBOX)[KEY])
    state: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(view["state"].removeprefix("deflate;"))))
    return state


def test_view_is_found_by_its_tag_and_where_there_are_two_all_runs_are_shown(config: SweepConfig) -> None:
    tags = [*experiment_tags(config, OUTBOX), "mlflow.sharedViewState.abc"]
    assert path_by_tags("7", tags) == path("7", OUTBOX)
    every = "/#/experiments/7/runs?workflowType=machine_learning&compareRunsMode=CHART"
    assert path_by_tags("7", [*tags, *experiment_tags(config, OUTBOX[::-1])]) == path_by_tags("7", []) == every


def test_each_pair_of_objectives_has_a_chart_and_three_of_them_a_contour(config: SweepConfig) -> None:
    cards = state_of(config)["compareRunCharts"]
    axes = [(c["type"], *(c[axis]["key"] for axis in ("xaxis", "yaxis", "zaxis") if axis in c)) for c in cards]
    assert axes == [
        ("SCATTER", "math_accuracy", "f1"),
        ("SCATTER", "math_accuracy", "ratio"),
        ("SCATTER", "f1", "ratio"),
        ("CONTOUR", "math_accuracy", "f1", "ratio"),
        ("PARALLEL",),
    ]
    assert len({card["uuid"] for card in cards}) == len(cards)
    assert cards[-1]["selectedParams"] == ["learning_rate", "lora_rank", "target_modules"]


def test_one_objective_has_only_parallel_coordinates(config: SweepConfig) -> None:
    single = config.model_copy(update={"objectives": config.objectives[:1]})
    assert [card["type"] for card in state_of(single)["compareRunCharts"]] == ["PARALLEL"]


def test_large_space_fits_into_what_the_server_takes(config: SweepConfig) -> None:
    names = {f"a_rather_long_name_of_parameter_{i}": config.parameters["lora_rank"] for i in range(400)}
    large = config.model_copy(update={"parameters": names})
    assert len(json.dumps(state_of(large))) > 20_000
    assert max(map(len, experiment_tags(large, OUTBOX).values())) < 20_000


def test_view_keeps_its_key_where_it_changes(config: SweepConfig) -> None:
    changed = config.model_copy(update={"objectives": config.objectives[:2]})
    assert experiment_tags(changed, OUTBOX).keys() == experiment_tags(config, OUTBOX).keys()


class Told:
    """A sweep's outbox that is delivered to a store."""

    def __init__(self, folder: Path, database: Path, config: SweepConfig) -> None:
        self.stores = Stores(folder / "runs")
        self.stores.root.mkdir()
        shutil.copy(database, self.stores.root / "mlflow.db")
        self.stores.create()
        self.outbox = Outbox(self.stores.sweep(config.name) / FOLDER)
        self.tracker, self._config = Tracker(self.outbox), config
        self.tracker.start_sweep({})
        self.tracker.tag_experiment(experiment_tags(config, self.outbox.id))

    def deliver(self) -> None:
        left = deliver(self.outbox, self._config.name, self.stores.tracking_uri, self.stores.artifacts, patience=0)
        assert left == ""

    @property
    def page(self) -> str | None:
        return address.page(self.outbox, TrackingUri.choose(None, self.outbox, self.stores))


@pytest.fixture
def told(tmp_path: Path, mlflow_database: Path, config: SweepConfig) -> Told:
    return Told(tmp_path, mlflow_database, config)


def test_address_is_known_once_the_experiment_is(told: Told) -> None:
    assert told.page is None
    assert address.of_sweep("short", told.stores) is None
    told.deliver()
    client = MlflowClient(told.stores.tracking_uri)
    experiment = client.get_experiment_by_name("short")
    assert experiment is not None
    assert told.page == f"http://127.0.0.1:5000{path(experiment.experiment_id, told.outbox.id)}"
    assert address.of_sweep("short", told.stores) == f"lorasweep ui --runs {told.stores.root} serves {told.page}"
    tags = experiment_tags(told._config, told.outbox.id).keys()
    assert tags <= experiment.tags.keys()


def test_page_on_a_server_of_others_has_its_address(told: Told) -> None:
    uri = TrackingUri.parse("https://me:s3cret@mlflow.lab/team")
    assert address.page(told.outbox, uri) is None
    told.outbox.delivered.keep_experiment(uri.place, "7")
    found = address.page(told.outbox, uri)
    assert found is not None
    assert found.startswith("https://mlflow.lab/team/#/experiments/7/runs?workflowType=machine_learning&")


def test_password_of_a_database_is_not_kept_with_what_was_delivered() -> None:
    uri = TrackingUri.parse("postgresql://me:s3cret@lab/mlflow")
    assert uri.place == "postgresql://me@lab/mlflow"


def test_tags_are_told_again_only_where_they_changed_or_to_another_store(tmp_path: Path, told: Told) -> None:
    color = {"mlflow.runColor": "#d62728"}
    told.tracker.tag("trial-0000", color)
    waiting = told.outbox.count_waiting()
    again = Tracker(Outbox(told.outbox.folder))
    again.tag("trial-0000", color)
    assert told.outbox.count_waiting() == waiting
    TrackingUri.parse("http://mlflow.lab").keep(told.outbox)
    Tracker(Outbox(told.outbox.folder)).tag("trial-0000", color)
    assert told.outbox.count_waiting() == waiting + 1
