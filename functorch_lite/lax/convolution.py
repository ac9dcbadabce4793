"""Convolutions under their lax names, in any layout, over the one op ``conv``."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.lax.conv_dimensions import (
    ConvDimensionNumbers,
    as_pairs,
    conv_dimension_numbers,
    factors,
    padtype_to_pads,
    transposed_padding,
)
from functorch_lite.lax.precision import sums_in
from functorch_lite.numpy.convert import as_array, cast


def conv_general_dilated(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Any,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """Convolution with n spatial dimensions; the kernel is not reversed.

    Args:
        lhs: array[batch, channels, *spatial], or another layout by ``dimension_numbers``.
        rhs: the kernel, array[outputs, channels / feature_group_count, *window], of the same dtype.
        window_strides: n steps of the window.
        padding: "VALID", "SAME", "SAME_LOWER", or n pairs (low, high), negative ones cutting off.
        lhs_dilation: n factors; factor - 1 zeros stand between the elements of lhs.
        rhs_dilation: n factors; factor - 1 zeros stand between the elements of rhs.
        dimension_numbers: None, three layouts such as ("NHWC", "HWIO", "NHWC"), three tuples of
            axes, or :class:`ConvDimensionNumbers`.
        feature_group_count: number of groups of channels that are convolved each by itself.
        batch_group_count: number of groups of examples that are convolved each by itself; at most
            one of the two counts is larger than 1.
        precision: a PrecisionLike; sums are made in its accumulation type where that is wider.
        preferred_element_type: dtype to compute in and to return.

    Returns:
        array[batch / batch_group_count, outputs, *sizes], or another layout; each size is
        (padded size - dilated window) // stride + 1, or 0 where the window is too large.

    Raises:
        ShapeError: sizes, ranks, group counts or params that do not fit.
        DtypeError: operands of different dtypes, or bools.
        TypeError, ValueError: dimension numbers or padding that cannot be read.

    >>> from functorch_lite import lax
    >>> x, w = lax.full((1, 3, 8, 8), 1.0), lax.full((4, 3, 3, 3), 1.0)
    >>> conv_general_dilated(x, w, (2, 2), "SAME").shape
    (1, 4, 4, 4)
    """
    x, w = operands("conv_general_dilated", lhs, rhs, preferred_element_type)
    kept, wide = x.dtype, sums_in("conv_general_dilated", precision, x.dtype)
    x, w = (x, w) if wide == kept else (cast(x, wide), cast(w, wide))
    lhs_spec, rhs_spec, out_spec = conv_dimension_numbers(x.shape, w.shape, dimension_numbers)
    ndim = x.ndim - 2
    strides = factors("conv_general_dilated", "window_strides", window_strides, ndim)
    if isinstance(padding, str) and any(d != 1 for d in lhs_dilation or ()):
        raise ValueError(
            f"lax.conv_general_dilated: padding {padding!r} has no meaning with lhs_dilation "
            f"{tuple(lhs_dilation or ())}. Remedy: conv_transpose, or a pair (low, high) per "
            "dimension."
        )
    x_dilation = factors("conv_general_dilated", "lhs_dilation", lhs_dilation, ndim)
    w_dilation = factors("conv_general_dilated", "rhs_dilation", rhs_dilation, ndim)
    x, w = _permuted(x, lhs_spec), _permuted(w, rhs_spec)
    if isinstance(padding, str):
        window = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], w_dilation, strict=True)]
        padding = padtype_to_pads(x.shape[2:], window, strides, padding)
    pads = as_pairs(padding, ndim)
    features, batches = operator.index(feature_group_count), operator.index(batch_group_count)
    _check_groups(x.shape, w.shape, features, batches)
    x = _in_groups(x, 0, batches) if batches > 1 else _in_groups(x, 1, features)
    w = _in_groups(w, 0, batches * features)
    out = ops.conv(
        x, w, strides=strides, padding=pads, x_dilation=x_dilation, w_dilation=w_dilation
    )
    out = ops.reshape(out, shape=out.shape[1:]) if out.shape[0] == 1 else _out_of_groups(out)
    return _permuted(cast(out, kept), tuple(out_spec.index(i) for i in range(ndim + 2)))


def operands(fun: str, lhs: Any, rhs: Any, dtype: Any = None) -> tuple[Array, Array]:
    """Both operands as arrays of one dtype.

    Raises:
        DtypeError: they have two.
    """
    x, w = as_array(lhs, fun, "lhs"), as_array(rhs, fun, "rhs")
    if x.dtype != w.dtype:
        raise DtypeError(
            f"lax.{fun}: operands must have one dtype, got {x.dtype.name} and {w.dtype.name}. "
            "Remedy: convert_element_type."
        )
    return (x, w) if dtype is None else (cast(x, canonical(dtype)), cast(w, canonical(dtype)))


def _check_groups(x: tuple[int, ...], w: tuple[int, ...], features: int, batches: int) -> None:
    if features < 1 or batches < 1 or features > 1 < batches:
        raise ShapeError(
            "lax.conv_general_dilated: feature_group_count and batch_group_count must be positive "
            f"and at most one of them above 1; got {features} and {batches}."
        )
    for what, size, count, name in (
        ("channels of lhs", x[1], features, "feature_group_count"),
        ("outputs of rhs", w[0], features, "feature_group_count"),
        ("examples of lhs", x[0], batches, "batch_group_count"),
        ("outputs of rhs", w[0], batches, "batch_group_count"),
    ):
        if size % count:
            raise ShapeError(
                f"lax.conv_general_dilated: the {size} {what} are no multiple of {name}={count}. "
                f"Remedy: {name}={math.gcd(size, count)}, or {size + -size % count} {what}."
            )
    if x[1] != w[1] * features:
        if w[1] and x[1] % w[1] == 0 and w[0] % (x[1] // w[1]) == 0 and batches == 1:
            remedy = f"feature_group_count={x[1] // w[1]}, which fits these operands; or"
        else:
            remedy = f"a rhs of shape ({w[0]}, {x[1] // features}, *window); or"
        raise ShapeError(
            f"lax.conv_general_dilated: rhs must have {x[1] // features} input channels, the "
            f"{x[1]} of lhs divided by feature_group_count={features}; it has {w[1]}. Remedy: "
            f"{remedy} check dimension_numbers, by which lhs is (batch, channels, *spatial) and "
            "rhs (outputs, channels, *window)."
        )


def _permuted(x: Array, perm: tuple[int, ...]) -> Array:
    return x if perm == tuple(range(x.ndim)) else ops.transpose(x, perm=perm)


def _in_groups(x: Array, axis: int, groups: int) -> Array:
    """x with ``groups`` taken out of an axis and put in front."""
    if groups == 1:
        return ops.reshape(x, shape=(1, *x.shape))
    split = (*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])
    out = ops.reshape(x, shape=split)
    return _permuted(out, (axis, *(i for i in range(out.ndim) if i != axis)))


def _out_of_groups(out: Array) -> Array:
    """(groups, batch, outputs, *sizes) -> (batch, groups * outputs, *sizes)."""
    out = ops.transpose(out, perm=(1, 0, *range(2, out.ndim)))
    batch, groups, outputs, *sizes = out.shape
    return ops.reshape(out, shape=(batch, groups * outputs, *sizes))


# ------------------------------------------------------------------------------- by other arguments
def conv(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Any,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """:func:`conv_general_dilated` of array[batch, channels, …] by array[outputs, channels, …].

    >>> from functorch_lite import lax
    >>> x = lax.full((1, 1, 4), 1.0)
    >>> conv(x, x, (1,), "SAME")
    Array([[[3., 4., 3., 2.]]], dtype=float32)
    """
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, precision=precision,
        preferred_element_type=preferred_element_type,
    )  # fmt: skip


def conv_with_general_padding(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Any,
    lhs_dilation: Sequence[int] | None,
    rhs_dilation: Sequence[int] | None,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """:func:`conv_general_dilated` of array[batch, channels, …], with dilations.

    >>> from functorch_lite import lax
    >>> x = lax.full((1, 1, 4), 1.0)
    >>> conv_with_general_padding(x, x, (1,), [(3, 3)], (2,), None).shape
    (1, 1, 10)
    """
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, precision=precision,
        preferred_element_type=preferred_element_type,
    )  # fmt: skip


_CHANNELS_LAST = {
    2: ("NC", "IO", "NC"), 3: ("NHC", "HIO", "NHC"), 4: ("NHWC", "HWIO", "NHWC"),
    5: ("NHWDC", "HWDIO", "NHWDC"),
}  # fmt: skip


def conv_transpose(
    lhs: Any,
    rhs: Any,
    strides: Sequence[int],
    padding: Any,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    transpose_kernel: bool = False,
    precision: Any = None,
    preferred_element_type: Any = None,
    use_consistent_padding: bool = False,
) -> Array:
    """Convolution with a fractional stride, which enlarges its operand.

    Args:
        lhs: array[batch, *spatial, channels], or another layout by ``dimension_numbers``.
        rhs: the kernel, array[*window, channels, outputs].
        strides: n factors by which the spatial dimensions grow.
        padding: "SAME" or "VALID", of the convolution that this one transposes; or n pairs.
        rhs_dilation: n factors; factor - 1 zeros stand between the elements of rhs.
        dimension_numbers: as in :func:`conv_general_dilated`; channels last by default.
        transpose_kernel: reverse the window and exchange channels and outputs of rhs, which makes
            this the gradient of a convolution with that kernel.
        precision: a PrecisionLike; sums are made in its accumulation type where that is wider.
        preferred_element_type: dtype to compute in and to return.
        use_consistent_padding: read pairs like the words, as the padding of the convolution that
            this one transposes; otherwise they pad the dilated lhs.

    Returns:
        array[batch, *sizes, outputs], or another layout.

    >>> from functorch_lite import lax
    >>> x, w = lax.full((1, 4, 2), 1.0), lax.full((3, 2, 5), 1.0)
    >>> conv_transpose(x, w, (2,), "SAME").shape
    (1, 8, 5)
    """
    x, w = operands("conv_transpose", lhs, rhs, preferred_element_type)
    if dimension_numbers is None:
        dimension_numbers = _CHANNELS_LAST.get(x.ndim)
        if dimension_numbers is None:
            raise ShapeError(
                f"lax.conv_transpose: no layout is agreed upon for lhs of shape {x.shape}. Remedy: "
                "dimension_numbers=..., e.g. ConvDimensionNumbers."
            )
    numbers: ConvDimensionNumbers = conv_dimension_numbers(x.shape, w.shape, dimension_numbers)
    outputs, channels, *window = numbers.rhs_spec
    ndim = x.ndim - 2
    steps = factors("conv_transpose", "strides", strides, ndim)
    if use_consistent_padding or (isinstance(padding, str) and padding in ("SAME", "VALID")):
        dilation = factors("conv_transpose", "rhs_dilation", rhs_dilation, ndim)
        reach = [(w.shape[i] - 1) * d + 1 for i, d in zip(window, dilation, strict=True)]
        given = [padding] * ndim if isinstance(padding, str) else as_pairs(padding, ndim)
        padding = [transposed_padding(k, s, p) for k, s, p in zip(reach, steps, given, strict=True)]
    if transpose_kernel:
        perm = list(range(w.ndim))
        perm[outputs], perm[channels] = channels, outputs
        w = ops.transpose(ops.flip(w, axes=tuple(window)), perm=tuple(perm))
    return conv_general_dilated(
        x, w, (1,) * ndim, padding, steps, rhs_dilation, numbers, precision=precision
    )
