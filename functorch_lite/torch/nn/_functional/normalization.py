"""Normalisation by means and variances, over batches, layers, groups and instances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.torch._core.tensor import Tensor, version
from functorch_lite.torch.nn._functional.pulled import Pulled

__all__ = ["batch_norm", "check_layer", "group_norm", "instance_norm", "layer_norm"]  # fmt: skip


def _along(v: Array, ndim: int) -> Array:
    """One value for each channel, in the place of the channels."""
    return v.reshape(1, -1, *(1,) * (ndim - 2))


# -------------------------------------------------------------------------------- over the examples
def _by_batch(x: Array, w: Array | None, b: Array | None, *, eps: float) -> Any:
    axes = (0, *range(2, x.ndim))
    mean = fnp.mean(x, axis=axes, keepdims=True)
    centred = x - mean
    var = fnp.mean(centred * centred, axis=axes, keepdims=True)
    scale = 1 / fnp.sqrt(var + eps)
    factor = scale if w is None else scale * _along(w, x.ndim)
    out = centred * factor
    return (out if b is None else out + _along(b, x.ndim)), mean, var


def _by_batch_pull(
    g: Array, x: Array, w: Array | None, b: Array | None, mean: Array, var: Array, *, wanted: Any,
    eps: float,
) -> Any:  # fmt: skip
    axes = (0, *range(2, x.ndim))
    scale = 1 / fnp.sqrt(var + eps)
    normal = (x - mean) * scale
    total = fnp.sum(g, axis=axes, keepdims=True)
    moment = fnp.sum(g * normal, axis=axes, keepdims=True)
    of_x = None
    if wanted[0]:
        count = x.size // max(x.shape[1], 1)
        factor = scale if w is None else scale * _along(w, x.ndim)
        of_x = (g - (total + normal * moment) / count) * factor
    of_w = moment.reshape(-1) if wanted[1] else None
    return of_x, of_w, total.reshape(-1) if wanted[2] else None


def _by_batch_again(
    g: Array, x: Array, w: Array | None, b: Array | None, *, wanted: Any, eps: float
) -> Any:
    _, mean, var = _by_batch(x, None, None, eps=eps)
    return _by_batch_pull(g, x, w, b, mean, var, wanted=wanted, eps=eps)


def _by_running(
    x: Array, w: Array | None, b: Array | None, mean: Array, var: Array, *, eps: float
) -> Array:
    scale = 1 / fnp.sqrt(var + eps)
    if w is not None:
        scale = scale * w
    out = (x - _along(mean, x.ndim)) * _along(scale, x.ndim)
    return out if b is None else out + _along(b, x.ndim)


def _by_running_pull(
    g: Array, x: Array, w: Array | None, b: Array | None, mean: Array, var: Array, *, wanted: Any,
    eps: float,
) -> Any:  # fmt: skip
    axes = (0, *range(2, x.ndim))
    scale = 1 / fnp.sqrt(var + eps)
    of_x = of_w = None
    if wanted[0]:
        of_x = g * _along(scale if w is None else scale * w, x.ndim)
    if wanted[1]:
        of_w = fnp.sum(g * (x - _along(mean, x.ndim)), axis=axes) * scale
    return of_x, of_w, fnp.sum(g, axis=axes) if wanted[2] else None, None, None


BATCH = Pulled("NativeBatchNormBackward0", _by_batch, _by_batch_pull, again=_by_batch_again,
               checks=(0, 1))  # fmt: skip
RUNNING = Pulled(
    "NativeBatchNormBackward0", _by_running, _by_running_pull, checks=(0, 1, 3, 4),
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
def _by_rows(x: Array, *, eps: float) -> tuple[Array, Array]:
    """Rows with mean 0, and what makes their variance 1."""
    centred = x - fnp.mean(x, axis=-1, keepdims=True)
    var = fnp.mean(centred * centred, axis=-1, keepdims=True)
    return centred, 1 / fnp.sqrt(var + eps)


def _rows_pull(g: Array, normal: Array, scale: Array) -> Array:
    mean = fnp.mean(g, axis=-1, keepdims=True)
    moment = fnp.mean(g * normal, axis=-1, keepdims=True)
    return (g - mean - normal * moment) * scale


def _lines(x: Array, count: int) -> tuple[int, int]:
    """How many examples there are, and of how many elements; without elements nobody can tell."""
    return x.size // count if count else 0, count


def _layer(x: Array, w: Array | None, b: Array | None, *, count: int, eps: float) -> Array:
    shape = x.shape
    centred, scale = _by_rows(x.reshape(_lines(x, count)), eps=eps)
    out = (centred * scale).reshape(shape)
    if w is not None:
        out = out * w
    return out if b is None else out + b


def _layer_pull(
    g: Array, x: Array, w: Array | None, b: Array | None, *, wanted: Any, count: int, eps: float
) -> Any:
    rows = _lines(x, count)
    centred, scale = _by_rows(x.reshape(rows), eps=eps)
    normal = centred * scale
    flat = g.reshape(rows)
    of_x = of_w = of_b = None
    if wanted[0]:
        inner = flat if w is None else flat * w.reshape(-1)
        of_x = _rows_pull(inner, normal, scale).reshape(x.shape)
    if w is not None and wanted[1]:
        of_w = fnp.sum(flat * normal, axis=0).reshape(w.shape)
    if b is not None and wanted[2]:
        of_b = fnp.sum(flat, axis=0).reshape(b.shape)
    return of_x, of_w, of_b


LAYER = Pulled("NativeLayerNormBackward0", _layer, _layer_pull)


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


def _groups(x: Array, groups: int) -> tuple[int, int]:
    return x.shape[0] * groups, math.prod(x.shape[1:]) // groups


def _group(x: Array, w: Array | None, b: Array | None, *, groups: int, eps: float) -> Array:
    shape = x.shape
    centred, scale = _by_rows(x.reshape(_groups(x, groups)), eps=eps)
    out = (centred * scale).reshape(shape)
    if w is not None:
        out = out * _along(w, x.ndim)
    return out if b is None else out + _along(b, x.ndim)


def _group_pull(
    g: Array, x: Array, w: Array | None, b: Array | None, *, wanted: Any, groups: int, eps: float
) -> Any:
    shape, rows = x.shape, _groups(x, groups)
    axes = (0, *range(2, x.ndim))
    centred, scale = _by_rows(x.reshape(rows), eps=eps)
    normal = centred * scale
    of_x = of_w = None
    if wanted[0]:
        inner = g if w is None else g * _along(w, x.ndim)
        of_x = _rows_pull(inner.reshape(rows), normal, scale).reshape(shape)
    if wanted[1]:
        of_w = fnp.sum(g * normal.reshape(shape), axis=axes)
    return of_x, of_w, fnp.sum(g, axis=axes) if wanted[2] else None


GROUP = Pulled("NativeGroupNormBackward0", _group, _group_pull)


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
