"""The shell script of an exported configuration: the msrun lines of a trial, for any machine with lorasweep."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from sweeps.config import SweepConfig
from trainer import msrun
from trainer.paths import TrialPaths
from trainer.slots import Placement

_HEAD = """#!/usr/bin/env bash
# Trains and measures {label} of the sweep {sweep} again, then compares with manifest.json. Made by lorasweep.
# Run it with the Python of an environment that has lorasweep: PYTHON=... ./launch.sh
set -euo pipefail
cd "$(dirname "$0")"
PYTHON=$(command -v "${{PYTHON:-python}}")
export PATH="$(dirname "$PYTHON"):$PATH"
export WORKER=$(python -c 'from trainer.msrun import WORKER; print(WORKER)')
export PYTHONPATH="$(dirname "$(dirname "$WORKER")")${{PYTHONPATH:+:$PYTHONPATH}}"
sha256sum --check --quiet inputs.sha256
# leftovers of another job would break this one
unset ${{!MS_*}} ${{!RANK_*}} DEVICE_ID
"""
_PORT = "PORT=$(python -c 'from trainer.slots import free_port; print(free_port())')"


def launch_script(config: SweepConfig, label: str, cores: int, stages: Mapping[str, Sequence[str]]) -> str:
    """Return the script: one launch trains, one measures the base ability, one the task.

    Args:
        cores: CPU cores that the trial had; 0 on cards.
        stages: ``base`` and ``task`` -> the protocols that measure them.
    """
    workers = config.slots.workers
    devices = config.slots.devices[:workers]
    lines = [_HEAD.format(label=label, sweep=config.name)]
    placement = Placement(0, workers, tuple(devices), tuple(range(cores)), 0, 60000)
    environment = msrun.environment(placement, TrialPaths(Path("/")), {})
    for name in ("ASCEND_RT_VISIBLE_DEVICES", "HCCL_IF_BASE_PORT", "OMP_NUM_THREADS", "GLOG_v", "HF_HUB_OFFLINE"):
        if name in environment:
            lines.append(f'export {name}="${{{name}:-{environment[name]}}}"')
    lines.append(_launch(placement, "train.yaml", ("train",), "measurement_train.json"))
    for ability, protocols in stages.items():
        if protocols:
            lines.append(_launch(placement, f"evaluate_{ability}.yaml", protocols, f"measurement_{ability}.json"))
    lines.append("python -m sweeps.replay manifest.json measurement_*.json")
    return "\n".join(lines) + "\n"


def _launch(placement: Placement, recipe: str, stages: Sequence[str], measurement: str) -> str:
    adapter = None if "train" in stages else Path("adapter.safetensors")
    launch = msrun.Launch(Path(recipe), Path("job.json"), tuple(stages), adapter, Path(measurement))
    # the one place that knows msrun's arguments gives them; what differs from machine to machine becomes a variable
    own = {
        "--master_port=0": '--master_port="$PORT"',
        "--log_dir=/msrun_log": f"--log_dir=msrun_log_{Path(recipe).stem}",
        str(msrun.WORKER): '"$WORKER"',
    }
    command = msrun.argv(launch, placement, TrialPaths(Path("/")))
    words = ["msrun", *(own.get(word) or shlex.quote(word) for word in command[1:])]
    return f"\n{_PORT}\n{' '.join(words)}"
