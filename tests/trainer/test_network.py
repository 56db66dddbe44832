"""The two ways to decode, on one real network: MindFormers' own loop, which cards use, gives what ours gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

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
from trainer.job import Benchmark
from trainer.tokenizer import TextCodec

here, out = map(Path, sys.argv[1:])
config = network.load_config(here / "recipes/tiny_llama_lora.yaml")
codec = TextCodec.load(here / "tiny/tokenizer")
math = Benchmark(protocol="math_contest", file=here / "tiny/data/math_test.jsonl", items=23, max_new_tokens=8, batch=8)
_, prompts = encode(math, codec)
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
out.write_text(json.dumps([ours, theirs]))
"""


def test_mindformers_own_loop_without_a_cache_gives_the_tokens_of_ours(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, "-c", BOTH, str(HERE), str(tmp_path / "tokens.json")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    ours, theirs = json.loads((tmp_path / "tokens.json").read_text())
    assert ours == theirs
    assert len({tuple(tokens) for tokens in ours}) > 1
