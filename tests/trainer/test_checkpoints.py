from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from trainer.checkpoints import checkpoint, checkpoints, due, evenly_spaced


@given(st.integers(0, 5000))
def test_five_are_spaced_evenly_and_the_last_is_among_them(count: int) -> None:
    kept = evenly_spaced(count)
    assert len(set(kept)) == min(count, 5)
    assert kept[-1:] == list(range(count))[-1:]
    gaps = [after - before for before, after in zip([-1, *kept], kept, strict=False)]
    assert max(gaps, default=1) - min(gaps, default=1) <= 1


def test_checkpoint_is_due_at_each_fifth_of_the_training() -> None:
    assert [step for step in range(1, 31) if due(30, step - 1, step)] == [6, 12, 18, 24, 30]


def test_checkpoint_is_due_where_several_steps_done_at_a_time_pass_a_fifth() -> None:
    assert [step for step in range(4, 29, 4) if due(28, step - 4, step)] == [8, 12, 20, 24, 28]


def test_checkpoints_of_all_folders_are_found_in_the_order_of_their_steps(tmp_path: Path) -> None:
    rungs = [tmp_path / "rung-1", tmp_path / "rung-3", tmp_path / "never-made"]
    written = [(rungs[0], 9), (rungs[0], 18), (rungs[1], 100)]
    for folder, step in written:
        folder.mkdir(exist_ok=True)
        checkpoint(folder, step).touch()
    (rungs[0] / ".adapter-27.safetensors.123").touch()
    assert checkpoints(rungs) == {step: checkpoint(folder, step) for folder, step in written}
