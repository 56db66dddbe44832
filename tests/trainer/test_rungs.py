"""Rungs for real: msrun launches of the tiny recipe, each going on from the last one's state, against one launch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import trainer
from tests.short_sweep import TINY, write_sweep
from trainer.checkpoints import checkpoints
from trainer.ending import Exit, Outcome
from trainer.job import Benchmark, Job, Until
from trainer.launcher import Launcher
from trainer.lora import account
from trainer.measurement import Measurement
from trainer.msrun import Launch
from trainer.paths import TrialPaths
from trainer.recipe import Recipe
from trainer.slots import Placement, free_port
from trainer.state import TrainingState
from trainer.step_log import StepRecord

HERE = Path(trainer.__file__).parent
BASE, TOKENIZER = HERE / "tiny/base/base.safetensors", HERE / "tiny/tokenizer"
# 160 rows in batches of 16, three epochs: 30 steps; one stop in an epoch, one between two
RUNGS = (Until(unit="steps", count=7), Until(unit="epochs", count=2), None)


@dataclass(frozen=True)
class Launched:
    """One launch that ended, and the steps that it logged."""

    paths: TrialPaths
    ended: Exit
    steps: list[StepRecord]

    @property
    def losses(self) -> list[tuple[int, float, float | None, float | None]]:
        """Each step's number with what depends on all steps before it."""
        return [(step.global_step, step.loss, step.learning_rate, step.global_norm) for step in self.steps]


def launch(folder: Path, until: Until | None, resume: Path | None, rank: int = 8) -> Launched:
    """Run one launch of the tiny recipe to its end, on a data set that all launches beside it share."""
    paths = TrialPaths(folder)
    paths.root.mkdir()
    data = folder.parent / "train.jsonl"
    recipe = Recipe.read(HERE / "recipes/tiny_llama_lora.yaml")
    record = folder.parent / "tokens"
    rank_key = "model.model_config.pet_config.lora_rank"
    settings = {"load_checkpoint": str(BASE), "train_dataset.data_loader.dataset_dir": str(record), rank_key: rank}
    paths.recipe.write_text(recipe.render(settings, "test"), encoding="utf-8")
    counts = account(recipe.set(settings))
    measured = {"math_contest": "math_test.jsonl", "squad_contest": "squad_dev.json"}
    Job(
        tokenizer=TOKENIZER,
        train=data,
        protocol="math_contest",
        record=record,
        base=BASE,
        trainable=counts.trainable,
        total=counts.total,
        workers=1,
        benchmarks=tuple(
            Benchmark(protocol=name, file=TINY / file, items=40, max_new_tokens=8, batch=40)
            for name, file in measured.items()
        ),
        until=until,
        resume=resume,
    ).write(paths.job)
    placement = Placement(0, 1, (), (), free_port(), 60000)
    launcher = Launcher(Launch(paths.recipe, paths.job, ("train", *measured)), placement, paths, timeout=600)
    while (ended := launcher.poll()) is None:
        time.sleep(0.1)
    return Launched(paths, ended, launcher.new_steps())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rungs")
    write_sweep(folder, rows=160)
    return folder


@pytest.fixture(scope="module")
def whole(folder: Path) -> Launched:
    """The training in one go."""
    launched = launch(folder / "whole", None, None)
    assert launched.ended.outcome is Outcome.FINISHED, launched.ended
    return launched


@pytest.fixture(scope="module")
def rungs(folder: Path) -> list[Launched]:
    """The training in three launches."""
    launches: list[Launched] = []
    for number, until in enumerate(RUNGS):
        resume = launches[-1].paths.state if launches else None
        launches.append(launch(folder / f"rung-{number}", until, resume))
        assert launches[-1].ended.outcome is Outcome.FINISHED, launches[-1].ended
    return launches


def test_each_launch_trains_to_its_rung_and_no_further(rungs: list[Launched]) -> None:
    logged = [[step.global_step for step in launched.steps] for launched in rungs]
    assert logged == [list(range(1, 8)), list(range(8, 21)), list(range(21, 31))]
    assert {step.total_steps for launched in rungs for step in launched.steps} == {30}


def test_steps_in_rungs_are_those_of_one_go_to_the_last_digit(whole: Launched, rungs: list[Launched]) -> None:
    assert [step for launched in rungs for step in launched.losses] == whole.losses


def test_scores_in_rungs_are_those_of_one_go_to_the_last_digit(whole: Launched, rungs: list[Launched]) -> None:
    assert Measurement.read(rungs[-1].paths.measurement).scores == Measurement.read(whole.paths.measurement).scores


def test_adapter_in_rungs_is_that_of_one_go_byte_for_byte(whole: Launched, rungs: list[Launched]) -> None:
    assert rungs[-1].paths.adapter.read_bytes() == whole.paths.adapter.read_bytes()


def test_checkpoints_lie_at_each_fifth_of_the_whole_training_and_are_those_of_one_go(
    whole: Launched, rungs: list[Launched]
) -> None:
    once = checkpoints([whole.paths.checkpoints])
    parts = checkpoints([launched.paths.checkpoints for launched in rungs])
    assert list(once) == list(parts) == [6, 12, 18, 24, 30]
    assert [file.read_bytes() for file in parts.values()] == [file.read_bytes() for file in once.values()]
    assert once[30].read_bytes() == whole.paths.adapter.read_bytes()


def test_measurement_says_the_steps_trained_since_the_start(whole: Launched, rungs: list[Launched]) -> None:
    steps = [Measurement.read(launched.paths.measurement).steps for launched in (*rungs, whole)]
    assert steps == [7, 20, 30, 30]


def test_state_is_left_below_the_last_rung_only(whole: Launched, rungs: list[Launched]) -> None:
    assert [launched.paths.state.exists() for launched in (*rungs, whole)] == [True, True, False, False]


def test_state_holds_three_numbers_a_trainable_parameter_and_no_base(rungs: list[Launched]) -> None:
    job, state = Job.read(rungs[0].paths.job), TrainingState.read(rungs[0].paths.state)
    # weight and two moments; beside them only counters
    counters = sum(array.size for array in state.arrays.values() if array.size == 1)
    assert job.trainable is not None
    assert sum(array.size for array in state.arrays.values()) - counters == 3 * job.trainable
    assert counters == 2


def test_state_is_no_artifact(rungs: list[Launched]) -> None:
    assert rungs[0].paths.state not in rungs[0].paths.artifacts()


def test_rung_that_the_state_does_not_fit_fails_with_one_line(folder: Path, rungs: list[Launched]) -> None:
    state = rungs[0].paths.state
    ended = launch(folder / "other-rank", RUNGS[1], state, rank=4).ended
    assert ended.outcome is Outcome.FAILED
    assert ended.reason.startswith(f"trainer.state.StateError: {state}: ")
    assert ended.reason.endswith("has shape (8, 128), expected (4, 128)")
