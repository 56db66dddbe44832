"""One placement and one recipe -> the argv and the environment of an ``msrun`` launch. Pure functions."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.chain import Chain
from trainer.paths import LOGS, TrialPaths
from trainer.slots import Placement

WORKER = Path(__file__).with_name("worker.py")

MARK = "LORASWEEP_TRIAL"
"""Environment variable that holds the trial's folder in every process of a launch."""

_KEPT_PREFIXES = ("ASCEND_", "LC_", "ATB_", "CANN_", "MINDSPORE_")
_KEPT = frozenset(
    "HOME LANG LANGUAGE LD_LIBRARY_PATH LD_PRELOAD PATH PYTHONPATH SHELL TERM TMPDIR TZ USER VIRTUAL_ENV "
    "SSL_CERT_FILE NNAL_HOME TOOLCHAIN_HOME TBE_IMPL_PATH".split()
)
# Set per job below: one that leaked in from the caller's shell would let two jobs share cards.
_DROPPED = frozenset({"ASCEND_RT_VISIBLE_DEVICES"})


@dataclass(frozen=True)
class Launch:
    """What ``msrun`` runs: the worker script with its recipe, job file and stages.

    Attributes:
        stages: ``train`` and names of benchmarks, in the order in which the worker does them.
        adapter: LoRA weights to load where ``train`` is not among the stages; None: the untouched base.
        measurement: where the worker writes what it measured; None: the trial's own file.
        workers: msrun workers; None: those of the placement.
        log_folder: name of the folder, in the trial's, of its processes' logs.
        then: launches that follow on the same placement, one after the other, if this one ends well; each has folders
            and files of its own (see ``trainer.chain``).
        done: one of several that ended well in an earlier attempt: it is not run again, and what it left counts.
        cluster_timeout: seconds that workers wait for one another at the start.
    """

    recipe: Path
    job: Path
    stages: tuple[str, ...]
    adapter: Path | None = None
    measurement: Path | None = None
    workers: int | None = None
    log_folder: str = LOGS
    then: tuple[Launch, ...] = ()
    done: bool = False
    cluster_timeout: int = 600


def left(launch: Launch, paths: TrialPaths) -> set[Path]:
    """Return the files that a launch leaves, as far as another attempt needs them, if it ended well."""
    logs = paths.root / launch.log_folder
    adapter = {paths.adapter} if "train" in launch.stages else set()
    predictions = {paths.predictions(stage) for stage in launch.stages if stage != "train"}
    return {launch.measurement or paths.measurement, *adapter, *predictions, *logs.glob("*")}


def command(launch: Launch, placement: Placement, paths: TrialPaths) -> list[str]:
    """Return the argument list of the process that a launch is: msrun, or what runs several of them in a row."""
    if not launch.then:
        return argv(launch, placement)
    links = (launch, *launch.then)
    chain = Chain(
        links=tuple(tuple(argv(link, placement)) for link in links if not link.done),
        parts=tuple(link.measurement or paths.measurement for link in links),
        total=paths.measurement,
    )
    # -P: nothing in the trial's folder, where it runs, is taken for a module
    return [sys.executable, "-P", "-m", "trainer.chain", chain.model_dump_json()]


def argv(launch: Launch, placement: Placement) -> list[str]:
    """Return msrun's argument list; every item is one argument, so any folder name is safe."""
    workers = launch.workers or placement.workers
    arguments = [
        str(Path(sys.executable).with_name("msrun")),
        f"--worker_num={workers}",
        f"--local_worker_num={workers}",
        "--master_addr=127.0.0.1",
        f"--master_port={placement.scheduler_port}",
        # relative to the folder that it runs in: msrun gives the name to a shell, unquoted, when a job fails
        f"--log_dir={launch.log_folder}",
        "--join=True",
        f"--cluster_time_out={launch.cluster_timeout}",
        # a number that no worker has: without it msrun starts a `tail -f` a worker, which outlives a killed msrun
        f"--tail_worker_log={workers}",
        str(WORKER),
        f"--recipe={launch.recipe}",
        f"--job={launch.job}",
        f"--stages={','.join(launch.stages)}",
    ]
    if launch.adapter is not None:
        arguments.append(f"--adapter={launch.adapter}")
    if launch.measurement is not None:
        arguments.append(f"--measurement={launch.measurement}")
    return arguments


def environment(placement: Placement, paths: TrialPaths, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the job's environment: what a job needs of the caller's, and this placement's own share.

    ``MS_*``, ``RANK_*`` and ``DEVICE_ID`` of an earlier job would break this one, so nothing is inherited that is not
    named here.
    """
    kept = {
        key: value
        for key, value in inherited.items()
        if (key in _KEPT or key.startswith(_KEPT_PREFIXES)) and key not in _DROPPED
    }
    # msrun starts its workers as `python`: it must find the one that runs this
    kept["PATH"] = f"{Path(sys.executable).parent}:{kept.get('PATH', '/usr/bin:/bin')}"
    # the packages, wherever they were imported from: a checkout is not installed
    root = str(WORKER.parent.parent)
    kept["PYTHONPATH"] = f"{root}:{kept['PYTHONPATH']}" if kept.get("PYTHONPATH") else root
    kept |= {"PYTHONUNBUFFERED": "1", "GLOG_v": "2", "HF_HUB_OFFLINE": "1", MARK: str(paths.root)}
    if placement.devices:
        kept["ASCEND_RT_VISIBLE_DEVICES"] = ",".join(map(str, placement.devices))
        kept["HCCL_IF_BASE_PORT"] = str(placement.hccl_port)
    if placement.cores:
        kept["OMP_NUM_THREADS"] = str(max(1, len(placement.cores) // placement.workers))
    return kept
