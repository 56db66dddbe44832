"""What a recipe's training is expected to need of a card's memory: an estimate, which was compared with no card.

Follows what mindformers 1.9 keeps: ``models/llama`` and ``mindpet/delta/lora.py`` for the layers, ``core/loss/loss.py``
for the loss, ``core/optim/adamw.py`` and ``wrapper/wrapper.py`` for the step; graph mode, where what no gradient needs
is not kept. Weights, gradients and moments are counted exactly. What layers keep was compared with the tensors that
MindSpore's compiled graphs of five networks of three layers on CPU hand from the forward to the backward pass: equal,
but that the first layer keeps less, since no gradient goes below it, and that dropout has float32 masks there, of which
w1 and w3 share one. Flash attention and the fused norm, which are not on CPU, follow their documentation.

Assumes that each card holds the whole model (data parallel). Leaves out: working space of the operator that runs, other
than of the loss; buffers of the framework and of HCCL; fragmentation; the data set; what another process uses. Does not
read ``select_recompute``, ``swap`` of layers and ``use_fused_swiglu``, with which less is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.lora import Module, account
from trainer.memory_values import EstimateError, Network, Values, network_of

__all__ = ["EstimateError", "Memory", "capacity", "estimate"]

_FLOAT32 = 4
_GIB = 1024**3

_LOSS_TENSORS = 4
"""Of (batch * seq, vocabulary) in float32 at once: log-softmax, its exponential, one-hot labels, gradient of logits."""

_SOFTMAX_COLUMNS = 2 * 8
"""Of float32 a token and head that Ascend's flash attention keeps: maximum and sum, both of (batch, heads, seq, 8)."""

_READS = {
    **dict.fromkeys(("wq", "wk", "wv", "w_qkv"), "attention_norm"),
    "wo": "context",
    **dict.fromkeys(("w1", "w3", "w_gate_hidden"), "ffn_norm"),
    "w2": "product",
}
"""Linear layer -> the tensor that is its input."""


@dataclass(frozen=True)
class Memory:
    """Bytes on one card.

    Attributes:
        weights: of the base and the adapter.
        gradients: of what is trained.
        optimizer: its states.
        activations: what is kept for the backward pass, at the moment when it is most; logits and loss are in it.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        """All parts together."""
        return self.weights + self.gradients + self.optimizer + self.activations


def estimate(values: Mapping[str, Any], source: str = "recipe", workers: int = 1) -> Memory:
    """Estimate what training a recipe needs of each of its cards.

    Args:
        values: the recipe's content, as PyYAML gives it; ``runner_config.batch_size`` is each card's.
        source: what messages call the recipe.
        workers: cards of the job, all of which hold the same.

    Raises:
        LoraError: as ``trainer.lora.account``.
        EstimateError: another value that counts is missing or invalid, or the optimizer is not ``AdamW``.
    """
    accounting, read = account(values, source), Values(source, values)
    network = network_of(read)
    adapter = read.bytes("model.model_config.pet_config.param_init_type", network.param)
    # MFTrainOneStepCell casts gradients to float32; what AllReduce gives stands beside what it is given
    gradients = accounting.trainable * _FLOAT32 * (1 if workers == 1 else 2)
    return Memory(
        weights=_base(network, accounting.total) + accounting.trainable * adapter,
        gradients=gradients,
        optimizer=accounting.trainable * _FLOAT32 * _states(read),
        activations=_activations(network, accounting.modules, _recomputed(read, network.layers), _drops(read)),
    )


def capacity(values: Mapping[str, Any], source: str = "recipe") -> int | None:
    """Return the bytes of a card that the recipe lets MindSpore use; None on CPU, or where it does not say.

    ``context.max_device_memory`` is in units of 1024**3 bytes, written as GB.

    Raises:
        EstimateError: it is not what MindSpore takes, such as ``58GB``.
    """
    read, path = Values(source, values), "context.max_device_memory"
    if read.get("context.device_target") == "CPU" or (value := read.get(path)) is None:
        return None
    found = re.fullmatch(r"(\d+\.?\d*)GB", str(value))
    if found is None or float(found[1]) == 0:
        raise read.error(path, "a number > 0 and GB, such as '58GB'")
    return int(float(found[1]) * _GIB)


def _base(network: Network, total: int) -> int:
    """Return the bytes of the base's ``total`` weights: MindFormers has types of their own for embedding and norms."""
    norms = network.hidden * (2 * network.layers + 1)
    embedding = network.hidden * network.vocabulary
    return norms * network.norm + embedding * network.embedding + (total - norms - embedding) * network.param


def _states(read: Values) -> int:
    """Return how many float32 values the optimizer keeps on the card for each parameter that is trained.

    Two moments and, other than mixed precision in Rajbhandari et al., "ZeRO", 2020, section 3.1, no float32 copy of the
    parameter: it is cast for each update.
    """
    if read.get("optimizer.type") != "AdamW":
        raise read.error("optimizer.type", "'AdamW', whose states are known here")
    if read.flag("optimizer.swap", False):
        return 0
    return 3 if read.flag("optimizer.amsgrad", False) else 2


def _drops(read: Values) -> bool:
    """Return whether the adapter has dropout."""
    path = "model.model_config.pet_config.lora_dropout"
    value = read.get(path)
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1):
        raise read.error(path, "a number >= 0 and < 1")
    return value != 0  # MindFormers' own is 0.01


def _recomputed(read: Values, layers: int) -> int:
    """Return how many layers are computed again in the backward pass."""
    path = "recompute_config.recompute"
    value = read.get(path) or False
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if type(value) not in (bool, int) or value < 0:
        raise read.error(path, "True, False or a number of layers in a list")
    return layers if value is True else min(int(value), layers)


def _activations(network: Network, modules: tuple[Module, ...], recomputed: int, drops: bool) -> int:
    """Return the bytes of what is kept at the loss, or where one recomputed layer is there, whichever is more.

    Of a recomputed layer only its input is kept (Chen et al., "Training deep nets with sublinear memory cost", 2016).
    Logits and the loss' tensors are gone before the first layer is recomputed, so the two are not there together.
    """
    tokens = network.tokens
    layer, adapted = tokens * _layer(network), tokens * _adapter(network, modules, drops)
    copies = 0
    if network.param != network.compute:
        # a frozen weight that is cast is needed again for the gradient of its input
        copies = network.linears * network.compute
    whole = network.layers - recomputed
    kept = whole * (layer + copies) + min(whole, modules[0].count) * adapted
    kept += recomputed * tokens * network.hidden * network.compute
    again = layer + copies + adapted if recomputed else 0
    return kept + tokens * _norm(network) + _mask(network) + max(_loss(network), again)


def _loss(network: Network) -> int:
    """Return the bytes of the loss; they exceed all layers' where the vocabulary is large and layers are recomputed."""
    head = network.embedding if network.tied else network.param
    copy = network.hidden * network.vocabulary * network.compute if head != network.compute else 0
    return network.tokens * network.vocabulary * _LOSS_TENSORS * _FLOAT32 + copy


def _mask(network: Network) -> int:
    """Return the bytes of the attention mask, of (batch, 1, seq, seq), that all layers share."""
    if network.compressed_mask:
        return 2048 * 2048
    return network.tokens * network.seq * (1 if network.flash else network.compute)


def _layer(network: Network) -> int:
    """Return the bytes a token that one decoder layer keeps, without its adapter.

    Korthikanti et al., "Reducing activation recomputation in large transformer models", 2022, section 4.1, count
    34 + 5 a s / h times h for all weights trained, 16 bit, GELU and dropout, tensor by tensor. The same for LLaMA with
    its linear layers frozen, which thus keep no input: inputs of both norms; query, key, value; with flash attention
    its output; without, the softmax; of SwiGLU the gate before and after SiLU, and what it is multiplied with.
    """
    return 2 * _norm(network) + _attention(network) + 3 * network.wide * network.compute


def _norm(network: Network) -> int:
    """Return the bytes a token that a norm keeps: its input, as cast where it is not fused, and 1 / RMS."""
    return network.hidden * (network.compute if network.fused_norm else network.norm) + network.norm


def _attention(network: Network) -> int:
    hidden, element = network.hidden, network.compute
    if network.flash:
        return 2 * (hidden + network.kv) * element + network.heads * _SOFTMAX_COLUMNS * _FLOAT32
    # key and value are repeated for all heads; the softmax is kept, and as cast what multiplies the value
    score = network.softmax + (element if network.softmax != element else 0)
    return 3 * hidden * element + network.heads * network.seq * score


def _adapter(network: Network, modules: tuple[Module, ...], drops: bool) -> int:
    """Return the bytes a token that the adapter keeps in a layer that has it: both matrices' inputs.

    With dropout each module has an input of its own and a mask, which Korthikanti et al. count as one byte; without,
    modules share it.
    """
    ranks = sum(module.rank for module in modules) * network.compute
    if drops:
        return ranks + sum(module.inputs for module in modules) * (network.compute + 1)
    inputs = {_READS[module.name]: module.inputs for module in modules}
    if network.flash:
        inputs.pop("context", None)  # it is kept anyway
    return ranks + sum(inputs.values()) * network.compute
