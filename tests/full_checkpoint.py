"""A checkpoint as MindFormers 1.x saves it: base, adapter, the optimizer's moments and a counter in one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import trainer
from trainer import weight_files, weight_output
from trainer.weights import Weight

BASE = Path(trainer.__file__).parent / "tiny/base/base.safetensors"


def write_full(folder: Path) -> Path:
    """Write one of the tiny base and a random adapter of the tiny recipe: rank 8 on wq, wk, wv, wo; return the file."""
    draw = np.random.default_rng(0)
    weights = dict(weight_files.read(BASE)) | {"global_step": Weight("I32", (), bytes(4))}
    for layer in range(3):
        for name in ("wq", "wk", "wv", "wo"):
            for matrix, shape in (("a", (8, 128)), ("b", (128, 8))):
                lora = Weight.of(draw.normal(size=shape).astype(np.float32))
                own = f"model.layers.{layer}.attention.{name}.mindpet_delta_lora_{matrix}"
                weights |= {f"{kind}{own}": lora for kind in ("", "adam_m.", "adam_v.")}
    folder.mkdir(parents=True)
    weight_output.write(folder, weights, weights.items(), "ckpt")
    return (folder / "model.ckpt").rename(folder / "llama3_8b_rank_0-535_5.ckpt")
