from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from sweeps.doctor import dry_step
from sweeps.doctor.subject import Subject
from sweeps.stores import Stores
from trainer import msrun


def test_launch_that_fails_is_a_finding_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = tmp_path / "broken_worker.py"
    worker.write_text("import no_such_module\n", encoding="utf-8")
    monkeypatch.setattr(msrun, "WORKER", worker)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (check,) = dry_step.checks(Subject(Stores(tmp_path / "runs")))
    (finding,) = check.run()
    assert finding.level == "fail"
    assert "no_such_module" in finding.text
    log = finding.advice.removeprefix("see ").partition("; delete ")[0]
    assert "no_such_module" in Path(log).read_text(encoding="utf-8")
