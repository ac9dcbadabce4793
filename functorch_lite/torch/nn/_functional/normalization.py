"""Normalisation by means and variances, over batches, layers, groups and instances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from functorch_lite.core.array import Array
from functorch_lite.nn.normalization import (
    batch_pull,
    batch_value,
    group_pull,
    group_value,
    layer_pull,
    layer_value,
    running_pull,
    running_value,
)
from functorch_lite.torch._core.tensor import Tensor, version
from functorch_lite.torch.nn._functional.pulled import Pulled

__all__ = ["batch_norm", "check_layer", "group_norm", "instance_norm", "layer_norm"]  # fmt: skip


# -------------------------------------------------------------------------------- over the examples
def _by_batch_again(
    g: Array, x: Array, w: Array | None, b: Array | None, *, wanted: Any, eps: float
) -> Any:
    _, mean, var = batch_value(x, None, None, eps=eps)
    return batch_pull(g, x, w, b, mean, var, wanted=wanted, eps=eps)


BATCH = Pulled("NativeBatchNormBackward0", batch_value, batch_pull, again=_by_batch_again,
               checks=(0, 1))  # fmt: skip
RUNNING = Pulled(
    "NativeBatchNormBackward0", running_value, running_pull, checks=(0, 1, 3, 4),
    constants={3: ("native_batch_norm", "running_mean"), 4: ("native_batch_norm", "running_var")},
)  # fmt: skip


def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None,
    weight: Tensor | None = None, bias: Tensor | None = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Every channel with mean 0 and variance 1, then scaled and shifted.

    Args:
        input: f[batch, channels, ...].
        running_mean, running_var: f[channels], used outside of training, and moved in place towards
            the batch's in training.
        weight, bias: f[channels].
        training: whether the batch's own mean and variance are used.
        momentum: how far the running ones move.
        eps: added to the variance.

    Raises:
        ValueError: one value per channel, in training.
        RuntimeError: the sizes do not go together.

    Source: ``torch.nn.functional.batch_norm``.
    """
    if training:
        _check_values(input._np.shape)
    return normalised_batch(input, running_mean, running_var, weight, bias, training, momentum, eps)


def _check_values(size: Sequence[int]) -> None:
    count = size[0]
    for n in size[2:]:
        count *= n
    if count == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size torch.Size("
            f"{list(size)})"
        )


def normalised_batch(
    input: Tensor, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool,
    momentum: float, eps: float,
) -> Tensor:  # fmt: skip
    x = input._np
    if x.ndim == 1 and not x.size:
        return input.clone()
    if x.ndim < 2:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-max(x.ndim, 1)}, "
            f"{max(x.ndim, 1) - 1}], but got 1)"
        )
    channels = x.shape[1]
    for name, t in (
        ("running_mean", running_mean), ("running_var", running_var), ("weight", weight),
        ("bias", bias),
    ):  # fmt: skip
        if t is not None:
            if t._np.size != channels:
                raise RuntimeError(f"{name} should contain {channels} elements not {t._np.size}")
        elif not training and name.startswith("running"):
            raise RuntimeError(f"{name} must be defined in evaluation mode")
    if not training:
        return RUNNING((input, weight, bias, running_mean, running_var), eps=float(eps))
    out, mean, var = BATCH((input, weight, bias), eps=float(eps))
    count = x.size // max(channels, 1)
    for running, new in ((running_mean, mean), (running_var, var)):
        if running is not None:
            values = new._np.reshape(-1)
            if running is running_var and count > 1:
                values = values * (count / (count - 1))
            old = running._np
            old[...] = old * (1 - momentum) + values * momentum
            version(running).count += 1
    return out


def instance_norm(
    input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None,
    bias: Any = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Like ``batch_norm``, for each example by itself.

    Args:
        input: f[batch, channels, ...].
        use_input_stats: whether the examples' own means and variances are used.

    Source: ``torch.nn.functional.instance_norm``.
    """
    shape = input._np.shape
    if use_input_stats:
        if len(shape) > 2 and math.prod(shape[2:]) == 1 or len(shape) == 2:
            raise ValueError(
                "Expected more than 1 spatial element when training, got input size torch.Size("
                f"{list(shape)})"
            )
    elif running_mean is None or running_var is None:
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    batch, channels = shape[:2]
    weight, bias = (None if t is None else t.repeat(batch) for t in (weight, bias))
    mean, var = (None if t is None else t.repeat(batch) for t in (running_mean, running_var))
    flat = input.contiguous().view(1, batch * channels, *shape[2:])
    out: Any = normalised_batch(flat, mean, var, weight, bias, use_input_stats, momentum, eps)
    if use_input_stats:
        for running, new in ((running_mean, mean), (running_var, var)):
            if running is not None and new is not None:
                running._np[...] = new._np.reshape(batch, channels).mean(0)
                version(running).count += 1
    return out.view(shape)


# ---------------------------------------------------------------------------- within each example
LAYER = Pulled("NativeLayerNormBackward0", layer_value, layer_pull)


def check_layer(input: Any, shape: tuple[int, ...], separator: str) -> None:
    """Refuse an input whose last sizes are others."""
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    if input._np.shape[-len(shape) :] != shape or input._np.ndim < len(shape):
        sizes = ", ".join(map(str, shape))
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*{separator}{sizes}]"
            f", but got input of size{list(input._np.shape)}"
        )


def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """The last dimensions of every example with mean 0 and variance 1, then scaled and shifted.

    Args:
        input: f[..., *normalized_shape].
        normalized_shape: the sizes of the last dimensions.
        weight, bias: f[*normalized_shape].
        eps: added to the variance.

    Raises:
        RuntimeError: the sizes do not go together.

    Source: ``torch.nn.functional.layer_norm``.
    """
    shape = tuple(normalized_shape)
    check_layer(input, shape, ", ")
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._np.shape != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(t._np.shape)} and normalized_shape = {list(shape)}"
            )
    return LAYER((input, weight, bias), count=math.prod(shape), eps=float(eps))


GROUP = Pulled("NativeGroupNormBackward0", group_value, group_pull)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Groups of channels of every example with mean 0 and variance 1, then scaled and shifted.

    Args:
        input: f[batch, channels, ...].
        num_groups: must divide the number of channels.
        weight, bias: f[channels].
        eps: added to the variance.

    Raises:
        RuntimeError: the sizes do not go together.

    Source: ``torch.nn.functional.group_norm``.
    """
    shape = input._np.shape
    if len(shape) < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {len(shape)}"
        )
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    values = shape[0] * shape[1] // num_groups * math.prod(shape[2:])
    if values == 1 and shape[1] % num_groups == 0:
        _check_values((shape[0] * shape[1] // num_groups, num_groups, *shape[2:]))
    if shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(shape)} and num_groups={num_groups}"
        )
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._np.shape != (shape[1],):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, "
                f"but got {name} of shape {list(t._np.shape)} and input of shape {list(shape)}"
            )
    return GROUP((input, weight, bias), groups=int(num_groups), eps=float(eps))
