"""Layers and the batch normalisation after them as one layer."""

from __future__ import annotations

import copy
from typing import Any

from functorch_lite.torch._object.parameter import Parameter

__all__ = [
    "fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights",
]  # fmt: skip


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A convolution that does what one and a batch normalisation do, outside of training.

    Args:
        conv: the convolution; it is copied.
        bn: with running statistics.
        transpose: whether it is a transposed convolution.

    Raises:
        AssertionError: one of them is in training, or there are no statistics.

    Source: ``torch.nn.utils.fusion.fuse_conv_bn_eval``.
    """
    if conv.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    made = copy.deepcopy(conv)
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("Expected bn.running_mean and bn.running_var to be not None")
    made.weight, made.bias = fuse_conv_bn_weights(
        made.weight, made.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
        transpose,
    )  # fmt: skip
    return made


def fuse_conv_bn_weights(
    conv_w: Any, conv_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """Weight and bias of such a convolution.

    Args:
        conv_w, conv_b: of the convolution; the bias may be None.
        bn_rm, bn_rv: running mean and variance.
        bn_eps: added to the variance.
        bn_w, bn_b: of the normalisation, each may be None.
        transpose: whether it is a transposed convolution.

    Source: ``torch.nn.utils.fusion.fuse_conv_bn_weights``.
    """
    bias = bn_rm.new_zeros(bn_rm.shape) if conv_b is None else conv_b
    scale = (bn_rv + bn_eps).rsqrt()
    if bn_w is not None:
        scale = scale * bn_w
    shape = [1, -1] if transpose else [-1, 1]
    weight = conv_w * scale.reshape(shape + [1] * (conv_w.dim() - 2)).to(conv_w.dtype)
    shifted = (bias - bn_rm) * scale
    if bn_b is not None:
        shifted = shifted + bn_b
    return (
        Parameter(weight, conv_w.requires_grad),
        Parameter(shifted.to(conv_w.dtype), bias.requires_grad),
    )


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A linear layer that does what one and a batch normalisation do, outside of training.

    Args:
        linear: the layer; it is copied.
        bn: with running statistics, of one channel or as many as the layer has outputs.

    Raises:
        AssertionError: one of them is in training, or the sizes do not go together.

    Source: ``torch.nn.utils.fusion.fuse_linear_bn_eval``.
    """
    if linear.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    made = copy.deepcopy(linear)
    if made.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1"
        )
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("Expected bn.running_mean and bn.running_var to be not None")
    made.weight, made.bias = fuse_linear_bn_weights(
        made.weight, made.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return made


def fuse_linear_bn_weights(
    linear_w: Any, linear_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any
) -> tuple[Parameter, Parameter]:
    """Weight and bias of such a linear layer; arguments as of ``fuse_conv_bn_weights``.

    Source: ``torch.nn.utils.fusion.fuse_linear_bn_weights``.
    """
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
