from __future__ import annotations

from pathlib import Path

from trainer import msrun
from trainer.paths import TrialPaths
from trainer.slots import Placement

FOLDER = Path("/runs/a'; echo 训练 $(id)")
PATHS = TrialPaths(FOLDER)
CARDS = Placement(slot=1, workers=4, devices=(4, 5, 6, 7), cores=(), scheduler_port=8123, hccl_port=60064)
CPU = Placement(slot=0, workers=1, devices=(), cores=(1,), scheduler_port=8124, hccl_port=60000)
LAUNCH = msrun.Launch(PATHS.recipe, PATHS.job, ("train", "squad_contest"))


def test_argv_of_a_job_on_four_cards() -> None:
    command = msrun.argv(LAUNCH, CARDS)
    assert Path(command[0]).name == "msrun"
    assert command[1:8] == [
        "--worker_num=4",
        "--local_worker_num=4",
        "--master_addr=127.0.0.1",
        "--master_port=8123",
        "--log_dir=msrun_log",
        "--join=True",
        "--cluster_time_out=600",
    ]
    assert command[-3:] == [f"--recipe={FOLDER}/train.yaml", f"--job={FOLDER}/job.json", "--stages=train,squad_contest"]


def test_job_on_cards_sees_its_own_cards_and_ports_only() -> None:
    environment = msrun.environment(CARDS, PATHS, {"ASCEND_RT_VISIBLE_DEVICES": "0,1,2,3,4,5,6,7"})
    assert environment["ASCEND_RT_VISIBLE_DEVICES"] == "4,5,6,7"
    assert environment["HCCL_IF_BASE_PORT"] == "60064"


def test_variables_of_an_earlier_job_do_not_leak_in() -> None:
    leaked = {"MS_ROLE": "MS_WORKER", "RANK_ID": "3", "RANK_SIZE": "8", "DEVICE_ID": "3", "MS_SCHED_PORT": "8118"}
    assert leaked.keys().isdisjoint(msrun.environment(CPU, PATHS, leaked))


def test_cann_toolkit_of_the_caller_is_kept() -> None:
    toolkit = {"ASCEND_HOME_PATH": "/opt/ascend", "LD_LIBRARY_PATH": "/opt/ascend/lib64"}
    environment = msrun.environment(CARDS, PATHS, toolkit)
    assert {name: environment[name] for name in toolkit} == toolkit


def test_job_on_cpu_uses_as_many_threads_as_it_has_cores() -> None:
    assert msrun.environment(CPU, PATHS, {})["OMP_NUM_THREADS"] == "1"
    assert "ASCEND_RT_VISIBLE_DEVICES" not in msrun.environment(CPU, PATHS, {})


def test_every_process_of_a_job_carries_its_folder() -> None:
    assert msrun.environment(CPU, PATHS, {})[msrun.MARK] == str(FOLDER)
