"""Exact parameter counts of a recipe's network and its LoRA adapter, before anything is built.

Follows mindformers 1.9: ``models/llama`` for the network, ``pet/tuners/lora_adapter.py`` for what the adapter replaces,
``pet/tuners/pet_adapter.py`` for what is frozen; for InternLM, which 1.9 has no more, ``research/internlm`` of earlier
versions. Does not count what is no weight: the key-value caches of ``use_past: True``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_MOST = 10**9  # of anything that a network has: beyond, shares of its sizes are no floats any more
_MODELS = {"LlamaConfig": "LlamaForCausalLM", "InternLMConfig": "InternLMForCausalLM"}


class LoraError(ValueError):
    """The recipe's adapter fits no module, or its network is none that can be counted."""


@dataclass(frozen=True)
class Module:
    """One kind of linear layer that the adapter is on.

    Attributes:
        name: MindFormers' local cell name, such as ``wq``.
        count: how many of the network's layers have it with an adapter.
        inputs: width of its input.
        outputs: width of its output.
        rank: of the adapter, whose matrices are (rank, inputs) and (outputs, rank).
    """

    name: str
    count: int
    inputs: int
    outputs: int
    rank: int

    @property
    def trainable(self) -> int:
        """Parameters of all its adapters together (Hu et al., "LoRA", 2021, section 4.1)."""
        return self.count * self.rank * (self.inputs + self.outputs)


@dataclass(frozen=True)
class Accounting:
    """Parameter counts of one recipe.

    Attributes:
        total: weights of the base model, without the adapter; what the contest divides by is this, rounded.
        modules: what the adapter is on, in the network's order.
    """

    total: int
    modules: tuple[Module, ...]

    @property
    def trainable(self) -> int:
        """Weights that are trained: MindFormers freezes all but the adapter's."""
        return sum(module.trainable for module in self.modules)

    @property
    def built_total(self) -> int:
        """Weights of the network that trains: base and adapter."""
        return self.total + self.trainable

    def ratio(self, denominator: int | None = None) -> float:
        """Return trainable / ``denominator``; None: of the base model's own count (the contest has a rounded one)."""
        return self.trainable / (self.total if denominator is None else denominator)


@dataclass(frozen=True)
class _Linear:
    """A linear layer of each decoder layer: the cell that holds it, its name and shape."""

    parent: str
    name: str
    inputs: int
    outputs: int
    bias: bool

    @property
    def weights(self) -> int:
        return self.inputs * self.outputs + self.outputs * self.bias


@dataclass(frozen=True)
class _Section:
    """One mapping of the recipe, read with messages that say where it stands."""

    source: str
    path: str
    values: Mapping[str, Any]

    def error(self, key: str, expected: str) -> LoraError:
        got = repr(self.values[key]) if key in self.values else "nothing"
        return LoraError(f"{self.source}: {self._below(key)}: expected {expected}, got {got}")

    def section(self, key: str) -> _Section:
        if not isinstance(self.values.get(key), Mapping):
            raise self.error(key, "a mapping")
        return _Section(self.source, self._below(key), self.values[key])

    def _below(self, key: str) -> str:
        return f"{self.path}.{key}".lstrip(".")

    def positive(self, key: str) -> int:
        """Return an integer >= 1, which must be there: MindFormers' default would be another model's."""
        value = self.values.get(key)
        if type(value) is not int or value < 1:
            raise self.error(key, "an integer >= 1")
        if value > _MOST:
            raise self.error(key, f"an integer <= {_MOST}")
        return value

    def optional(self, key: str, default: int | None) -> int | None:
        return default if self.values.get(key) is None else self.positive(key)

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, "True or False")
        return value


def account(values: Mapping[str, Any], source: str = "recipe") -> Accounting:
    """Count the parameters of a recipe.

    Args:
        values: the recipe's content, as PyYAML gives it.
        source: what messages call the recipe.

    Raises:
        LoraError: the model is none of ``LlamaConfig`` and ``InternLMConfig`` without experts, a value that counts is
            missing or invalid, or ``target_modules``, or an alternative in it, matches no module.
    """
    model = _Section(source, "", values).section("model")
    config = model.section("model_config")
    _check_model(model, config)
    layers, linears = config.positive("num_layers"), _linears(config)
    pet = config.section("pet_config")
    if pet.values.get("pet_type") != "lora":
        raise pet.error("pet_type", "'lora'")
    for key in ("freeze_include", "freeze_exclude"):
        if pet.values.get(key):
            raise pet.error(key, "nothing (it would train or freeze other weights than the adapter's)")
    rank, counts = pet.positive("lora_rank"), _matched(pet, layers, linears)
    modules = (Module(linear.name, counts[linear.name], linear.inputs, linear.outputs, rank) for linear in linears)
    return Accounting(_total(config, layers, linears), tuple(module for module in modules if module.count))


def _check_model(model: _Section, config: _Section) -> None:
    kind = config.values.get("type")
    if not isinstance(kind, str) or kind not in _MODELS:
        raise config.error("type", " or ".join(_MODELS))
    if "arch" in model.values and (arch := model.section("arch")).values.get("type") != _MODELS[kind]:
        raise arch.error("type", f"{_MODELS[kind]}, which goes with {kind}")
    experts = config.values.get("moe_config") or {}
    if not isinstance(experts, Mapping) or experts.get("expert_num", 1) != 1:
        raise config.error("moe_config", "no experts: they cannot be counted yet")


def _linears(config: _Section) -> list[_Linear]:
    hidden, heads = config.positive("hidden_size"), config.positive("num_heads")
    kv_heads = config.optional("n_kv_heads", heads) or heads
    if hidden % heads:
        raise config.error("num_heads", f"a divisor of hidden_size {hidden}")
    if heads % kv_heads:
        raise config.error("n_kv_heads", f"a divisor of num_heads {heads}")
    kv, wide = hidden // heads * kv_heads, _intermediate(config, hidden)
    internlm = config.values["type"] == "InternLMConfig"
    bias = config.flag("has_bias", True) if internlm else config.flag("qkv_has_bias")
    out_bias = bias if internlm else config.flag("attn_proj_has_bias")
    # InternLM's decoder layers are not told of qkv_concat
    if not internlm and config.flag("qkv_concat"):
        attention = [_Linear("attention", "w_qkv", hidden, hidden + 2 * kv, bias)]
        feed_forward = [_Linear("feed_forward", "w_gate_hidden", hidden, 2 * wide, False)]
    else:
        attention = [_Linear("attention", name, hidden, kv, bias) for name in ("wk", "wv")]
        attention.insert(0, _Linear("attention", "wq", hidden, hidden, bias))
        feed_forward = [_Linear("feed_forward", name, hidden, wide, False) for name in ("w1", "w3")]
    attention.append(_Linear("attention", "wo", hidden, hidden, out_bias))
    feed_forward.insert(1, _Linear("feed_forward", "w2", wide, hidden, False))
    return attention + feed_forward


def _intermediate(config: _Section, hidden: int) -> int:
    """Return the feed-forward width: two thirds of 4 * hidden, rounded up, unless the recipe names it."""
    if (named := config.optional("intermediate_size", None)) is not None:
        return named
    multiple = config.optional("multiple_of", 256) or 256
    factor = config.values.get("ffn_dim_multiplier")
    if factor is not None and (isinstance(factor, bool) or not isinstance(factor, (int, float)) or not factor > 0):
        raise config.error("ffn_dim_multiplier", "a number > 0")
    wide = 4 * hidden if factor is None else int((factor + 0.01) * (4 * hidden))
    return -(-int(2 * wide / 3) // multiple) * multiple


def _total(config: _Section, layers: int, linears: list[_Linear]) -> int:
    hidden, vocabulary = config.positive("hidden_size"), config.positive("vocab_size")
    # InternLM makes a head of its own after Llama's is tied
    tied = config.flag("tie_word_embeddings") and config.values["type"] == "LlamaConfig"
    embeddings = hidden * vocabulary * (1 if tied else 2)
    norms = hidden * (2 * layers + 1)
    return embeddings + norms + layers * sum(linear.weights for linear in linears)


def _matched(pet: _Section, layers: int, linears: list[_Linear]) -> dict[str, int]:
    """Return for each linear layer's name in how many decoder layers the adapter is on it."""
    pattern, skipped = pet.values.get("target_modules"), pet.values.get("exclude_layers") or []
    if not isinstance(pattern, str) or not pattern:
        raise pet.error("target_modules", "one pattern, such as '.*wq|.*wv' (MindFormers' re.match takes no list)")
    if not isinstance(skipped, list) or not all(isinstance(name, str) for name in skipped):
        raise pet.error("exclude_layers", "a list of patterns (MindFormers reads text as one pattern a character)")
    fits, excluded = _matcher(pet, "target_modules", [pattern]), _matcher(pet, "exclude_layers", skipped)
    counts = _count(fits, excluded, layers, linears)
    names = ", ".join(counts)
    if not any(counts.values()):
        around = [name for name in ("layers", "attention", "feed_forward") if fits(name)]
        reason = f"; it matches {around[0]!r} around them, into which MindFormers then does not look" if around else ""
        raise pet.error("target_modules", f"a pattern that matches the start of one of: {names} (spaces count){reason}")
    for part in _alternatives(pattern):
        alone = _count(_matcher(pet, "target_modules", [part]), excluded, layers, linears)
        if not any(alone.values()):
            raise pet.error("target_modules", f"alternatives that each match one of: {names}; {part!r} matches none")
    return counts


def _count(
    fits: Callable[[str], bool], excluded: Callable[[str], bool], layers: int, linears: list[_Linear]
) -> dict[str, int]:
    """Walk the cells as ``recursive_replace_dense_cell`` does: by local names, not below what matches."""
    counts = dict.fromkeys((linear.name for linear in linears), 0)

    def entered(name: str) -> bool:
        return not excluded(name) and not fits(name)

    if entered("layers"):
        parents = {linear.parent for linear in linears if entered(linear.parent)}
        reached = sum(entered(str(layer)) for layer in range(layers))
        for linear in linears:
            if linear.parent in parents and fits(linear.name) and not excluded(linear.name):
                counts[linear.name] = reached
    return counts


def _matcher(pet: _Section, key: str, patterns: list[str]) -> Callable[[str], bool]:
    try:
        compiled = [re.compile(pattern) for pattern in patterns]
    except re.error as error:
        raise pet.error(key, f"a regular expression ({error})") from error
    return lambda name: any(pattern.match(name) for pattern in compiled)


def _alternatives(pattern: str) -> Iterator[str]:
    """Yield the parts between ``|`` where each is a pattern by itself; else (``|`` in brackets) the whole."""
    parts = pattern.split("|")
    try:
        for part in parts:
            re.compile(part)
    except re.error:
        parts = [pattern]
    yield from parts
