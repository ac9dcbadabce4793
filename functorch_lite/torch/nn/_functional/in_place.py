"""More forms of layers' functions that only ``torch`` has: in place, or with what others need."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.trace import state
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._object.generator import default_generator
from functorch_lite.torch._ops.elementwise import ruled
from functorch_lite.torch._rng.samplers import bernoulli_p
from functorch_lite.torch.nn._functional import convolution as by_rank
from functorch_lite.torch.nn._functional import dropping, folding, grids, linear

__all__ = ["convolution", "embedding_bag", "native_dropout"]


# --------------------------------------------------------------------------------------- by chance
def _checked(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p}")


@public("alpha_dropout_", methods=False)
def alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """``alpha_dropout`` in place. Source: ``torch.alpha_dropout_``."""
    _checked(p)
    return dropping.alpha_dropout(input, p, train, True)


@public("feature_dropout_", methods=False)
def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """``feature_dropout`` in place. Source: ``torch.feature_dropout_``."""
    _checked(p)
    _has_features(input, p, train)
    return dropping.channels(input, p, train, True)


@public("feature_alpha_dropout_", methods=False)
def feature_alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """``feature_alpha_dropout`` in place. Source: ``torch.feature_alpha_dropout_``."""
    _checked(p)
    _has_features(input, p, train)
    return dropping.feature_alpha_dropout(input, p, train, True)


def _has_features(input: Tensor, p: float, train: bool) -> None:
    if train and p not in (0, 1) and input._np.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")


@public("native_dropout", methods=False)
def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """``dropout`` with the mask of what was kept.

    Args:
        train: None counts as True.

    Returns:
        the result, and bool[*input.shape].

    Source: ``torch.native_dropout``.
    """
    x = input._np
    mask = np.empty_like(x, dtype=np.bool_)
    scale = 1.0
    if train is not False and x.size:
        if not 0 <= 1 - p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={1 - p}")
        if input.dtype.kind < 2:
            name = input.dtype.scalar_name
            raise RuntimeError(f"result type Float can't be cast to the desired output type {name}")
        if p == 1:
            mask[...] = False
        else:
            bernoulli_p(default_generator._engine, mask, 1 - p)
            scale = 1 / (1 - p)
    else:
        mask[...] = True
    # PyTorch's gradient is that of True alone.
    slope = scale if train else 1.0
    out = ruled(
        "NativeDropoutBackward0", state.run(lambda: x * mask * x.dtype.type(scale)), (input,),
        lambda g, _: g * make(mask) * slope,
    )  # fmt: skip
    return out, make(mask)


# ------------------------------------------------------------------------------------------ layers
@public("convolution", methods=False)
def convolution(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any,
    transposed: bool, output_padding: Any, groups: int,
) -> Tensor:  # fmt: skip
    """A convolution of any rank, transposed or not.

    Args:
        input: f[batch, channels, *sizes], of one to three sizes.
        stride, padding, dilation, output_padding: tuples, of one number per size or of one.

    Source: ``torch.convolution``.
    """
    for position, (name, value) in enumerate(
        (("stride", stride), ("padding", padding), ("dilation", dilation)), 4
    ):
        if not isinstance(value, (tuple, list)):
            raise TypeError(
                f"convolution(): argument '{name}' (position {position}) must be tuple of ints, "
                f"not {type(value).__name__}"
            )
    count = weight._np.ndim - 2
    if input._np.ndim != count + 2:
        raise RuntimeError(
            f"Expected {count + 2}-dimensional input for {count + 2}-dimensional weight "
            f"{list(weight._np.shape)}, but got {input._np.ndim}-dimensional input of size "
            f"{list(input._np.shape)} instead"
        )
    if transposed:
        f = getattr(by_rank, f"conv_transpose{count}d")
        made: Tensor = f(input, weight, bias, stride, padding, output_padding, groups, dilation)
    else:
        made = getattr(by_rank, f"conv{count}d")(
            input, weight, bias, stride, padding, dilation, groups
        )
    return made


@public("native_channel_shuffle", methods=False)
def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """``channel_shuffle``. Source: ``torch.nn.functional.native_channel_shuffle``."""
    return folding.channel_shuffle(input, groups)


@public("affine_grid_generator", methods=False)
def affine_grid_generator(theta: Tensor, size: Any, align_corners: bool) -> Tensor:
    """``affine_grid`` with all its arguments. Source: ``torch.affine_grid_generator``."""
    return grids.affine_grid(theta, size, align_corners)


_MODES = ("sum", "mean", "max")


@public("embedding_bag", methods=False)
def embedding_bag(
    weight: Tensor, indices: Tensor, offsets: Tensor, scale_grad_by_freq: bool = False,
    mode: int = 0, sparse: bool = False, per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """``nn.functional.embedding_bag`` with what its backward pass needs.

    Args:
        weight: f[rows, size].
        indices: int64[n].
        offsets: int64[bags], where each bag begins.
        mode: 0 for sums, 1 for means, 2 for maxima.

    Returns:
        the bags, f[bags, size]; the bag of each index; the lengths of the bags; and for maxima the
        rows they come from. The last three are empty or zero for sums.

    Source: ``torch.embedding_bag``.
    """
    if mode not in (0, 1, 2):
        raise RuntimeError("`mode` must be sum, mean, or max.")
    out = linear.embedding_bag(
        indices, weight, offsets, None, 2, scale_grad_by_freq, _MODES[mode], sparse,
        per_sample_weights, include_last_offset, padding_idx,
    )  # fmt: skip
    bags, line = out._np.shape[0], indices._np
    if mode == 0:
        nothing = [make(np.zeros(n, line.dtype)) for n in (0, bags, bags)]
        return out, nothing[0], nothing[1], nothing[2]
    starts = np.append(offsets._np[:bags], len(line))
    owner = np.repeat(np.arange(bags), np.diff(starts)).astype(line.dtype)
    kept = np.ones(len(line), np.bool_) if padding_idx is None else line != padding_idx
    lengths = make(np.bincount(owner[kept], minlength=bags).astype(line.dtype))
    if mode == 1:
        return out, make(owner), lengths, lengths.clone()
    rows = np.zeros(out._np.shape, line.dtype)
    for bag in range(bags):
        own = line[kept & (owner == bag)]
        if len(own):
            rows[bag] = own[weight._np[own].argmax(0)]
    return out, make(owner), lengths, make(rows)


@public("batch_norm_update_stats", methods=False)
def batch_norm_update_stats(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, momentum: float
) -> tuple[Tensor, Tensor]:
    """The mean and variance of each channel, which also move the running ones.

    Args:
        input: f[batch, channels, ...].
        momentum: how much of the running statistics is replaced.

    Source: ``torch.batch_norm_update_stats``.
    """
    x = input._np
    axes = tuple(d for d in range(x.ndim) if d != 1)
    mean, variance = (
        make(m.reshape(-1)) for m in state.run(lambda: (x.mean(axes), x.var(axes)))
    )
    count = x.size // x.shape[1]
    corrected = make(variance._np * (count / (count - 1) if count > 1 else np.nan))
    for running, new in ((running_mean, mean), (running_var, corrected)):
        if running is not None:
            running.mul_(1 - momentum).add_(new, alpha=momentum)
    return mean, variance
