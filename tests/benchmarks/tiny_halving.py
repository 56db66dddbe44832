"""Halving against none on the tiny model, for real: ``python -m tests.benchmarks.tiny_halving OUT [--epochs 24]``.

The shipped sweep with the same budget of epochs, once with its rungs and once without, for each seed of the sampler
and of the training. Every trial is a launch of msrun; a sweep takes some minutes. Prints fronts and hypervolumes (in
the box of ``sweeps.volume``, which does not depend on the trials). What was run is not run again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import yaml

from sweeps import volume
from sweeps.config import load_sweep
from sweeps.plan import make_plan
from sweeps.read import Known
from sweeps.stores import Stores

SHIPPED = Path(__file__).parents[2] / "search_spaces/tiny_cpu.yaml"
EPOCHS = 3


def write(folder: Path, seed: int, epochs: int, halving: bool) -> Path:
    """Write the shipped sweep with a budget; returns its file."""
    sweep = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    del sweep["trials"]
    sweep |= {"name": "halving" if halving else "none", "seed": seed, "budget": {"epochs": epochs}}
    if not halving:
        del sweep["halving"]
        sweep["fixed"] = {"runner_config.epochs": EPOCHS}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{sweep['name']}.yaml"
    file.write_text(yaml.safe_dump(sweep, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return file


def show(file: Path, runs: Path) -> None:
    """Print the front of a sweep and its hypervolume."""
    config, document = load_sweep(file)
    stores = Stores(runs)
    plan = make_plan(config, document, stores)
    known = Known.open(stores, config.name)
    assert known.base is not None
    axes = [asdict(axis) for axis in volume.box(plan, known.base, known.measured[0])]
    share = volume.hypervolume(known.measured, config.objectives, axes)
    spent = known.spent
    print(
        f"{file.parent.name} {config.name}: hypervolume {share:.4f}, {len(known.results)} trials, "
        f"{len(known.measured)} measurements, {spent['units']:.0f} epochs, {spent['card_seconds']:.0f} card-seconds"
    )
    for result in known.front.results:
        values = "  ".join(f"{o.metric} {result.values[o.metric]:.4g}" for o in config.objectives)
        print(f"  {result.point:14} {values}")


def main() -> None:
    """Run what is missing, then print all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    arguments = parser.parse_args()
    root = str(Path(__file__).parents[2])
    for seed in arguments.seeds:
        folder = arguments.out.absolute() / f"seed-{seed}"
        for halving in (True, False):
            file = write(folder, seed, arguments.epochs, halving)
            command = [sys.executable, "-m", "sweeps.cli", "start", str(file), "--runs", str(folder / "runs")]
            with (folder / f"{file.stem}.log").open("a") as log:
                subprocess.run(command, env={**os.environ, "PYTHONPATH": root}, stdout=log, check=False)
            show(file, folder / "runs")


if __name__ == "__main__":
    main()
