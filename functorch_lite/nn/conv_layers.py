"""Convolutional layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from functorch_lite import random
from functorch_lite.errors import ShapeError
from functorch_lite.nn import initializers
from functorch_lite.nn.checks import as_float, check_vector
from functorch_lite.nn.conv import convolve, convolve_transposed
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.sizes import per_dimension

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

Sizes = int | tuple[int, ...]


def Conv1d(
    in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1,
    padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1, bias: bool = True,
) -> Layer:  # fmt: skip
    """A convolution over one dimension; arguments as :func:`Conv2d`.

    >>> import functorch_lite as fl
    >>> Conv1d(3, 4, 5).init(fl.random.key(0))["weight"].shape
    (4, 3, 5)

    Source: ``torch.nn.Conv1d``.
    """
    sizes = (in_channels, out_channels, kernel_size)
    return _convolution("Conv1d", 1, sizes, stride, padding, dilation, groups, bias)


def Conv2d(
    in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1,
    padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1, bias: bool = True,
) -> Layer:  # fmt: skip
    """A convolution over two dimensions; stateless.

    Parameters: ``weight`` f32[out, in / groups, *kernel] and ``bias`` f32[out], uniform over
    ±1/sqrt(in / groups * elements of the kernel).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: size of the kernel, one for all dimensions or one for each.
        stride, padding, dilation, groups: as in :func:`conv2d`.
        bias: whether to add a bias.

    Returns:
        Layer with ``apply(params, x: f[batch, in, *sizes]) -> f[batch, out, *sizes']``; the batch
        may be left out.

    Raises:
        ShapeError: ``apply`` got an input of other channels, or smaller than the kernel.
        DtypeError: ``apply`` got integers, or another dtype than that of the parameters.
        ValueError: groups that do not divide the channels, or other arguments without meaning.

    >>> import functorch_lite as fl
    >>> layer = Conv2d(3, 4, 3, stride=2, padding=1)
    >>> params = layer.init(fl.random.key(0))
    >>> params["weight"].shape, params["bias"].shape
    ((4, 3, 3, 3), (4,))
    >>> layer.apply(params, fl.numpy.ones((2, 3, 8, 8))).shape
    (2, 4, 4, 4)

    Source: ``torch.nn.Conv2d``.
    """
    sizes = (in_channels, out_channels, kernel_size)
    return _convolution("Conv2d", 2, sizes, stride, padding, dilation, groups, bias)


def Conv3d(
    in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1,
    padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1, bias: bool = True,
) -> Layer:  # fmt: skip
    """A convolution over three dimensions; arguments as :func:`Conv2d`.

    >>> Conv3d(4, 8, (1, 3, 3), groups=2)
    Conv3d(4, 8, kernel_size=(1, 3, 3), groups=2)

    Source: ``torch.nn.Conv3d``.
    """
    sizes = (in_channels, out_channels, kernel_size)
    return _convolution("Conv3d", 3, sizes, stride, padding, dilation, groups, bias)


def ConvTranspose1d(
    in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, bias: bool = True, dilation: Sizes = 1,
) -> Layer:  # fmt: skip
    """A transposed convolution over one dimension; arguments as :func:`ConvTranspose2d`.

    >>> ConvTranspose1d(3, 4, 5, stride=2)
    ConvTranspose1d(3, 4, kernel_size=(5,), stride=2)

    Source: ``torch.nn.ConvTranspose1d``.
    """
    sizes = (in_channels, out_channels, kernel_size)
    return _transposed(
        "ConvTranspose1d", 1, sizes, stride, padding, output_padding, dilation, groups, bias
    )


def ConvTranspose2d(
    in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, bias: bool = True, dilation: Sizes = 1,
) -> Layer:  # fmt: skip
    """A transposed convolution over two dimensions; stateless.

    Parameters: ``weight`` f32[in, out / groups, *kernel] and ``bias`` f32[out], uniform over
    ±1/sqrt(out / groups * elements of the kernel), which is what PyTorch draws.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: size of the kernel, one for all dimensions or one for each.
        stride, padding, output_padding, groups, dilation: as in :func:`conv_transpose2d`.
        bias: whether to add a bias.

    Returns:
        Layer with ``apply(params, x: f[batch, in, *sizes]) -> f[batch, out, *sizes']``; the batch
        may be left out.

    Raises:
        ShapeError: ``apply`` got an input of other channels, or too small for the padding.
        DtypeError: ``apply`` got integers, or another dtype than that of the parameters.
        ValueError: groups that do not divide the channels, or other arguments without meaning.

    >>> import functorch_lite as fl
    >>> layer = ConvTranspose2d(4, 3, 2, stride=2)
    >>> layer.apply(layer.init(fl.random.key(0)), fl.numpy.ones((4, 5, 5))).shape
    (3, 10, 10)

    Source: ``torch.nn.ConvTranspose2d``.
    """
    sizes = (in_channels, out_channels, kernel_size)
    return _transposed(
        "ConvTranspose2d", 2, sizes, stride, padding, output_padding, dilation, groups, bias
    )


def ConvTranspose3d(
    in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, bias: bool = True, dilation: Sizes = 1,
) -> Layer:  # fmt: skip
    """A transposed convolution over three dimensions; arguments as :func:`ConvTranspose2d`.

    >>> import functorch_lite as fl
    >>> ConvTranspose3d(4, 6, 2, groups=2).init(fl.random.key(0))["weight"].shape
    (4, 3, 2, 2, 2)

    Source: ``torch.nn.ConvTranspose3d``.
    """
    sizes = (in_channels, out_channels, kernel_size)
    return _transposed(
        "ConvTranspose3d", 3, sizes, stride, padding, output_padding, dilation, groups, bias
    )


# --------------------------------------------------------------------------------- what they share
def _convolution(
    kind: str, ndim: int, sizes: tuple[int, int, Sizes], stride: Sizes, padding: Sizes | str,
    dilation: Sizes, groups: int, bias: bool,
) -> Layer:  # fmt: skip
    channels, outputs, kernel = _sizes(kind, ndim, sizes, groups)
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    name = _name(kind, channels, outputs, kernel, settings, bias)

    shape = (outputs, channels // groups, *kernel)

    def apply(params: dict[str, Array], x: Array) -> Array:
        weight, shift = params["weight"], params["bias"] if bias else None
        x = _checked(name, ndim, channels, x, weight, shape)
        return convolve(name, ndim, x, weight, shift, stride, padding, dilation, groups)

    return Layer(_init(outputs, shape, bias), apply, name)


def _transposed(
    kind: str, ndim: int, sizes: tuple[int, int, Sizes], stride: Sizes, padding: Sizes,
    output_padding: Sizes, dilation: Sizes, groups: int, bias: bool,
) -> Layer:  # fmt: skip
    channels, outputs, kernel = _sizes(kind, ndim, sizes, groups)
    settings = {
        "stride": stride, "padding": padding, "output_padding": output_padding,
        "dilation": dilation, "groups": groups,
    }  # fmt: skip
    name = _name(kind, channels, outputs, kernel, settings, bias)

    shape = (channels, outputs // groups, *kernel)

    def apply(params: dict[str, Array], x: Array) -> Array:
        weight, shift = params["weight"], params["bias"] if bias else None
        x = _checked(name, ndim, channels, x, weight, shape)
        return convolve_transposed(
            name, ndim, x, weight, shift, stride, padding, output_padding, groups, dilation
        )

    return Layer(_init(outputs, shape, bias), apply, name)


def _sizes(
    kind: str, ndim: int, sizes: tuple[int, int, Sizes], groups: int
) -> tuple[int, int, tuple[int, ...]]:
    channels, outputs, kernel = sizes
    if groups < 1 or channels % groups or outputs % groups:
        raise ValueError(
            f"nn.{kind}: groups must be positive and divide in_channels and out_channels; got "
            f"groups={groups} for {channels} and {outputs}."
        )
    return channels, outputs, per_dimension(kind, "kernel_size", kernel, ndim, 1)


def _name(
    kind: str, channels: int, outputs: int, kernel: tuple[int, ...], settings: dict[str, Any],
    bias: bool,
) -> str:  # fmt: skip
    """The constructor's call, with the settings that are not the default."""
    usual = {"padding": 0, "output_padding": 0}
    told = [f"{k}={v!r}" for k, v in settings.items() if v != usual.get(k, 1)]
    told += [] if bias else ["bias=False"]
    return f"{kind}({', '.join([f'{channels}, {outputs}, kernel_size={kernel}', *told])})"


def _checked(
    name: str, ndim: int, channels: int, x: Array, weight: Array, shape: tuple[int, ...]
) -> Array:
    """The input, if it and the weight are the layer's."""
    check_vector(name, "weight", weight, shape)
    x = as_float(name, x, or_complex=True)
    if x.ndim not in (ndim + 1, ndim + 2) or x.shape[-ndim - 1] != channels:
        raise ShapeError(
            f"nn.{name}: expected x of shape [batch, {channels}, *sizes] or [{channels}, *sizes] "
            f"with {ndim} sizes; got {tuple(x.shape)}. Remedy: fnp.moveaxis puts the channels "
            "there, or make the layer for these."
        )
    return x


def _init(outputs: int, shape: tuple[int, ...], bias: bool) -> Any:
    # PyTorch calls kaiming_uniform(a=sqrt(5)), which is uniform over ±1/sqrt(fan in).
    initialize_weight = initializers.kaiming_uniform(a=math.sqrt(5.0))
    bound = 1 / math.sqrt(max(math.prod(shape[1:]), 1))

    def init(key: Any) -> dict[str, Array]:
        keys = random.split(key)
        params = {"weight": initialize_weight(keys[0], shape)}
        if bias:
            params["bias"] = initializers.uniform(-bound, bound)(keys[1], (outputs,))
        return params

    return init
