"""Records -> MLflow, in a process that delivers.

All of it may be done twice without a trace: values carry the time at which they were appended, and MLflow keeps one row
for each run, name, step, time and value; runs are looked up by their tags before they are made.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# before mlflow, whose client it sets up
from sweeps.mlflow_calls import Calls, Refused, Unavailable

# isort: split
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from sweeps.outbox import OUTBOX, PARENT, TRIAL, Outbox, Record
from sweeps.tracking_uri import TrackingUri

_LISTS = {"params": 100, "metrics": 1000, "tags": 100}  # what the server takes in one call
_DOUBT_SECONDS = 30.0

Item = tuple[int, str, Any]
"""Id of the record, what it lists, one element of its list."""


@dataclass
class MlflowStore:
    """One sweep's experiment in a tracking store.

    Attributes:
        outbox: what is delivered.
        uri: of the store, a database or a server.
        sweep: name of the experiment and of the parent run.
        artifacts: folder for artifacts where the store is a database; a server has a place of its own.
    """

    outbox: Outbox
    uri: str
    sweep: str
    artifacts: Path

    def __post_init__(self) -> None:
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        self._call = Calls().call
        self._place = TrackingUri.parse(self.uri).place
        self._made_client: MlflowClient | None = None
        self._made_experiment: str | None = None

    def apply(self, records: Sequence[Record]) -> Iterator[Record]:
        """Tell MLflow what the records say, those of each run in order; parts that it refuses are set aside.

        Yields:
            the last record of each part that was told.

        Raises:
            Unavailable: not all is told; all of it may be told again.
        """
        self._open(lambda: self._client)
        for lists, group in itertools.groupby(records, key=lambda record: record.kind in _LISTS):
            if lists:
                part = list(group)
                self._tell_lists(part)
                yield part[-1]
                continue
            for record in group:
                try:
                    self._with_run(record.label, record.made, self._telling(record))
                except Refused as refusal:
                    self._set_aside(record, str(refusal))
                yield record

    def recover(self) -> None:
        """Wait until the server answers; raises ``Unavailable`` where it does not."""
        self._open(lambda: self._client.search_experiments(max_results=1))
        # a request that was given up may still be in work: what comes after it must not overtake it
        time.sleep(1)

    def settle(self) -> None:
        """Remove twins of runs: a server that hung may carry out what was given up long before, and done again."""
        for label, run, since in self.outbox.delivered.doubted(self._place):
            for twin in self._search(label):
                if twin != run:
                    self._delete(twin)
            if time.time() - since > _DOUBT_SECONDS:
                self.outbox.delivered.keep_run(self._place, label, run, doubted=False)

    # -- records -------------------------------------------------------------------------------------------------------

    def _tell_lists(self, records: Sequence[Record]) -> None:
        """Tell lists of values in as few calls as may be: runs do not depend on each other."""
        by_run: dict[str, list[Record]] = {}
        for record in records:
            by_run.setdefault(record.label, []).append(record)
        for label, own in by_run.items():
            for kind, size in _LISTS.items():
                items = [(r.id, kind, item) for r in own if r.kind == kind for item in r.payload["items"]]
                for start in range(0, len(items), size):
                    self._tell_items(label, own[0].made, items[start : start + size])

    def _tell_items(self, label: str, made: int, items: Sequence[Item]) -> None:
        """Tell them together; where something is refused, find out what and set that aside only."""
        try:
            self._with_run(label, made, lambda run: self._client.log_batch(run, **_batch(items)))
        except Refused as refusal:
            if len(items) == 1:
                ((number, kind, item),) = items
                self.outbox.delivered.refuse(number, label, f"{kind.removesuffix('s')} {item[0]}", str(refusal))
                return
            middle = len(items) // 2
            self._tell_items(label, made, items[:middle])
            self._tell_items(label, made, items[middle:])

    def _telling(self, record: Record) -> Callable[[str], object]:
        if record.kind == "open":
            return lambda run: self._client.update_run(run, status="RUNNING")
        if record.kind == "end":
            return lambda run: self._client.set_terminated(run, record.payload["status"], record.made)
        if record.kind == "experiment":
            return lambda _: self._tag_experiment(record.payload["items"])
        file = str(self.outbox.file(record))
        return lambda run: self._client.log_artifact(run, file, record.payload["folder"] or None)

    def _tag_experiment(self, items: Sequence[tuple[str, str]]) -> None:
        for name, value in items:
            self._client.set_experiment_tag(self._experiment, name, value)

    def _set_aside(self, record: Record, error: str) -> None:
        if record.kind == "file" and not self.outbox.holds(record):
            return  # a newer one took its place meanwhile
        self.outbox.delivered.refuse(record.id, record.label, f"{record.kind} {record.payload.get('name', '')}", error)

    # -- runs ----------------------------------------------------------------------------------------------------------

    def _with_run(self, label: str, made: int, call: Callable[[str], object]) -> None:
        try:
            run = self._run(label, made)
            self._call(lambda: call(run))
        except Refused as refusal:
            # a run of a deleted experiment is refused, too, until that is restored
            self._made_experiment = None
            self._open(lambda: self._experiment)
            if not refusal.missing:
                raise
            # the store was made anew
            self.outbox.delivered.forget_run(self._place, label)
            run = self._run(label, made)
            self._call(lambda: call(run))

    def _run(self, label: str, made: int) -> str:
        """Return the id of a run; it is made where there is none."""
        delivered = self.outbox.delivered
        known = delivered.run(self._place, label)
        if known is not None:
            return known
        tags = {TRIAL: label, OUTBOX: self.outbox.id}
        if label != PARENT:
            tags[MLFLOW_PARENT_RUN_ID] = self._run(PARENT, made)
        doubted = delivered.begin_run(self._place, label)
        found = self._search(label)
        if found:
            run = found[0]
        else:
            name = self.sweep if label == PARENT else label
            run = self._open(lambda: self._client.create_run(self._experiment, made, tags, name)).info.run_id
        delivered.keep_run(self._place, label, run, doubted=doubted)
        return run

    def _search(self, label: str) -> list[str]:
        """Return the runs of that label which this sweep made, the oldest first."""
        found = self._open(
            lambda: self._client.search_runs(
                [self._experiment],
                f"tags.`{TRIAL}` = '{label}'",
                ViewType.ACTIVE_ONLY,
                order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
            )
        )
        # another's sweep of the same name may be on the same server
        return [run.info.run_id for run in found if run.data.tags.get(OUTBOX, self.outbox.id) == self.outbox.id]

    @property
    def _client(self) -> MlflowClient:
        if self._made_client is None:
            self._made_client = MlflowClient(tracking_uri=self.uri)
        return self._made_client

    @property
    def _experiment(self) -> str:
        if self._made_experiment is None:
            self._made_experiment = self._open_experiment()
            self.outbox.delivered.keep_experiment(self._place, self._made_experiment)
        return self._made_experiment

    def _open_experiment(self) -> str:
        experiment = self._client.get_experiment_by_name(self.sweep)
        if experiment is None:
            is_server = self.uri.startswith("http")
            location = None if is_server else (self.artifacts / self.sweep).absolute().as_uri()
            created: str = self._client.create_experiment(self.sweep, artifact_location=location)
            return created
        if experiment.lifecycle_stage != "active":
            # of a person, who may want it back: nothing is thrown away for it
            raise Unavailable(f"experiment {self.sweep} was deleted; restore it")
        known: str = experiment.experiment_id
        return known

    def _delete(self, run: str) -> None:
        self._open(lambda: self._client.delete_run(run))

    def _open(self, call: Callable[[], Any]) -> Any:
        """Call MLflow for what no record is to blame for: where it fails, all of them wait."""
        try:
            return self._call(call)
        except Refused as refusal:
            # made anew, or its experiment gone: to be looked for again
            self._made_experiment = None
            raise Unavailable(str(refusal)) from refusal


def _batch(items: Sequence[Item]) -> dict[str, Any]:
    """Return one call's arguments; of a tag that was set twice, the last."""
    kind = items[0][1]
    values = [item for _, _, item in items]
    if kind == "metrics":
        return {"metrics": [Metric(*value) for value in values]}
    if kind == "params":
        return {"params": [Param(*value) for value in dict.fromkeys(map(tuple, values))]}
    return {"tags": [RunTag(name, value) for name, value in dict(values).items()]}
