"""Peak memory and time of merging an adapter into a made base of Llama's shape.

``python -m tests.benchmarks.merge_memory OUT`` makes its inputs in the new folder OUT, which needs room for three times
the base. Each merge is a process of its own, whose peak resident memory and time on cores the kernel tells (``wait4``).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

import trainer
from trainer import weight_output
from trainer.lora import account
from trainer.weights import Weight

RECIPE = Path(trainer.__file__).parent / "recipes/llama3_8b_lora.yaml"
SHAPE = {"hidden_size": 2048, "intermediate_size": 8192, "num_heads": 16, "n_kv_heads": 16, "vocab_size": 32000}
MERGE = """
import sys
from pathlib import Path
from trainer import merge, ranks, recipe, weight_files
base, adapter, yaml, out, form = sys.argv[1:]
with ranks.read(Path(adapter)) as weights:
    merge.write_merged(weight_files.read(Path(base)), weights, recipe.Recipe.read(Path(yaml)), Path(out), form)
"""


def network(layers: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the names and shapes of the base's weights."""
    hidden, wide, vocabulary = SHAPE["hidden_size"], SHAPE["intermediate_size"], SHAPE["vocab_size"]
    yield "model.tok_embeddings.embedding_weight", (vocabulary, hidden)
    for layer in range(layers):
        at = f"model.layers.{layer}"
        yield from ((f"{at}.attention.{name}.weight", (hidden, hidden)) for name in ("wq", "wk", "wv", "wo"))
        yield from ((f"{at}.feed_forward.{name}.weight", (wide, hidden)) for name in ("w1", "w3"))
        yield f"{at}.feed_forward.w2.weight", (hidden, wide)
        yield from ((f"{at}.{name}.weight", (hidden,)) for name in ("attention_norm", "ffn_norm"))
    yield "model.norm_out.weight", (hidden,)
    yield "lm_head.weight", (vocabulary, hidden)


def make(out: Path, layers: int) -> None:
    """Write recipe, base (bfloat16, a .ckpt) and adapter (rank 16 on all seven modules)."""
    values = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    pet = {"pet_type": "lora", "lora_rank": 16, "lora_alpha": 32, "target_modules": "w.*"}
    values["model"]["model_config"] |= SHAPE | {"num_layers": layers, "pet_config": pet}
    (out / "train.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    draw = np.random.default_rng(0)

    def drawn(shape: tuple[int, ...], dtype: str) -> Weight:
        return Weight.of(draw.standard_normal(shape, dtype=np.float32) * np.float32(0.02), dtype)

    weight_output.write(out, {}, ((name, drawn(shape, "BF16")) for name, shape in network(layers)), "ckpt")
    adapter = {}
    for module in account(values).modules:
        parent = "attention" if module.name in ("wq", "wk", "wv", "wo") else "feed_forward"
        for layer in range(layers):
            at = f"model.layers.{layer}.{parent}.{module.name}.mindpet_delta_lora_"
            adapter[f"{at}a"] = drawn((16, module.inputs), "F32")
            adapter[f"{at}b"] = drawn((module.outputs, 16), "F32")
    weight_output.write_safetensors(out / "adapter.safetensors", adapter)


def main() -> None:
    """Make the inputs, merge them to each format, print size, seconds and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--layers", type=int, default=8, help="8: a base of 1.3 GB.")
    arguments = parser.parse_args()
    out = arguments.out.absolute()
    out.mkdir(parents=True)
    make(out, arguments.layers)
    print(f"base: {(out / 'model.ckpt').stat().st_size / 1e9:.2f} GB")
    for form in ("ckpt", "safetensors"):
        files = [out / name for name in ("model.ckpt", "adapter.safetensors", "train.yaml", f"merged_{form}")]
        started = time.monotonic()
        child = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c", MERGE, *map(str, files), form])
        _, status, usage = os.wait4(child, 0)
        if status:
            sys.exit(f"merging to {form} failed")
        seconds, cores = time.monotonic() - started, usage.ru_utime + usage.ru_stime
        print(f"{form}: {seconds:.1f} s, {cores:.1f} s of a core, peak {usage.ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
