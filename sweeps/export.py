"""A trial's configuration as a folder that runs: recipes, launch.sh, adapter, also in PEFT's format, manifest.

Weights, data and tokenizer are not copied: they are named by their paths, and launch.sh checks their digests first.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from importlib.metadata import version
from pathlib import Path

from sweeps.checks import SEED
from sweeps.launch_script import launch_script
from sweeps.read import Known
from sweeps.results import Result
from sweeps.stores import StoreError, trial_paths
from trainer import files, peft, weight_files
from trainer.job import Job
from trainer.lora import LoraError, account
from trainer.paths import TrialPaths
from trainer.recipe import Recipe

BASE_ABILITY = ("squad_contest", "squad_v1")
"""The protocols that measure what the base could do already; all others measure the task."""


def export(known: Known, result: Result, out: Path, *, replace: bool = False) -> None:
    """Write ``result`` to the folder ``out``; it appears whole or not at all.

    What is written comes from the files that the trial itself ran with, not from the search space.

    Args:
        out: absolute; must not exist or be empty, unless ``replace``.

    Raises:
        FolderError: ``out`` is in use.
        StoreError: files of the trial are gone, or it was imported.
    """
    trial = kept_files(known, result)
    with files.whole_folder(out, replace=replace) as folder:
        _write(known, result, trial, folder)


def kept_files(known: Known, result: Result) -> TrialPaths:
    """Return where a trial's recipe, job and adapter lie.

    Raises:
        StoreError: one of them is gone, or the trial was imported.
    """
    if result.imported:
        folder = known.stores.sweep(known.config.name) / result.label
        raise StoreError(
            f"{result.label} was imported: there is no adapter of it to export; what it was read from is in {folder}"
        )
    trial = trial_paths(known.stores.sweep(known.config.name), result.label, result.rung)
    for needed in (trial.recipe, trial.job, trial.adapter):
        if not needed.exists():
            raise StoreError(f"{needed}: is gone, so {result.label} cannot be exported; MLflow's artifacts may have it")
    return trial


def read_job(trial: TrialPaths) -> Job:
    """Return what a trial's worker was given; raises ``StoreError`` where its file is broken."""
    try:
        return Job.read(trial.job)
    except ValueError as error:
        raise StoreError(f"{trial.job}: is broken: {error}; MLflow's artifacts may have it whole") from error


def _write(known: Known, result: Result, trial: TrialPaths, out: Path) -> None:
    recipe, job = Recipe.read(trial.recipe), read_job(trial)
    shutil.copyfile(trial.recipe, out / "train.yaml")
    shutil.copyfile(trial.adapter, out / "adapter.safetensors")
    stages = _write_evaluations(recipe, job, trial, out, result.label)
    # which cores a job was bound to is this host's matter; what rungs trained one by one is trained in one go
    job.model_copy(update={"cores": (), "resume": None}).write(out / "job.json")
    # PEFT has no words for some adapters, such as one on a part of the layers: the rest serves all the same
    with contextlib.suppress(LoraError), files.whole_folder(out / "peft") as folder:
        peft.write(folder, weight_files.read(trial.adapter), recipe, str(job.base))
    inputs = _inputs(job)
    files.write_whole(out / "inputs.sha256", "".join(f"{digest}  {file}\n" for file, digest in inputs.items()))
    _write_json(out / "manifest.json", _manifest(known, result, trial, recipe, job, inputs))
    script = out / "launch.sh"
    files.write_whole(script, launch_script(known.config, result.label, job, stages))
    script.chmod(0o755)


def _write_evaluations(recipe: Recipe, job: Job, trial: TrialPaths, out: Path, label: str) -> dict[str, list[str]]:
    """Write the recipes that measure; returns the name of each, ``evaluate_NAME.yaml``, with its protocols.

    A trial on cards was measured by recipes of its protocols' own, and is again; else there is one for what the base
    could do, and one for the task.
    """
    stages: dict[str, list[str]] = {}
    for protocol in (benchmark.protocol for benchmark in job.benchmarks):
        own = trial.evaluation(protocol)
        if own.exists():
            shutil.copyfile(own, out / own.name)
            stages[protocol] = [protocol]
        else:
            stages.setdefault("base" if protocol in BASE_ABILITY else "task", []).append(protocol)
    for ability in {"base", "task"} & stages.keys():
        text = recipe.render({"run_mode": "predict"}, f"lorasweep: measures {', '.join(stages[ability])} of {label}")
        files.write_whole(out / f"evaluate_{ability}.yaml", text)
    return stages


def _inputs(job: Job) -> dict[str, str]:
    tokenizer = sorted(file for file in job.tokenizer.iterdir() if file.is_file())
    read = [job.base, job.train, *(b.file for b in job.benchmarks), *tokenizer]
    return {str(file): files.digest(file) for file in dict.fromkeys(read)}


def _manifest(
    known: Known, result: Result, trial: TrialPaths, recipe: Recipe, job: Job, inputs: dict[str, str]
) -> dict[str, object]:
    accounting = account(recipe.values, recipe.source)
    measured = json.loads(trial.measurement.read_text(encoding="utf-8"))
    return {
        "sweep": known.config.name,
        "trial": result.number,
        "rung": result.rung,
        "seed": recipe.get(SEED),
        "configuration": dict(result.configuration),
        "data": {
            "protocol": job.protocol,
            "template": job.source.template,
            "transforms": job.transforms.model_dump(),
            "seed": job.data_seed,
            "statistics": measured.get("data"),
        },
        "values": dict(result.values),
        "scores": measured["scores"],
        "parameters": {"trainable": accounting.trainable, "total": accounting.total},
        "versions": {"lorasweep": version("lorasweep"), **measured["versions"]},
        "inputs": inputs,
    }


def _write_json(file: Path, value: object) -> None:
    files.write_whole(file, json.dumps(value, ensure_ascii=False, indent=2) + "\n")
