"""What the Pareto page's server answers, whatever serves it: documents, importance, exports."""

from __future__ import annotations

import io
import json
import sqlite3
import tempfile
import threading
import zipfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweeps.compare import path_by_tags
from sweeps.database import Database
from sweeps.export import export
from sweeps.ledger import Ledger
from sweeps.read import Known
from sweeps.selection import select
from sweeps.stores import StoreError, Stores
from sweeps.study import load_config, load_study, names_in
from sweeps.ui.document import Links, document
from sweeps.ui.importance import importance
from sweeps.ui.standing import Rows


class UnknownSweep(StoreError):
    """There is no sweep of that name."""


@dataclass(frozen=True)
class Answer:
    """A JSON text and what changes whenever it does."""

    version: str
    text: bytes


@dataclass
class _Sweep:
    ledger: Ledger
    lock: threading.Lock = field(default_factory=threading.Lock)
    computing: threading.Lock = field(default_factory=threading.Lock)
    document: Answer | None = None
    importance: Answer | None = None


class Answers:
    """Answers about the sweeps in ``stores``; may be asked by several threads at once.

    Raises:
        StoreError: by every method: the stores cannot be read; ``UnknownSweep`` where a name is none of a sweep.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores, self._database = stores, Database(stores.study_url)
        self._sweeps: dict[str, _Sweep] = {}
        self._exporting = threading.Lock()

    def names(self) -> list[str]:
        """Return the names of all sweeps, sorted."""
        self._stores.check()
        return names_in(self._database)

    def document(self, name: str) -> Answer:
        """Return ``sweeps.ui.document`` of a sweep as it is now; built anew only where something has changed."""
        sweep = self._sweep(name)
        with sweep.lock:
            rows = Rows.read(self._database, sweep.ledger, name)
            links = _links(self._stores.root / "mlflow.db", name)
            version = f"{rows.digest()}-{len(links.runs)}"
            if sweep.document is None or sweep.document.version != version:
                sweep.document = Answer(version, _json(document(rows.standing(), links)))
            return sweep.document

    def importance(self, name: str) -> Answer:
        """Return ``sweeps.ui.importance`` of a sweep; computed anew only where something was measured since."""
        sweep = self._sweep(name)
        # not the document's: it takes seconds, and pages ask for documents meanwhile
        with sweep.computing:
            version = Rows.read(self._database, sweep.ledger, name).measured_digest()
            if sweep.importance is None or sweep.importance.version != version:
                study = load_study(name, self._stores.study_url)
                sweep.importance = Answer(version, _json(importance(study, load_config(study))))
            return sweep.importance

    def export(self, name: str, selection: str) -> tuple[str, bytes]:
        """Return what ``lorasweep export --select`` writes, as a zip file's name and content.

        Raises:
            SelectionError: nothing is selected by that text.
            FolderError: there is no room to write it.
        """
        self._sweep(name)
        known = Known.open(self._stores, name)
        result = select(selection, known)
        packed, folder_name = io.BytesIO(), f"{name}-{result.point}"
        # one at a time: it reads the base's weights whole for their digest
        with self._exporting, tempfile.TemporaryDirectory() as folder:
            out = Path(folder, "export")
            export(known, result, out)
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for file in sorted(path for path in out.rglob("*") if path.is_file()):
                    archive.write(file, Path(folder_name, file.relative_to(out)))
        return f"{folder_name}.zip", packed.getvalue()

    def _sweep(self, name: str) -> _Sweep:
        if name not in self._sweeps:
            if name not in self.names():
                raise UnknownSweep(f"there is no sweep named {name!r} here")
            self._sweeps[name] = _Sweep(Ledger(self._stores.study_url, name))
        return self._sweeps[name]


def _links(file: Path, sweep: str) -> Links:
    """Return where MLflow's database has a sweep; nowhere where it was told to another server."""
    if not file.exists():
        return Links()
    try:
        with closing(sqlite3.connect(file, timeout=1)) as database:
            found = database.execute(
                "SELECT experiment_id FROM experiments WHERE name = ? AND lifecycle_stage = 'active'", (sweep,)
            ).fetchone()
            if found is None:
                return Links()
            runs = database.execute(
                "SELECT t.value, t.run_uuid FROM tags t JOIN runs r ON r.run_uuid = t.run_uuid "
                "WHERE t.key = 'lorasweep.trial' AND r.experiment_id = ? AND r.lifecycle_stage = 'active'",
                found,
            )
            tags = database.execute("SELECT key FROM experiment_tags WHERE experiment_id = ?", found)
            compare = path_by_tags(str(found[0]), (key for (key,) in tags))
            return Links(str(found[0]), dict(runs.fetchall()), compare)
    except sqlite3.Error:
        # the page is as good without them; MLflow itself says what is wrong with its database
        return Links()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
