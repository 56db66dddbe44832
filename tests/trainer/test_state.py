from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from trainer.state import StateError, TrainingState

ARRAYS = {
    "lora_a": np.ones((2, 3), np.float32),
    "global_step": np.array([7], np.int32),
    "scale": np.array(1, np.float32),
}
SHAPES = {name: array.shape for name, array in ARRAYS.items()}
STATE = TrainingState("state.safetensors", steps=7, steps_per_epoch=5, epochs=3, arrays=ARRAYS)


def test_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    STATE.write(tmp_path / "state.safetensors")
    read = TrainingState.read(tmp_path / "state.safetensors")
    assert (read.steps, read.steps_per_epoch, read.epochs) == (7, 5, 3)
    assert {name: (array.dtype, array.tobytes()) for name, array in read.arrays.items()} == {
        name: (array.dtype, array.tobytes()) for name, array in ARRAYS.items()
    }


def test_nothing_is_left_beside_the_state(tmp_path: Path) -> None:
    STATE.write(tmp_path / "state.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["state.safetensors"]


def test_state_fits_the_training_that_it_is_of() -> None:
    STATE.check_fits(5, 3, 8, SHAPES)


def test_state_that_has_done_the_rungs_steps_is_refused() -> None:
    with pytest.raises(StateError, match=r"state\.safetensors: has done 7 steps, expected fewer than the rung's 7"):
        STATE.check_fits(5, 3, 7, SHAPES)


@pytest.mark.parametrize(("steps_per_epoch", "epochs"), [(6, 3), (5, 4)])
def test_state_of_a_training_of_another_length_is_refused(steps_per_epoch: int, epochs: int) -> None:
    with pytest.raises(StateError, match=f"3 epochs of 5 steps, expected {epochs} of {steps_per_epoch}"):
        STATE.check_fits(steps_per_epoch, epochs, 8, SHAPES)


def test_state_of_other_parameters_is_refused() -> None:
    with pytest.raises(StateError, match="1 parameters are in one of the two only, the first: lora_b"):
        STATE.check_fits(5, 3, 8, SHAPES | {"lora_b": (1,)})


def test_state_of_another_rank_is_refused() -> None:
    with pytest.raises(StateError, match=r"lora_a has shape \(2, 3\), expected \(4, 3\)"):
        STATE.check_fits(5, 3, 8, SHAPES | {"lora_a": (4, 3)})


def test_state_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"nothing\.safetensors: expected the state"):
        TrainingState.read(tmp_path / "nothing.safetensors")


def test_adapter_is_no_state(tmp_path: Path) -> None:
    save_file({"lora_a": ARRAYS["lora_a"]}, tmp_path / "adapter.safetensors")
    with pytest.raises(StateError, match=r"adapter\.safetensors: expected the state .* got KeyError: 'steps'"):
        TrainingState.read(tmp_path / "adapter.safetensors")


def test_state_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    replace(STATE, source="").write(tmp_path / "state.safetensors")
    content = (tmp_path / "state.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[:-1])
    with pytest.raises(StateError, match=r"cut\.safetensors: expected the state"):
        TrainingState.read(tmp_path / "cut.safetensors")
