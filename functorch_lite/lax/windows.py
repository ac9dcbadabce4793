"""jax.lax's reductions over windows that slide along the axes of an array."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core import tree
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import float32, is_float
from functorch_lite.errors import ShapeError
from functorch_lite.lax.conv_dimensions import padtype_to_pads
from functorch_lite.lax.monoids import elementwise_by, fold_one, init_for, is_identity, monoid_of
from functorch_lite.numpy.convert import as_array, cast, const, constant, fill
from functorch_lite.numpy.shapes import broadcast_to
from functorch_lite.ops.window_geometry import Axis, axes_of

__all__ = [
    "reduce_window",
    "reduce_window_argmax",
    "reduce_window_argmin",
    "reduce_window_max",
    "reduce_window_min",
    "reduce_window_sum",
]

Params = dict[str, Any]


# -------------------------------------------------------------------------------------- arguments
def _per_axis(fun: str, what: str, given: Any, ndim: int) -> tuple[int, ...]:
    if given is None:
        return (1,) * ndim
    if not isinstance(given, Iterable):
        raise TypeError(
            f"lax.{fun}: {what} must be a sequence of {ndim} ints, one per axis; got {given!r}."
        )
    sizes = tuple(map(operator.index, given))
    if len(sizes) != ndim or min(sizes, default=1) < 1:
        raise ShapeError(
            f"lax.{fun}: {what} must hold one int of at least 1 for each of the {ndim} axes of the "
            f"operand; got {sizes}. Remedy: 1 leaves an axis as it is."
        )
    return sizes


def _pads(fun: str, padding: Any, sizes: Sequence[Axis]) -> tuple[tuple[int, int], ...]:
    """(low, high) per axis, from pairs or from one of XLA's words."""
    if isinstance(padding, int):
        listed = ", ".join([f"({padding}, {padding})"] * len(sizes))
        raise TypeError(
            f"lax.{fun}: padding must be 'SAME', 'SAME_LOWER', 'VALID' or one (low, high) pair for "
            f"each of the {len(sizes)} axes of the operand; got {padding}. Remedy: padding="
            f"[{listed}], with (0, 0) for axes that get none."
        )
    if not isinstance(padding, str):
        pairs = tuple(tuple(map(operator.index, pair)) for pair in padding)
        if len(pairs) != len(sizes) or any(len(pair) != 2 for pair in pairs):
            raise ShapeError(
                f"lax.{fun}: padding must be 'SAME', 'SAME_LOWER', 'VALID' or one (low, high) pair "
                f"for each of the {len(sizes)} axes of the operand; got {padding!r}."
            )
        return tuple((low, high) for low, high in pairs)
    if padding.upper() not in ("SAME", "SAME_LOWER", "VALID"):
        raise ValueError(
            f"lax.{fun}: padding must be 'SAME', 'SAME_LOWER', 'VALID' or pairs; got {padding!r}."
        )
    return tuple(
        padtype_to_pads(
            [axis.spread for axis in sizes], [axis.reach for axis in sizes],
            [axis.stride for axis in sizes], padding,
        )
    )  # fmt: skip


def window_params(
    fun: str,
    shape: tuple[int, ...],
    window_dimensions: Any,
    window_strides: Any,
    padding: Any,
    base_dilation: Any,
    window_dilation: Any,
) -> Params:
    """The params of a windowed op."""
    ndim = len(shape)
    if window_dimensions is None:
        raise TypeError(f"lax.{fun}: window_dimensions must be a sequence of ints; got None.")
    params: Params = {
        "window": _per_axis(fun, "window_dimensions", window_dimensions, ndim),
        "strides": _per_axis(fun, "window_strides", window_strides, ndim),
        "base_dilation": _per_axis(fun, "base_dilation", base_dilation, ndim),
        "window_dilation": _per_axis(fun, "window_dilation", window_dilation, ndim),
    }
    params["padding"] = _pads(fun, padding, axes_of(shape, padding=((0, 0),) * ndim, **params))
    return params


# ----------------------------------------------------------------------------------- reduce_window
def reduce_window(
    operand: Any,
    init_value: Any,
    computation: Callable[[Any, Any], Any],
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:
    """Windows that slide over an array, each reduced to one element.

    A window starts with ``init_value`` and takes in its elements in row-major order; padding and
    the gaps of a dilation hold none. Sums, products, extrema and, of bools, ``and`` and ``or`` (of
    this module, of ``functorch_lite.numpy`` or of ``operator``) are recognised and cost little; any
    other function is mapped over the windows, one place of the window after the other.

    Args:
        operand: array of any rank, or a pytree of arrays of one shape.
        init_value: scalar, or a pytree of scalars of that structure, converted to the operand's
            dtype.
        computation: ``computation(reduced, element)`` of scalars (or pytrees of them), which gives
            a scalar of the same dtype.
        window_dimensions: size of the window along every axis.
        window_strides: by how much it moves; 1 by default.
        padding: ``"VALID"`` (none), ``"SAME"`` (ceil(size / stride) windows), ``"SAME_LOWER"``
            (the odd place at the lower end), or (low, high) pairs; negative ones cut off.
        base_dilation: distance at which the operand's elements are put; 1 by default.
        window_dilation: distance between the places of the window; 1 by default.

    Returns:
        array, or pytree of arrays, with one element per window.

    Raises:
        ShapeError: an argument has not one entry per axis, or operands differ in shape.
        DtypeError: ``computation`` returns another dtype.
        TreeError: the structures of operand, init_value and result differ.

    >>> import functorch_lite.numpy as fnp
    >>> x = fnp.asarray([1.0, 4.0, 2.0, 3.0])
    >>> reduce_window(x, -fnp.inf, fnp.maximum, (2,), (2,))
    Array([4., 3.], dtype=float32)
    >>> reduce_window(x, 0.0, lambda total, element: total + element**2, (3,), padding="SAME")
    Array([17., 21., 29., 13.], dtype=float32)

    Source: ``jax.lax.reduce_window``.
    """
    fun = "reduce_window"
    leaves, structure = tree.flatten(operand)
    xs = [as_array(x, fun, "operand") for x in leaves]
    if not xs:
        raise ShapeError("lax.reduce_window: operand must hold at least one array; got none.")
    for x in xs:
        if x.shape != xs[0].shape:
            raise ShapeError(
                f"lax.reduce_window: the operands must have one shape; got {xs[0].shape} and "
                f"{x.shape}. Remedy: broadcast them first."
            )
    params = window_params(
        fun, xs[0].shape, window_dimensions, window_strides, padding, base_dilation, window_dilation
    )
    inits = init_for(fun, operand, init_value, xs)
    if len(xs) == 1:
        kind = monoid_of(computation, xs[0].dtype)
        if kind is not None:
            return tree.unflatten(structure, [_monoid(kind, xs[0], inits[0], params)])
    return tree.unflatten(structure, _fold(fun, xs, inits, computation, structure, params))


def _monoid(kind: str, x: Array, init: Array, params: Params) -> Array:
    """Windows of one array under a function that is known."""
    op = {
        "add": ops.window_sum, "max": ops.window_max, "min": ops.window_min, "or": ops.window_max,
        "and": ops.window_min,
    }.get(kind)  # fmt: skip
    out = _product(x, params) if op is None else op(x, **params)
    if is_identity(kind, init):
        return out
    return fold_one(kind, broadcast_to(init, out.shape), out)


def _product(x: Array, params: Params) -> Array:
    """Products of windows, axis by axis; made of multiplications, so that its derivatives hold at
    zeros.
    """
    dtype = x.dtype
    half = is_float(dtype) and dtype.itemsize == 2
    x = cast(x, float32) if half else x
    for i, axis in enumerate(axes_of(x.shape, **params)):
        if axis.is_trivial:
            continue
        shape = (*x.shape[:i], axis.outputs, *x.shape[i + 1 :])
        if 0 in shape:
            x = fill(x, shape=shape, dtype=x.dtype, value=1)
            continue
        config = [(0, 0, 0)] * x.ndim
        config[i] = (axis.low, axis.high, axis.base_dilation - 1)
        x = ops.pad(x, const(1, x.dtype), config=tuple(config))
        factors = [_place(x, {i: axis}, {i: k}) for k in range(axis.window)]
        x = factors[0]
        for factor in factors[1:]:
            x = ops.mul(x, factor)
    return cast(x, dtype)


def _place(padded: Array, axes: dict[int, Axis], places: dict[int, int]) -> Array:
    """What stands, in padded operands, at one place of all windows."""
    start, stop, step = [0] * padded.ndim, list(padded.shape), [1] * padded.ndim
    for i, axis in axes.items():
        start[i] = places[i] * axis.window_dilation
        stop[i] = start[i] + (axis.outputs - 1) * axis.stride + 1
        step[i] = axis.stride
    return ops.slice(padded, start=tuple(start), stop=tuple(stop), step=tuple(step))


def _fold(
    fun: str,
    xs: list[Array],
    inits: list[Array],
    computation: Callable[[Any, Any], Any],
    structure: Any,
    params: Params,
) -> list[Array]:
    """Windows under any function, one place after the other."""
    from_axes = axes_of(xs[0].shape, **params)
    axes = dict(enumerate(from_axes))
    shape = tuple(axis.outputs for axis in from_axes)
    reduced = [broadcast_to(init, shape) for init in inits]
    if math.prod(shape) == 0:
        return reduced
    config = tuple((a.low, a.high, a.base_dilation - 1) for a in from_axes)
    padded = [ops.pad(x, init, config=config) for x, init in zip(xs, inits, strict=True)]
    step = elementwise_by(fun, computation, structure, [x.dtype for x in xs])
    for places in np.ndindex(params["window"]):
        mask = _met(from_axes, places)
        if not mask.any():
            continue
        elements = [_place(x, axes, dict(enumerate(places))) for x in padded]
        new = step(reduced, elements)
        if not mask.all():
            met = constant(reduced[0], np.broadcast_to(mask, shape), fun)
            new = [ops.select(met, n, r) for n, r in zip(new, reduced, strict=True)]
        reduced = new
    return reduced


def _met(axes: Sequence[Axis], places: tuple[int, ...]) -> np.ndarray:
    """bool, of the rank of the answer: which windows have an element at this place."""
    mask = np.ones((1,) * len(axes), np.bool_)
    for i, (axis, place) in enumerate(zip(axes, places, strict=True)):
        line = np.zeros(axis.outputs, np.bool_)
        found = axis.meeting(place)
        if found is not None:
            line[found[0]] = True
        mask = mask & line.reshape((1,) * i + (-1,) + (1,) * (len(axes) - i - 1))
    return mask


# ---------------------------------------------------------------------------- one function by name
def _named(name: str, op: Any, line: str, example: str) -> Any:
    def fn(
        operand: Any,
        window_dimensions: Sequence[int],
        window_strides: Sequence[int] | None = None,
        padding: str | Sequence[tuple[int, int]] = "VALID",
        base_dilation: Sequence[int] | None = None,
        window_dilation: Sequence[int] | None = None,
    ) -> Array:
        x = as_array(operand, name, "operand")
        params = window_params(
            name, x.shape, window_dimensions, window_strides, padding, base_dilation,
            window_dilation,
        )  # fmt: skip
        return op(x, **params)

    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = (
        f"{line}; the other arguments are those of :func:`reduce_window`.\n\n"
        f">>> import functorch_lite.numpy as fnp\n>>> {name}(fnp.arange(4), (2,))\n{example}\n"
    )
    return fn


reduce_window_sum = _named(
    "reduce_window_sum", ops.window_sum, "Sum of each window", "Array([1, 3, 5], dtype=int64)"
)
reduce_window_max = _named(
    "reduce_window_max",
    ops.window_max,
    "Largest element of each window, the lowest value where it has none",
    "Array([1, 2, 3], dtype=int64)",
)
reduce_window_min = _named(
    "reduce_window_min",
    ops.window_min,
    "Smallest element of each window, the highest value where it has none",
    "Array([0, 1, 2], dtype=int64)",
)


def _named_position(name: str, op: Any, line: str, example: str) -> Any:
    def fn(
        operand: Any,
        window_dimensions: Sequence[int],
        window_strides: Sequence[int] | None = None,
        padding: str | Sequence[tuple[int, int]] = "VALID",
        base_dilation: Sequence[int] | None = None,
        window_dilation: Sequence[int] | None = None,
        *,
        batch_dims: int = 0,
    ) -> Array:
        x = as_array(operand, name, "operand")
        params = window_params(
            name, x.shape, window_dimensions, window_strides, padding, base_dilation,
            window_dilation,
        )  # fmt: skip
        return op(x, batch_dims=operator.index(batch_dims), **params)

    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = (
        f"Where {line} of each window stands: its position in row-major order among the axes after "
        "the\nfirst ``batch_dims``, along which the window must be a single element; int64. Of "
        "equal elements the\nfirst counts, of NaNs the last, as in PyTorch; -1 where a window has "
        "no element.\n\n"
        f">>> import functorch_lite.numpy as fnp\n>>> {name}(fnp.arange(4), (2,))\n{example}\n"
    )
    return fn


reduce_window_argmax = _named_position(
    "reduce_window_argmax",
    ops.window_argmax,
    "the largest element",
    "Array([1, 2, 3], dtype=int64)",
)
reduce_window_argmin = _named_position(
    "reduce_window_argmin",
    ops.window_argmin,
    "the smallest element",
    "Array([0, 1, 2], dtype=int64)",
)
