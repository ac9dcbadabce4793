"""Convolutions and transposed convolutions in one to three dimensions, as functions of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.nn.sizes import per_dimension

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

Sizes = int | tuple[int, ...]


def conv1d(
    x: Array, weight: Array, bias: Array | None = None, stride: Sizes = 1,
    padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1,
) -> Array:  # fmt: skip
    """Convolution over one dimension; arguments as :func:`conv2d`.

    >>> conv1d(fnp.ones((1, 1, 4)), fnp.ones((1, 1, 3)), padding=1)
    Array([[[2., 3., 3., 2.]]], dtype=float32)

    Source: ``torch.nn.functional.conv1d``.
    """
    return convolve("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: Array, weight: Array, bias: Array | None = None, stride: Sizes = 1,
    padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1,
) -> Array:  # fmt: skip
    """Convolution over two dimensions; the kernel is not reversed.

    Args:
        x: f[batch, in, *sizes], or f[in, *sizes].
        weight: f[out, in / groups, *kernel], PyTorch's layout, of the dtype of ``x``.
        bias: f[out].
        stride: steps of the kernel, one for all dimensions or one for each.
        padding: zeros at both ends of every dimension, one number or one for each dimension;
            "valid" for none, "same" for results of the sizes of ``x``, with stride 1 only.
        dilation: distance between elements of the kernel.
        groups: number of groups of channels, each convolved by itself.

    Returns:
        f[batch, out, *sizes'], or f[out, *sizes'], where sizes' is
        (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1.

    Raises:
        ShapeError: channels, groups or sizes that do not fit.
        DtypeError: arrays of different dtypes.
        ValueError: a stride, padding, dilation or number of groups that has no meaning.

    >>> conv2d(fnp.ones((2, 3, 8, 8)), fnp.ones((4, 3, 3, 3)), stride=2, padding=1).shape
    (2, 4, 4, 4)

    Source: ``torch.nn.functional.conv2d``.
    """
    return convolve("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(
    x: Array, weight: Array, bias: Array | None = None, stride: Sizes = 1,
    padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1,
) -> Array:  # fmt: skip
    """Convolution over three dimensions; arguments as :func:`conv2d`.

    >>> conv3d(fnp.ones((1, 4, 4, 4)), fnp.ones((2, 1, 3, 3, 3)), padding="same").shape
    (2, 4, 4, 4)

    Source: ``torch.nn.functional.conv3d``.
    """
    return convolve("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    x: Array, weight: Array, bias: Array | None = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Array:  # fmt: skip
    """Transposed convolution over one dimension; arguments as :func:`conv_transpose2d`.

    >>> conv_transpose1d(fnp.ones((1, 1, 2)), fnp.ones((1, 1, 2)), stride=3)
    Array([[[1., 1., 0., 1., 1.]]], dtype=float32)

    Source: ``torch.nn.functional.conv_transpose1d``.
    """
    return convolve_transposed(
        "conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose2d(
    x: Array, weight: Array, bias: Array | None = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Array:  # fmt: skip
    """Transposed convolution over two dimensions: the gradient of :func:`conv2d` by its input.

    Args:
        x: f[batch, in, *sizes], or f[in, *sizes].
        weight: f[in, out / groups, *kernel], PyTorch's layout, of the dtype of ``x``.
        bias: f[out].
        stride: factors by which the sizes grow, one for all dimensions or one for each.
        padding: elements that are cut off at both ends of every dimension of the result.
        output_padding: elements that are added at the end, fewer than the stride or the dilation:
            convolutions with a stride map several sizes to one, and this chooses among them.
        groups: number of groups of channels, each convolved by itself.
        dilation: distance between elements of the kernel.

    Returns:
        f[batch, out, *sizes'], or f[out, *sizes'], where sizes' is
        (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1.

    Raises:
        ShapeError: channels, groups or sizes that do not fit.
        DtypeError: arrays of different dtypes.
        ValueError: a stride, padding, dilation or number of groups that has no meaning.

    >>> conv_transpose2d(fnp.ones((2, 4, 4, 4)), fnp.ones((4, 3, 3, 3)), stride=2, padding=1,
    ...     output_padding=1).shape
    (2, 3, 8, 8)

    Source: ``torch.nn.functional.conv_transpose2d``.
    """
    return convolve_transposed(
        "conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose3d(
    x: Array, weight: Array, bias: Array | None = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Array:  # fmt: skip
    """Transposed convolution over three dimensions; arguments as :func:`conv_transpose2d`.

    >>> conv_transpose3d(fnp.ones((1, 2, 2, 2)), fnp.ones((1, 2, 2, 2, 2)), stride=2).shape
    (2, 4, 4, 4)

    Source: ``torch.nn.functional.conv_transpose3d``.
    """
    return convolve_transposed(
        "conv_transpose3d", 3, x, weight, bias, stride, padding, output_padding, groups, dilation
    )


# ---------------------------------------------------------------------------- in any number of them
def convolve(
    name: str, ndim: int, x: Array, weight: Array, bias: Array | None, stride: Sizes,
    padding: Sizes | str, dilation: Sizes, groups: int,
) -> Array:  # fmt: skip
    """The convolutions above; ``name`` is what messages call the function or layer."""
    strides = per_dimension(name, "stride", stride, ndim, 1)
    dilations = per_dimension(name, "dilation", dilation, ndim, 1)
    batched = _check(name, ndim, x, weight, bias, groups, transposed=False)
    reach = [d * (k - 1) for d, k in zip(dilations, weight.shape[2:], strict=True)]
    pads = _pads(name, ndim, padding, strides, reach)
    sizes = x.shape[-ndim:]
    for n, (low, high), r in zip(sizes, pads, reach, strict=True):
        if n + low + high <= r:
            raise ShapeError(
                f"nn.{name}: the kernel of size {tuple(weight.shape[2:])} with dilation "
                f"{dilations} is larger than the sizes {tuple(sizes)} of x with padding {pads}. "
                "Remedy: more padding, or a smaller kernel."
            )
    out = lax.conv_general_dilated(
        x if batched else x[None], weight, strides, pads, rhs_dilation=dilations,
        feature_group_count=groups,
    )  # fmt: skip
    return _finished(out, bias, ndim, batched)


def convolve_transposed(
    name: str, ndim: int, x: Array, weight: Array, bias: Array | None, stride: Sizes,
    padding: Sizes, output_padding: Sizes, groups: int, dilation: Sizes,
) -> Array:  # fmt: skip
    """The transposed convolutions above; ``name`` is what messages call the function or layer."""
    strides = per_dimension(name, "stride", stride, ndim, 1)
    dilations = per_dimension(name, "dilation", dilation, ndim, 1)
    cut = per_dimension(name, "padding", padding, ndim, 0)
    extra = per_dimension(name, "output_padding", output_padding, ndim, 0)
    batched = _check(name, ndim, x, weight, bias, groups, transposed=True)
    if any(e >= max(s, d) for e, s, d in zip(extra, strides, dilations, strict=True)):
        raise ValueError(
            f"nn.{name}: output_padding {extra} must be smaller than the stride {strides} or the "
            f"dilation {dilations} in every dimension."
        )
    reach = [d * (k - 1) for d, k in zip(dilations, weight.shape[2:], strict=True)]
    pads = [(r - c, r - c + e) for r, c, e in zip(reach, cut, extra, strict=True)]
    sizes = x.shape[-ndim:]
    outs = [
        (n - 1) * s - 2 * c + r + e + 1
        for n, s, c, r, e in zip(sizes, strides, cut, reach, extra, strict=True)
    ]
    if min(outs) < 1 or 0 in sizes:
        raise ShapeError(
            f"nn.{name}: x of sizes {tuple(sizes)} gives a result of sizes {tuple(outs)} with "
            f"stride {strides} and padding {cut}. Remedy: less padding, or a larger x."
        )
    channels, each = weight.shape[:2]
    kernel = weight.shape[2:]
    weight = fnp.flip(weight, tuple(range(2, 2 + ndim)))
    weight = weight.reshape(groups, channels // groups, each, *kernel).swapaxes(1, 2)
    out = lax.conv_general_dilated(
        x if batched else x[None], weight.reshape(groups * each, channels // groups, *kernel),
        (1,) * ndim, pads, lhs_dilation=strides, rhs_dilation=dilations,
        feature_group_count=groups,
    )  # fmt: skip
    return _finished(out, bias, ndim, batched)


def _pads(
    name: str, ndim: int, padding: Sizes | str, strides: tuple[int, ...], reach: list[int]
) -> list[tuple[int, int]]:
    if padding == "valid":
        return [(0, 0)] * ndim
    if padding == "same":
        if any(s != 1 for s in strides):
            raise ValueError(
                f"nn.{name}: padding 'same' needs stride 1, got stride {strides}. Remedy: give the "
                "padding in numbers."
            )
        return [(r // 2, r - r // 2) for r in reach]
    if isinstance(padding, str):
        raise ValueError(f"nn.{name}: padding must be 'valid', 'same' or numbers; got {padding!r}.")
    return [(n, n) for n in per_dimension(name, "padding", padding, ndim, 0)]


def _check(
    name: str, ndim: int, x: Array, weight: Array, bias: Array | None, groups: int,
    transposed: bool,
) -> bool:  # fmt: skip
    """Whether x has a batch dimension, if everything fits."""
    if x.ndim not in (ndim + 1, ndim + 2):
        raise ShapeError(
            f"nn.{name}: x must have {ndim + 2} dimensions (batch, channels and {ndim} more), or "
            f"{ndim + 1} without batch; got shape {tuple(x.shape)}."
        )
    if weight.ndim != ndim + 2 or 0 in weight.shape[2:]:
        layout = "in, out / groups" if transposed else "out, in / groups"
        raise ShapeError(
            f"nn.{name}: weight must have shape [{layout}, *kernel] with {ndim} kernel sizes of at "
            f"least 1; got shape {tuple(weight.shape)}."
        )
    if groups < 1 or weight.shape[0] % groups:
        raise ValueError(
            f"nn.{name}: groups must be positive and divide the {weight.shape[0]} channels of "
            f"axis 0 of weight; got {groups}."
        )
    wanted = weight.shape[0] if transposed else weight.shape[1] * groups
    if x.shape[-ndim - 1] != wanted:
        raise ShapeError(
            f"nn.{name}: x must have {wanted} channels for a weight of shape {tuple(weight.shape)} "
            f"and groups={groups}; axis {x.ndim - ndim - 1} of x with shape {tuple(x.shape)} has "
            f"{x.shape[-ndim - 1]}."
        )
    outputs = weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and bias.shape != (outputs,):
        raise ShapeError(
            f"nn.{name}: bias must have shape {(outputs,)} for a weight of shape "
            f"{tuple(weight.shape)}; got {tuple(bias.shape)}."
        )
    dtypes = [a.dtype for a in (x, weight, bias) if a is not None]
    if any(d != dtypes[0] for d in dtypes):
        raise DtypeError(
            f"nn.{name}: x, weight and bias must have one dtype; got "
            f"{', '.join(d.name for d in dtypes)}. Remedy: x.astype(weight.dtype)."
        )
    return x.ndim == ndim + 2


def _finished(out: Array, bias: Array | None, ndim: int, batched: bool) -> Array:
    out = out if bias is None else out + bias.reshape(-1, *(1,) * ndim)
    return out if batched else out[0]
