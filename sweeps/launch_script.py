"""The shell script of an exported configuration: the msrun lines of a trial."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sweeps.config import SweepConfig
from trainer import msrun
from trainer.job import Job
from trainer.paths import TrialPaths
from trainer.slots import Placement

_HEAD = """#!/usr/bin/env bash
# Trains and measures {label} of the sweep {sweep} again, then compares with manifest.json. Made by lorasweep.
# Another Python of an environment that has lorasweep: PYTHON=... ./launch.sh
set -euo pipefail
# not resolved: a virtual environment's python is a link
OWN={python}
PYTHON=$(realpath --no-symlinks "$(command -v "${{PYTHON:-$OWN}}" || echo missing)")
cd "$(dirname "$0")"
export PATH="$(dirname "$PYTHON"):$PATH"
WORKER=$("$PYTHON" -c 'from trainer.msrun import WORKER; print(WORKER)') || {{
    echo "launch.sh: $PYTHON does not have lorasweep; set PYTHON to the python of an environment that has it" >&2
    exit 2
}}
export PYTHONPATH="$(dirname "$(dirname "$WORKER")")${{PYTHONPATH:+:$PYTHONPATH}}"
sha256sum --check --quiet inputs.sha256
# leftovers of another job would break this one
unset ${{!MS_*}} ${{!RANK_*}} DEVICE_ID
"""
_PORT = "PORT=$(python -c 'from trainer.slots import free_port; print(free_port())')"


def launch_script(config: SweepConfig, label: str, job: Job, stages: Mapping[str, Sequence[str]]) -> str:
    """Return the script: one launch trains, then one for each of ``stages`` measures.

    Args:
        job: what the trial ran with.
        stages: NAME of ``evaluate_NAME.yaml`` -> the protocols that it measures.
    """
    devices = tuple(config.slots.devices[: job.workers])
    lines = [_HEAD.format(label=label, sweep=config.name, python=shlex.quote(sys.executable))]
    placement = Placement(0, job.workers, devices, job.cores, 0, 60000)
    environment = msrun.environment(placement, TrialPaths(Path("/")), {})
    for name in ("ASCEND_RT_VISIBLE_DEVICES", "HCCL_IF_BASE_PORT", "OMP_NUM_THREADS", "GLOG_v", "HF_HUB_OFFLINE"):
        if name in environment:
            lines.append(f'export {name}="${{{name}:-{environment[name]}}}"')
    lines.append(_launch(placement, "train.yaml", ("train",), "measurement_train.json"))
    for name, protocols in stages.items():
        lines.append(_launch(placement, f"evaluate_{name}.yaml", protocols, f"measurement_{name}.json"))
    lines.append("python -m sweeps.replay manifest.json measurement_*.json")
    return "\n".join(lines) + "\n"


def _launch(placement: Placement, recipe: str, stages: Sequence[str], measurement: str) -> str:
    trains = "train" in stages
    launch = msrun.Launch(
        Path(recipe),
        Path("job.json"),
        tuple(stages),
        None if trains else Path("adapter.safetensors"),
        Path(measurement),
        workers=1 if placement.devices and not trains else None,
        log_folder=f"msrun_log_{Path(recipe).stem}",
    )
    # the one place that knows msrun's arguments gives them; what differs from machine to machine becomes a variable
    own = {
        "--master_port=0": '--master_port="$PORT"',
        str(msrun.WORKER): '"$WORKER"',
    }
    command = msrun.argv(launch, placement)
    words = ["msrun", *(own.get(word) or shlex.quote(word) for word in command[1:])]
    return f"\n{_PORT}\n{' '.join(words)}"
