"""A real msrun launch of the tiny recipe, on one worker or on a cluster of two."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import trainer
from tests.short_sweep import TINY, write_sweep
from trainer.job import Benchmark, Job
from trainer.lora import account
from trainer.msrun import Launch
from trainer.paths import TrialPaths
from trainer.recipe import Recipe

HERE = Path(trainer.__file__).parent
TOKENIZER = HERE / "tiny/tokenizer"
CONVERT = """
import sys
import mindspore as ms
weights = ms.load_checkpoint(sys.argv[1], format="safetensors")
ms.save_checkpoint([{"name": name, "data": value} for name, value in weights.items()], sys.argv[2])
"""


def for_cluster(recipe: str, workers: int) -> str:
    """Return the tiny recipe for so many workers; the base must be one .ckpt file then."""
    for old, new in (
        ("use_parallel: False", "use_parallel: True\nparallel: {parallel_mode: 0, gradients_mean: True}"),
        ("data_parallel: 1", f"data_parallel: {workers}"),
        ("load_ckpt_format: safetensors", "load_ckpt_format: ckpt"),
    ):
        assert old in recipe
        recipe = recipe.replace(old, new)
    return recipe


def write_checkpoint(file: Path) -> None:
    """Write the tiny base as a .ckpt file, in a process of its own: mindspore and mlflow do not go into one."""
    subprocess.run([sys.executable, "-c", CONVERT, HERE / "tiny/base/base.safetensors", file], check=True)


def prepare(paths: TrialPaths, data: Path, workers: int = 1, epochs: int = 1) -> Launch:
    """Write the recipe and the job of a launch that trains on 160 rows and measures 40 items of one benchmark."""
    write_sweep(data, rows=160)
    base = HERE / "tiny/base/base.safetensors"
    text = (HERE / "recipes/tiny_llama_lora.yaml").read_text(encoding="utf-8")
    if workers > 1:
        text, base = for_cluster(text, workers), data / "base.ckpt"
        write_checkpoint(base)
    (data / "recipe.yaml").write_text(text, encoding="utf-8")
    recipe = Recipe.read(data / "recipe.yaml")
    record = data / "cache/tokens"
    settings = {
        "load_checkpoint": str(base),
        "train_dataset.data_loader.dataset_dir": str(record),
        "runner_config.epochs": epochs,
    }
    paths.recipe.write_text(recipe.render(settings, "test"), encoding="utf-8")
    counts = account(recipe.set(settings))
    Job(
        tokenizer=TOKENIZER,
        train=data / "train.jsonl",
        protocol="math_contest",
        record=record,
        base=base,
        trainable=counts.trainable,
        total=counts.total,
        workers=workers,
        benchmarks=(
            Benchmark(protocol="math_contest", file=TINY / "math_test.jsonl", items=40, max_new_tokens=8, batch=40),
        ),
    ).write(paths.job)
    return Launch(paths.recipe, paths.job, ("train", "math_contest"))
