"""Packs of a sweep whose files are real."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from sweeps import pack
from sweeps.read import Known
from sweeps.report.material import Material, Options
from sweeps.stores import Stores
from tests.made_sweep import make
from trainer.files import digest
from trainer.weights import WeightsError

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def material(runs: Path) -> Material:
    known = Known.open(Stores(runs), None)
    return Material.of(known, known.measured[-1], Options("trial:0"))


@pytest.fixture(scope="module")
def packed(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packs") / "pack"
    pack.Packer(material, ("zh",)).write(out)
    return out


@pytest.fixture(scope="module")
def manifest(packed: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((packed / "manifest.json").read_text(encoding="utf-8"))
    return found


def names(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_manifest_has_the_digest_of_every_file(packed: Path, manifest: dict[str, Any]) -> None:
    assert manifest["files"].keys() == names(packed) - {"manifest.json"}
    for name, said in manifest["files"].items():
        assert said == {"sha256": digest(packed / name), "bytes": (packed / name).stat().st_size}


def test_pack_has_what_a_contest_asks_for(packed: Path) -> None:
    assert names(packed) >= {
        "report/report.zh.md",
        "report/report.zh.html",
        "baseline.yaml",
        *(f"run/{name}" for name in ("train.yaml", "evaluate_base.yaml", "evaluate_task.yaml", "launch.sh")),
        *(
            f"runs/{run}/{name}"
            for run in ("base", "trial-0000/rung-1", "trial-0000/rung-2")
            for name in ("msrun.log", "msrun_log/worker_0.log", "msrun_log/scheduler.log", "measurement.json")
        ),
        "runs/base/predictions_squad_contest.jsonl",
        "runs/trial-0000/rung-2/predictions_math_contest.jsonl",
        "source/trainer/data.py",
        "source/evaluation/math.py",
    }


def test_five_evenly_spaced_checkpoints_and_the_best_are_merged(
    runs: Path, packed: Path, manifest: dict[str, Any]
) -> None:
    folders = [f"{number}_step_{step}" for number, step in enumerate((4, 8, 12, 16, 20), 1)] + ["best"]
    assert {name.split("/")[1] for name in names(packed) if name.startswith("checkpoints/")} == set(folders)
    assert manifest["checkpoints"] == {"merged": True, "evenly_spaced": [1, 2, 3, 4, 5], "missing": ""}
    trial = runs / "sweeps/short/trial-0000"
    adapters = [trial / f"rung-{1 + (step > 10)}/checkpoints/adapter-{step}.safetensors" for step in (4, 8, 12, 16, 20)]
    base = load_file(json.loads((trial / "rung-2/job.json").read_text())["base"])
    for folder, adapter in zip(folders, [*adapters, trial / "rung-2/adapter.safetensors"], strict=True):
        merged, trained = load_file(packed / "checkpoints" / folder / "model.safetensors"), load_file(adapter)
        module = next(name for name in trained if name.endswith("wq.mindpet_delta_lora_a")).rpartition(".")[0]
        a, b = (trained[f"{module}.mindpet_delta_lora_{which}"] for which in "ab")
        # alpha 16, rank 8
        np.testing.assert_allclose(
            merged[f"{module}.weight"], base[f"{module}.weight"] + 2 * b @ a, rtol=1e-5, atol=1e-5
        )
        assert merged.keys() == base.keys()


def test_report_lists_the_merged_checkpoints_with_their_digests(packed: Path, manifest: dict[str, Any]) -> None:
    report = (packed / "report/report.zh.md").read_text(encoding="utf-8")
    for name, said in manifest["files"].items():
        if name.startswith("checkpoints/"):
            assert f"| `{name}` | {said['bytes']} | `{said['sha256']}` |" in report


def test_zip_file_holds_the_same(material: Material, packed: Path, tmp_path: Path) -> None:
    out = tmp_path / "pack.zip"
    pack.Packer(material, ("zh",)).write(out)
    with zipfile.ZipFile(out) as opened:
        assert set(opened.namelist()) == names(packed)
        # but for the time at which it was exported nothing differs
        assert all(opened.read(name) == (packed / name).read_bytes() for name in opened.namelist())
        assert opened.getinfo("run/launch.sh").external_attr >> 16 & 0o111
    assert list(tmp_path.iterdir()) == [out]


def test_checkpoints_may_be_left_out_which_is_said(runs: Path, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "pack"
    assert cli("pack", "--runs", runs, "--trial", 0, "--out", out, "--no-checkpoints", "--lang", "en")[0] == 0
    assert not (out / "checkpoints").exists()
    assert (out / "runs/trial-0000/rung-2/checkpoints/adapter-20.safetensors").exists()
    assert "left out of this pack (--no-checkpoints)" in (out / "report/report.en.md").read_text(encoding="utf-8")
    assert json.loads((out / "manifest.json").read_text(encoding="utf-8"))["checkpoints"]["merged"] is False


def test_pack_of_a_trial_that_stopped_says_which_checkpoints_are_missing(tmp_path: Path, cli: Cli) -> None:
    runs = make(tmp_path / "made", stops=True)
    assert cli("pack", "--runs", runs, "--trial", 0, "--out", tmp_path / "pack")[0] == 0
    said = json.loads((tmp_path / "pack/manifest.json").read_text(encoding="utf-8"))["checkpoints"]
    assert said["evenly_spaced"] == [1, 2]
    assert said["missing"].startswith(
        "Only 2 of five evenly spaced checkpoints are there: the trial stopped at step 10"
    )


def test_nothing_is_begun_where_the_disk_lacks_the_room(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = material.trial.read_job.base.stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=6 * base))
    with pytest.raises(pack.PackError, match=r"6 merged checkpoints, but .* GB are free; .* --no-checkpoints"):
        pack.Packer(material, ("zh",)).write(tmp_path / "pack")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["pack", "pack.zip"])
def test_nothing_is_left_of_a_pack_that_fails(material: Material, tmp_path: Path, name: str) -> None:
    known = material.known
    copy = Path(shutil.copytree(known.stores.root, tmp_path / "copy"))
    broken = copy / "sweeps/short/trial-0000/rung-2/checkpoints/adapter-20.safetensors"
    broken.write_bytes(broken.read_bytes()[:100])
    copied = Material.of(replace(known, stores=Stores(copy)), known.measured[-1], Options("trial:0"))
    (tmp_path / "out").mkdir()
    with pytest.raises(WeightsError, match=re.escape(str(broken))):
        pack.Packer(copied, ("zh",)).write(tmp_path / "out" / name)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("name", ["pack", "pack.zip"])
def test_what_is_there_is_not_overwritten(runs: Path, tmp_path: Path, cli: Cli, name: str) -> None:
    used = tmp_path / name / "mine" if name == "pack" else tmp_path / name
    used.parent.mkdir(exist_ok=True)
    used.write_text("mine", encoding="utf-8")
    code, _, error = cli("pack", "--runs", runs, "--trial", 0, "--out", tmp_path / name)
    assert code == 2
    assert f"{tmp_path / name}: is there already" in error
    assert used.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("command", [("export",), ("adapter", "extract")])
def test_trial_whose_job_file_is_broken_is_bad_input(
    cli: Cli, runs: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    copied = tmp_path / "runs"
    shutil.copytree(runs, copied)
    (job,) = copied.glob("sweeps/*/trial-0000/rung-2/job.json")
    job.write_text('{"tokenizer": ', encoding="utf-8")
    code, _, error = cli(*command, "--select", "trial:0", "--runs", copied, "--out", tmp_path / "out")
    assert code == 2
    assert f"{job}: is broken" in error
