from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file

import trainer
from tests.full_checkpoint import write_full
from trainer import weight_files

RECIPE = Path(trainer.__file__).parent / "recipes/tiny_llama_lora.yaml"
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_full(tmp_path / "a'; echo 训练 $(id)/rank_0")


@pytest.mark.parametrize(("options", "file"), [((), "model.safetensors"), (("--format", "ckpt"), "model.ckpt")])
def test_anyones_checkpoint_is_merged_to_the_format_that_the_recipe_loads_or_that_is_asked_for(
    cli: Cli, checkpoint: Path, tmp_path: Path, options: tuple[str, ...], file: str
) -> None:
    out = tmp_path / "out"
    code, output, _ = cli("adapter", "merge", "--from", checkpoint, "--recipe", RECIPE, "--out", out, *options)
    assert (code, str(out) in output) == (0, True)
    assert len(weight_files.read(out / file)) == 30


def test_adapter_is_written_for_peft_with_the_name_of_the_base(cli: Cli, checkpoint: Path, tmp_path: Path) -> None:
    named = ("--base-model", "meta-llama/Meta-Llama-3-8B", "--out", tmp_path / "out")
    assert cli("adapter", "peft", "--from", checkpoint.parents[1], "--recipe", RECIPE, *named)[0] == 0
    assert (
        '"base_model_name_or_path": "meta-llama/Meta-Llama-3-8B"' in (tmp_path / "out/adapter_config.json").read_text()
    )
    assert len(load_file(tmp_path / "out/adapter_model.safetensors")) == 24


def test_extracted_adapter_is_the_checkpoints(cli: Cli, checkpoint: Path, tmp_path: Path) -> None:
    assert cli("adapter", "extract", "--from", checkpoint, "--recipe", RECIPE, "--out", tmp_path / "out")[0] == 0
    whole, extracted = weight_files.read(checkpoint), weight_files.read(tmp_path / "out/adapter.safetensors")
    assert dict(extracted) == {name: whole[name] for name in extracted}
    assert len(extracted) == 24


@pytest.mark.parametrize("command", ["merge", "peft", "extract"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--from", "CHECKPOINT"), "--recipe"),
        (("--from", "CHECKPOINT", "--recipe", RECIPE, "--select", "knee"), "--select"),
        (("NAME", "--from", "CHECKPOINT", "--recipe", RECIPE), "NAME"),
        (("--recipe", RECIPE), "--from"),
        (("--strategy", "nothing"), "--from"),
        (("--from", "nothing", "--recipe", RECIPE), "nothing: is not there"),
        (("--from", "CHECKPOINT", "--recipe", "nothing.yaml"), "nothing.yaml: cannot be read"),
        (("--from", "CHECKPOINT", "--recipe", RECIPE, "--strategy", "nothing"), "nothing: is not there"),
        (("--from", "CHECKPOINT", "--recipe", RECIPE, "--out", "USED"), "is there already"),
    ],
)
def test_bad_input_is_refused_by_what_is_wrong_with_it(
    cli: Cli, checkpoint: Path, tmp_path: Path, command: str, options: tuple[object, ...], message: str
) -> None:
    places = {"CHECKPOINT": checkpoint, "USED": checkpoint.parent}
    given = ["--out", tmp_path / "out", *(places.get(str(option), option) for option in options)]
    code, _, error = cli("adapter", command, *given)
    assert (code, message in error) == (2, True), error
    assert not (tmp_path / "out").exists()
