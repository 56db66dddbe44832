"""An adapter that no training made."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file


def adapter(
    base: Path, rank: int, modules: Collection[object], random: np.random.Generator
) -> dict[str, NDArray[np.float32]]:
    """Return random LoRA weights on a base's modules, named and shaped as MindFormers saves them."""
    weights = {}
    for name, weight in load_file(base).items():
        module = name.removesuffix(".weight")
        if module.rpartition(".")[2] in modules:
            rows, columns = weight.shape
            weights[f"{module}.mindpet_delta_lora_a"] = random.normal(size=(rank, columns)).astype(np.float32)
            weights[f"{module}.mindpet_delta_lora_b"] = random.normal(size=(rows, rank)).astype(np.float32)
    return weights
