"""What of a checkpoint is the adapter, what the base, and whether an adapter is the one that a recipe trains."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.lora import LoraError, Module, account
from trainer.weights import Stored, Weights, WeightsError

_LORA = re.compile(r"(?P<module>.+)\.mindpet_delta_lora_(?P<matrix>[abAB])")
_NETWORK = ("model.", "lm_head.")
_ALPHA = 16  # MindFormers' default


@dataclass(frozen=True)
class Pair:
    """The names of the two matrices of one module's adapter: A (rank, inputs), B (outputs, rank)."""

    a: str
    b: str


def split(weights: Weights) -> tuple[Weights, Weights]:
    """Return (base, adapter) of a checkpoint; what is neither is training state, such as moments and counters.

    MindFormers 1.x saves all of them together. Where the optimizer held the network, all names begin with ``opt.``.

    Raises:
        WeightsError: nothing in it is a weight of a network by MindFormers' names.
    """
    base: dict[str, Stored] = {}
    adapter: dict[str, Stored] = {}
    for name, stored in weights.stored.items():
        bare = name.removeprefix("opt.")
        if bare.startswith(_NETWORK):
            (adapter if _LORA.fullmatch(bare) else base)[bare] = stored
    if not base and not adapter:
        some = ", ".join(list(weights.stored)[:3]) or "nothing"
        raise WeightsError(f"{weights.source}: expected MindFormers' names, model. and lm_head., it has: {some}")
    return Weights(weights.source, base), Weights(weights.source, adapter)


def pairs(adapter: Mapping[str, Any]) -> dict[str, Pair]:
    """Return module -> names of its matrices, such as ``model.layers.0.attention.wq`` for a module.

    Raises:
        WeightsError: a matrix lacks the other one, or a name is none of an adapter's.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name in adapter:
        match = _LORA.fullmatch(name)
        if match is None:
            raise WeightsError(f"{name}: is no weight of an adapter; expected MODULE.mindpet_delta_lora_a or _b")
        found[match["module"]][match["matrix"].lower()] = name
    for module, names in found.items():
        if len(names) == 1:
            lost = "b" if "a" in names else "a"
            raise WeightsError(f"{module}: has no mindpet_delta_lora_{lost}; the checkpoint is not whole")
    return {module: Pair(names["a"], names["b"]) for module, names in found.items()}


def alpha(values: Mapping[str, Any], source: str) -> float:
    """Return ``lora_alpha`` of a recipe that ``account`` takes; raises ``LoraError`` where it is no number above 0."""
    found = values["model"]["model_config"]["pet_config"].get("lora_alpha", _ALPHA)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 < found < math.inf:
        raise LoraError(f"{source}: model.model_config.pet_config.lora_alpha: expected a number above 0, got {found!r}")
    return found


def scaling(values: Mapping[str, Any], source: str) -> float:
    """Return alpha / rank of a recipe's adapter; raises ``LoraError`` where it has none."""
    rank = account(values, source).modules[0].rank
    return alpha(values, source) / rank


def check(adapter: Weights, values: Mapping[str, Any], source: str) -> None:
    """Raise ``WeightsError`` unless an adapter is on the modules, and of the shapes, that a recipe says.

    Args:
        values: the recipe's content.
        source: the recipe's name, for messages.
    """
    promised = {module.name: module for module in account(values, source).modules}
    counts = dict.fromkeys(promised, 0)
    for path, pair in pairs(adapter).items():
        name = path.rpartition(".")[2]
        if name not in promised:
            expected = ", ".join(promised)
            raise WeightsError(f"{adapter.source}: {path}: {source} has an adapter on {expected} only")
        counts[name] += 1
        _check_shapes(adapter, pair, promised[name], source)
    for name, module in promised.items():
        if counts[name] != module.count:
            raise WeightsError(
                f"{adapter.source}: {name}: has an adapter in {counts[name]} layers, {source} in {module.count}; "
                "name the recipe that the adapter was trained with"
            )


def check_base(base: Weights, values: Mapping[str, Any], source: str) -> None:
    """Raise ``WeightsError`` where a base has fewer parameters than a recipe's network."""
    there, total = sum(math.prod(stored.shape) for stored in base.stored.values()), account(values, source).total
    if there < total:
        raise WeightsError(
            f"{base.source}: has {there:,} parameters of a base, the network of {source} {total:,}; "
            "name the base that the adapter was trained on with --base"
        )


def _check_shapes(adapter: Weights, pair: Pair, module: Module, source: str) -> None:
    expected = {pair.a: (module.rank, module.inputs), pair.b: (module.outputs, module.rank)}
    for name, shape in expected.items():
        if (got := adapter.stored[name].shape) != shape:
            raise WeightsError(
                f"{adapter.source}: {name} has shape {got}, expected {shape} by {source} (lora_rank {module.rank}); "
                "name the recipe that it was trained with; slices of a parallel training are put together by --strategy"
            )
