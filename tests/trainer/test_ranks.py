from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trainer import ranks, weight_output
from trainer.weights import Weight, WeightsError

A, B, C = (Weight.of(np.full((2, 2), value, np.float32)) for value in (1, 2, 3))


def save(root: Path, weights: list[dict[str, Weight]], step: str = "535_5") -> Path:
    for rank, content in enumerate(weights):
        folder = root / f"rank_{rank}"
        folder.mkdir(parents=True, exist_ok=True)
        weight_output.write(folder, content, content.items(), "ckpt")
        (folder / "model.ckpt").rename(folder / f"llama3_8b_rank_{rank}-{step}.ckpt")
    return root


def read(path: Path, strategy: Path | None = None) -> dict[str, Weight]:
    with ranks.read(path, strategy) as weights:
        return dict(weights)


def test_equal_ranks_are_one_checkpoint(tmp_path: Path) -> None:
    assert read(save(tmp_path, [{"a": A, "b": B}] * 3)) == {"a": A, "b": B}


def test_stages_of_a_pipeline_are_put_together(tmp_path: Path) -> None:
    assert read(save(tmp_path, [{"a": A}, {"b": B}])) == {"a": A, "b": B}


def test_ranks_that_differ_are_refused_with_both_named(tmp_path: Path) -> None:
    save(tmp_path, [{"a": A}, {"a": A}, {"a": B}])
    with pytest.raises(WeightsError, match=r"a: is another one in .*rank_2.* than in .*rank_0.*--strategy"):
        read(tmp_path)


def test_ranks_of_other_shapes_are_refused(tmp_path: Path) -> None:
    save(tmp_path, [{"a": A}, {"a": Weight.of(np.zeros((1, 2), np.float32))}])
    with pytest.raises(WeightsError, match=r"rank_1.*a has shape \(1, 2\), \(2, 2\) in .*rank_0.*--strategy"):
        read(tmp_path)


def test_checkpoint_of_one_rank_stands_for_its_step_in_all(tmp_path: Path) -> None:
    save(tmp_path, [{"a": A}, {"b": B}], "100_1")
    save(tmp_path, [{"a": C}, {"b": C}], "535_5")
    assert read(tmp_path / "rank_0/llama3_8b_rank_0-100_1.ckpt") == {"a": A, "b": B}
    assert read(tmp_path / "rank_1/llama3_8b_rank_1-535_5.ckpt") == {"a": C, "b": C}


def test_several_steps_in_a_rank_are_to_be_told_apart_by_the_user(tmp_path: Path) -> None:
    save(tmp_path, [{"a": A}], "100_1")
    save(tmp_path, [{"a": A}], "535_5")
    with pytest.raises(
        WeightsError, match="got llama3_8b_rank_0-100_1\\.ckpt, llama3_8b_rank_0-535_5\\.ckpt; name one"
    ):
        read(tmp_path)


def test_rank_without_the_step_is_named(tmp_path: Path) -> None:
    save(tmp_path, [{"a": A}, {"a": A}])
    (tmp_path / "rank_1/llama3_8b_rank_1-535_5.ckpt").unlink()
    with pytest.raises(WeightsError, match=r"rank_1/llama3_8b_rank_1-535_5.ckpt: is not there"):
        read(tmp_path / "rank_0/llama3_8b_rank_0-535_5.ckpt")
    with pytest.raises(WeightsError, match="rank_1: expected one checkpoint, got none"):
        read(tmp_path)


# as MindSpore saves it where `rows` is cut into two by its first dimension and `columns` by its second
STRATEGY = """
import sys
from mindspore.train.node_strategy_pb2 import ParallelStrategyMap
strategy = ParallelStrategyMap(current_stage=0)
strategy.parallel_strategy_item.add(node_name="MatMul-1").parallel_strategys.stage = 0
for name, cut in (("rows", [0, -1]), ("columns", [-1, 0]), ("whole", [-1, -1])):
    item = strategy.parallel_layout_item.add(param_name=name)
    item.parallel_layouts.dev_matrix.add().dim.append(2)
    item.parallel_layouts.tensor_map.add().dim.extend(cut)
    item.parallel_layouts.param_split_shape.add()
    item.parallel_layouts.indices_offset.add()
    item.parallel_layouts.field = item.parallel_layouts.opt_weight_shard_step = 0
    item.parallel_layouts.opt_weight_shard_size = 0
open(sys.argv[1], "wb").write(strategy.SerializeToString())
"""


@pytest.fixture(scope="module")
def strategy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("strategy") / "ckpt_strategy.ckpt"
    subprocess.run([sys.executable, "-c", STRATEGY, file], check=True)
    return file


@pytest.mark.parametrize("given", [".", "ckpt_strategy.ckpt"])
def test_slices_of_model_parallel_are_put_together_by_their_strategy(
    tmp_path: Path, strategy: Path, given: str
) -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    save(
        tmp_path,
        [
            {"rows": Weight.of(rows.copy()), "columns": Weight.of(columns.copy()), "whole": A}
            for rows, columns in zip(np.split(values, 2), np.split(values, 2, axis=1), strict=True)
        ],
    )
    whole = Weight.of(values)
    assert read(tmp_path, strategy.parent / given) == {"rows": whole, "columns": whole, "whole": A}


def test_strategy_that_mindspore_cannot_read_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "ranks", [{"rows": A}, {"rows": B}])
    (tmp_path / "no_strategy.ckpt").write_bytes(b"\xff" * 50)
    with pytest.raises(WeightsError, match=r"no_strategy.ckpt: MindSpore cannot put the slices of 2 ranks together"):
        read(tmp_path / "ranks", tmp_path / "no_strategy.ckpt")
