"""Gradients of convolutions by their inputs and weights. Source: ``torch.nn.grad``."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.grad_mode import enable_grad, is_grad_enabled
from functorch_lite.torch._core.gradients import grad as _gradients
from functorch_lite.torch.nn._functional import convolution

__all__ = [
    "conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input",
    "conv3d_weight",
]  # fmt: skip


def _gradient(count: int, x: Any, weight: Any, by: Any, g: Any, *how: Any) -> Any:
    create = is_grad_enabled()
    with enable_grad():
        conv = getattr(convolution, f"conv{count}d")
        out = conv(x, weight, None, *how)
        if out.shape != g.shape:
            raise RuntimeError(
                f"conv{count}d: expected grad_output of shape {list(out.shape)}, the convolution's "
                f"result, but got {list(g.shape)}"
            )
        return _gradients(out, by, g, create_graph=create)[0]


def _by_input(count: int, size: Any, weight: Any, g: Any, *how: Any) -> Any:
    # The gradient is linear: at which input it is taken does not matter.
    x = g.detach().new_zeros(tuple(size)).requires_grad_()
    return _gradient(count, x, weight, x, g, *how)


def _by_weight(count: int, x: Any, size: Any, g: Any, *how: Any) -> Any:
    w = g.detach().new_zeros(tuple(size)).requires_grad_()
    return _gradient(count, x, w, w, g, *how)


def conv1d_input(
    input_size: Any, weight: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """The gradient of ``conv1d`` by its input.

    Args:
        input_size: of the input.
        weight: of the convolution.
        grad_output: the gradient of its result.
        stride, padding, dilation, groups: of the convolution.

    Source: ``torch.nn.grad.conv1d_input``.
    """
    return _by_input(1, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(
    input: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """The gradient of ``conv1d`` by its weight.

    Args:
        input: of the convolution.
        weight_size: of the weight.
        grad_output, stride, padding, dilation, groups: as of ``conv1d_input``.

    Source: ``torch.nn.grad.conv1d_weight``.
    """
    return _by_weight(1, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Any, weight: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """As ``conv1d_input``, of ``conv2d``. Source: ``torch.nn.grad.conv2d_input``."""
    return _by_input(2, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(
    input: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """As ``conv1d_weight``, of ``conv2d``. Source: ``torch.nn.grad.conv2d_weight``."""
    return _by_weight(2, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Any, weight: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """As ``conv1d_input``, of ``conv3d``. Source: ``torch.nn.grad.conv3d_input``."""
    return _by_input(3, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(
    input: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """As ``conv1d_weight``, of ``conv3d``. Source: ``torch.nn.grad.conv3d_weight``."""
    return _by_weight(3, input, weight_size, grad_output, stride, padding, dilation, groups)
