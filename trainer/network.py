"""The network as MindFormers builds it from a recipe, its adapter, and one greedy step of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mindformers.trainer.utils
import mindspore as ms
import numpy as np
import numpy.typing as npt
from mindformers.core.parallel_config import build_parallel_config
from mindformers.models.build_model import build_network
from mindformers.tools.register import MindFormerConfig, MindFormerModuleType, MindFormerRegister
from mindformers.wrapper import MFTrainOneStepCell
from mindspore import Tensor, nn, ops

from evaluation.generate import Generate, Shape

# beside the adapter's: the cache that use_past: True makes room for
_NO_WEIGHTS_OF_A_BASE = ("lora", "key_cache", "value_cache")

Arrays = dict[str, npt.NDArray[np.float32]]


@MindFormerRegister.register(MindFormerModuleType.WRAPPER)
class CpuTrainOneStepCell(MFTrainOneStepCell):  # type: ignore[misc]
    """MindFormers' training step where NPUGetFloatStatusV2 does not exist: overflow is a gradient not finite."""

    def start_overflow_check(self, pre_cond: Any, compute_input: Any) -> Any:
        """Nothing to clear before the step on CPU."""
        return (), compute_input

    def get_overflow_status(self, status: Any, compute_output: Any) -> Any:
        """Whether any gradient holds an infinity or a NaN."""
        finite = self.hyper_map(ops.isfinite, compute_output)
        overflow = Tensor(False)
        for gradient in finite:
            overflow = ops.logical_or(overflow, ops.logical_not(gradient.all()))
        return overflow

    def process_loss_scale(self, overflow: Any) -> Any:
        """The loss scale is fixed on CPU, where training runs in float32."""
        return overflow


def skip_barriers() -> None:
    """Let MindFormers load a base on several CPU workers: there is no Barrier kernel on CPU, and none is needed there.

    Its one use on this way is that one worker a host reads the file first, to warm the page cache for the others.
    """
    mindformers.trainer.utils.barrier = lambda: None


def build(config: Any, seq_length: int, batch: int, adapter: bool) -> Any:
    """Build the recipe's network for inference on ``(batch, seq_length)`` tokens, with or without its adapter."""
    model = copy.deepcopy(config.model)
    model.model_config.seq_length = seq_length
    model.model_config.batch_size = batch
    model.model_config.checkpoint_name_or_path = ""
    if not adapter:
        model.model_config.pet_config = None
    # the Trainer turns these from mappings into objects as well; what is one already stays
    build_parallel_config(config)
    network = build_network(model, default_args={"parallel_config": config.parallel_config})
    network.set_train(False)
    return network


def load_config(recipe: Path) -> Any:
    """Read a recipe as MindFormers does."""
    return MindFormerConfig(str(recipe))


def count_parameters(network: Any) -> tuple[int, int]:
    """Count ``(trainable, total)`` parameters of a built network."""
    sizes = [(parameter.requires_grad, int(np.prod(parameter.shape))) for parameter in network.get_parameters()]
    return sum(size for trainable, size in sizes if trainable), sum(size for _, size in sizes)


def load_base(network: Any, file: Path) -> None:
    """Load the base's weights into a network with or without an adapter.

    Raises:
        ValueError: the file lacks a weight that the network has, beside the adapter's and the key-value cache.
    """
    missing, _ = ms.load_param_into_net(network, _read(file))
    lost = [name for name in missing if not any(part in name for part in _NO_WEIGHTS_OF_A_BASE)]
    if lost:
        raise ValueError(f"{file} lacks {len(lost)} weights of the recipe's model, the first: {lost[0]}")


def check_frozen(network: Any, file: Path) -> None:
    """Raise ``ValueError`` unless the network's first and last frozen weights are those of the base's ``file``.

    MindFormers logs a warning, no error, where a checkpoint's names do not fit, and trains on random weights.
    """
    frozen = [parameter for parameter in network.get_parameters() if not parameter.requires_grad]
    checked = {parameter.name: parameter for parameter in (frozen[0], frozen[-1])}
    base = _read(file, tuple(checked))
    for name, parameter in checked.items():
        if name not in base or not (ops.cast(base[name], parameter.dtype) == parameter).all():
            raise ValueError(f"{file}: {name} did not arrive in the network; check load_checkpoint and its format")


def _read(file: Path, names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Read the weights of ``file`` (``.safetensors`` or ``.ckpt``), only those of ``names`` if given."""
    weights: dict[str, Any] = ms.load_checkpoint(
        str(file),
        format="safetensors" if file.suffix == ".safetensors" else "ckpt",
        choice_func=None if names is None else names.__contains__,
    )
    return weights


def adapter_weights(network: Any) -> Arrays:
    """Copy the LoRA weights out of a network, by their MindFormers names."""
    return take([parameter for parameter in network.get_parameters() if "lora" in parameter.name])


def changing_parameters(step: Any) -> list[Any]:
    """Return what a training step (``MFTrainOneStepCell``) changes: all that it holds but the network's frozen weights.

    So the trained weights, the optimizer's moments and counters, and a loss scale that adapts itself.
    """
    frozen = {id(parameter) for parameter in step.network.get_parameters() if not parameter.requires_grad}
    return [parameter for parameter in step.get_parameters() if id(parameter) not in frozen]


def take(parameters: list[Any]) -> dict[str, npt.NDArray[Any]]:
    """Copy parameters out, by their names: floats as float32, all else as it is."""
    # by way of float32, which holds them exactly: NumPy has no bfloat16
    return {p.name: (ops.cast(p, ms.float32) if p.is_floating_point() else p).asnumpy().copy() for p in parameters}


def put(parameters: list[Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Copy arrays of the same names and shapes into parameters, which keep their types."""
    for parameter in parameters:
        parameter.set_data(ops.cast(Tensor(arrays[parameter.name]), parameter.dtype))


def load_adapter(network: Any, weights: Arrays) -> None:
    """Put LoRA weights into a network; raises ``ValueError`` where names differ."""
    expected = {p.name for p in network.get_parameters() if "lora" in p.name}
    if expected != set(weights):
        raise ValueError(f"adapter does not fit the recipe: {sorted(expected ^ set(weights))[:4]} differ")
    ms.load_param_into_net(network, {name: ms.Parameter(Tensor(value), name=name) for name, value in weights.items()})


class _NextTokens(nn.Cell):  # type: ignore[misc]
    """Most likely next tokens; ``lm_head`` runs at the last position only."""

    def __init__(self, causal_lm: Any) -> None:
        # auto_prefix=False: holding the model here must not rename its weights
        super().__init__(auto_prefix=False)
        self.model, self.lm_head = causal_lm.model, causal_lm.lm_head
        self.gather = ops.Gather(1)

    def construct(self, ids: Any, last: Any) -> Any:
        hidden = self.gather(self.model(ids), last, 1).reshape((ids.shape[0], -1))
        return ops.argmax(self.lm_head(hidden), 1).astype(ms.int32)


def generator(network: Any) -> Generate:
    """Return MindFormers' own ``generate``, decoding greedily, for ``evaluation.generate.generated``.

    It keeps a key-value cache where the recipe says ``use_past: True``. That has not run: CPU lacks its kernels. With
    no cache, and with its argmax replaced for the same reason, it gives ``greedy_step``'s tokens (a test).
    """
    causal_lm = _causal_lm(network)

    def generate(ids: list[list[int]], shape: Shape) -> Sequence[npt.NDArray[np.int32]]:
        tokens: Sequence[npt.NDArray[np.int32]] = causal_lm.generate(
            ids,
            max_new_tokens=shape.max_new_tokens,
            do_sample=False,
            # one number is refused
            eos_token_id=[shape.eos],
            pad_token_id=shape.pad,
        )
        return tokens

    return generate


def _causal_lm(network: Any) -> Any:
    """Return the model inside what an adapter wraps around it."""
    while hasattr(network, "network"):
        network = network.network
    return network


def greedy_step(network: Any) -> Callable[[npt.NDArray[np.int32], npt.NDArray[np.int32]], npt.NDArray[np.int32]]:
    """Return ``(ids (batch, seq), last (batch,)) -> tokens (batch,)`` for ``evaluation.generate.greedy``."""
    cell = _NextTokens(_causal_lm(network))
    cell.set_train(False)

    def step(ids: npt.NDArray[np.int32], last: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        tokens: npt.NDArray[np.int32] = cell(Tensor(ids), Tensor(last)).asnumpy()
        return tokens

    return step
