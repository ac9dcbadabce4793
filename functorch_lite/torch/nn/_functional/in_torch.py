"""Functions of layers that ``torch`` itself has as well, some with other arguments."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn._functional import (
    adaptive_pooling,
    convolution,
    distances,
    dropping,
    folding,
    lengths,
    linear,
    normalization,
    pooling,
)

__all__ = ["batch_norm", "dropout"]

for _f in (
    convolution.conv1d, convolution.conv2d, convolution.conv3d, convolution.conv_transpose1d,
    convolution.conv_transpose2d, convolution.conv_transpose3d, pooling.avg_pool1d,
    adaptive_pooling.adaptive_avg_pool1d, distances.cosine_similarity,
    distances.pairwise_distance, distances.pdist, folding.pixel_shuffle, folding.pixel_unshuffle,
    folding.channel_shuffle, linear.bilinear, lengths.rms_norm,
):  # fmt: skip
    public(_f.__name__, methods=False)(_f)
del _f


def _pool(count: int) -> None:
    f = getattr(pooling, f"max_pool{count}d")
    name = f"max_pool{count}d"

    def pool(
        input: Tensor, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Any:  # fmt: skip
        return f(input, kernel_size, stride, padding, dilation, ceil_mode)

    def with_indices(
        input: Tensor, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Any:  # fmt: skip
        return f(input, kernel_size, stride, padding, dilation, ceil_mode, True)

    pool.__name__ = name
    pool.__doc__ = f"The largest element of each window. Source: ``torch.{name}``."
    public(name, methods=False)(pool)
    if count == 1:
        with_indices.__name__ = f"{name}_with_indices"
        with_indices.__doc__ = f"Maxima and their places. Source: ``torch.{name}_with_indices``."
        public(with_indices.__name__, methods=False)(with_indices)


for _count in (1, 2, 3):
    _pool(_count)


@public("adaptive_max_pool1d", methods=False)
def adaptive_max_pool1d(input: Tensor, output_size: Any) -> Any:
    """Maxima of a number of windows, and their places. Source: ``torch.adaptive_max_pool1d``."""
    return adaptive_pooling.adaptive_max_pool1d(input, output_size, True)


# ------------------------------------------------------------------------------------ normalisation
@public("batch_norm", methods=False)
def batch_norm(
    input: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool,
    momentum: float, eps: float, cudnn_enabled: bool,
) -> Tensor:  # fmt: skip
    """Every channel with mean 0 and variance 1. Source: ``torch.batch_norm``."""
    return normalization.normalised_batch(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )


@public("instance_norm", methods=False)
def instance_norm(
    input: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any,
    use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool,
) -> Tensor:  # fmt: skip
    """``batch_norm`` of each example by itself. Source: ``torch.instance_norm``."""
    return normalization.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


@public("layer_norm", methods=False)
def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:  # fmt: skip
    """The last dimensions with mean 0 and variance 1. Source: ``torch.layer_norm``."""
    return normalization.layer_norm(input, normalized_shape, weight, bias, eps)


@public("group_norm", methods=False)
def group_norm(
    input: Tensor, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    """Groups of channels with mean 0 and variance 1. Source: ``torch.group_norm``."""
    return normalization.group_norm(input, num_groups, weight, bias, eps)


# --------------------------------------------------------------------------------------- by chance
@public("dropout", methods=False)
def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Elements zero at random. Source: ``torch.dropout``."""
    return dropping.dropout(input, p, train)


@public("dropout_", methods=False)
def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """``dropout`` in place. Source: ``torch.dropout_``."""
    return dropping.dropout(input, p, train, True)


@public("feature_dropout", methods=False)
def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Channels zero at random. Source: ``torch.feature_dropout``."""
    return dropping.channels(input, p, train, False)


@public("alpha_dropout", methods=False)
def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """``dropout`` for what SELU makes. Source: ``torch.alpha_dropout``."""
    return dropping.alpha_dropout(input, p, train)


@public("feature_alpha_dropout", methods=False)
def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """``alpha_dropout`` of channels. Source: ``torch.feature_alpha_dropout``."""
    return dropping.feature_alpha_dropout(input, p, train)
