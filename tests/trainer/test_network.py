"""What cards decode with, as far as CPU goes: MindFormers' own loop, and a network with a key-value cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import trainer

HERE = Path(trainer.__file__).parent
BOTH = """
import json, sys
from functools import partial
from pathlib import Path
import numpy as np
from mindspore import ops
from evaluation.generate import Shape, generated, greedy
from trainer import network
from trainer.decoding import encode, window
from trainer.prompts import TEMPLATES
from trainer.job import Benchmark
from trainer.tokenizer import TextCodec

here, out = map(Path, sys.argv[1:])
config = network.load_config(here / "recipes/tiny_llama_lora.yaml")
codec = TextCodec.load(here / "tiny/tokenizer")
math = Benchmark(protocol="math_contest", file=here / "tiny/data/math_test.jsonl", items=23, max_new_tokens=8, batch=8)
_, prompts = encode(math, TEMPLATES[math.protocol], codec)
shape = Shape(8, window(prompts, 8), 8, codec.eos, config.model.model_config.pad_token_id)
model = network.build(config, shape.seq_length, shape.batch, adapter=True)
network.load_base(model, here / "tiny/base/base.safetensors")
random = np.random.default_rng(0)
# an adapter that changes what the base says
adapter = {name: random.normal(0, 0.02, value.shape).astype(np.float32)
           for name, value in network.adapter_weights(model).items()}
network.load_adapter(model, adapter)
ours = greedy(network.greedy_step(model), prompts, shape)
# MindFormers takes one that no CPU has
network._causal_lm(model).argmax = lambda logits, axis: ops.argmax(logits, axis)
theirs = generated(network.generator(model), prompts, shape)
config.model.model_config.use_past = True
cached = network.build(config, shape.seq_length, shape.batch, adapter=False)
caches = [parameter.name for parameter in cached.get_parameters() if "cache" in parameter.name]
network.load_base(cached, here / "tiny/base/base.safetensors")
out.write_text(json.dumps([ours, theirs, caches]))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Our tokens, MindFormers' tokens, the names of a cache; from a process of their own."""
    folder = tmp_path_factory.mktemp("network")
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, "-c", BOTH, str(HERE), str(folder / "found.json")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    read: list[Any] = json.loads((folder / "found.json").read_text())
    return read


def test_mindformers_own_loop_without_a_cache_gives_the_tokens_of_ours(found: list[Any]) -> None:
    ours, theirs, _ = found
    assert ours == theirs
    assert len({tuple(tokens) for tokens in ours}) > 1


def test_base_is_loaded_into_a_network_with_a_cache_which_no_base_has(found: list[Any]) -> None:
    # of keys and of values in each of three layers
    assert len(found[2]) == 6
