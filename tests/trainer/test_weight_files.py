from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from trainer import weight_files, weight_output
from trainer.weights import Weight, WeightsError

WEIGHTS = {
    "a.weight": Weight.of(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "b": Weight("BF16", (300,), bytes(range(200)) * 3),
    "名": Weight("I64", (), (535).to_bytes(8, "little")),
    "empty": Weight("F16", (0, 2), b""),
}


@pytest.fixture(params=["ckpt", "safetensors"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    weight_output.write(tmp_path, WEIGHTS, WEIGHTS.items(), request.param)
    return tmp_path / f"model.{request.param}"


def test_what_was_written_is_read(file: Path) -> None:
    assert dict(weight_files.read(file)) == WEIGHTS


def test_safetensors_library_reads_what_was_written(tmp_path: Path) -> None:
    known = {name: weight for name, weight in WEIGHTS.items() if weight.dtype != "BF16"}
    weight_output.write_safetensors(tmp_path / "a.safetensors", known)
    loaded = load_file(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(loaded["a.weight"], [[0, 1, 2], [3, 4, 5]])
    assert (loaded["名"], loaded["empty"].shape) == (535, (0, 2))


def test_weights_beyond_a_shard_are_in_several_with_an_index(tmp_path: Path) -> None:
    weight_output.write(tmp_path, WEIGHTS, WEIGHTS.items(), "safetensors", shard=600)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == [*(f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)), "model.safetensors.index.json"]
    assert json.loads((tmp_path / names[-1]).read_text())["metadata"] == {"total_size": 632}
    assert dict(weight_files.read(tmp_path)) == WEIGHTS


def test_weight_in_several_pieces_of_a_checkpoint_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_output, "_PIECE", 100)
    weight_output.write(tmp_path, WEIGHTS, WEIGHTS.items(), "ckpt")
    assert dict(weight_files.read(tmp_path / "model.ckpt")) == WEIGHTS


def test_cut_off_file_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    for length in (0, 1, 7, 8, 9, 40, len(whole) - 60):
        file.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=f"{file}: "):
            weight_files.read(file)


@pytest.mark.parametrize("content", [b"\xff" * 100, b"\0" * 100, b"{}" * 50, "训练".encode() * 20, b"\n\x7f" * 70])
def test_other_content_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=f"{file}: "):
        weight_files.read(file)


def test_checksum_at_the_end_of_a_checkpoint_is_no_weight(tmp_path: Path) -> None:
    weight_output.write(tmp_path, WEIGHTS, WEIGHTS.items(), "ckpt")
    with (tmp_path / "model.ckpt").open("ab") as file:
        file.write(b"crc_num" + bytes(10))
    assert dict(weight_files.read(tmp_path / "model.ckpt")) == WEIGHTS


def test_index_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    index = {"weight_map": {"a": "../a.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(WeightsError, match=r"expected names of files beside it, got '../a.safetensors'"):
        weight_files.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [("nothing.ckpt", "cannot be read"), ("nothing", "is not there"), ("", "expected a file, or a folder with rank_0")],
)
def test_what_is_no_file_of_weights_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        weight_files.read(tmp_path / name)
