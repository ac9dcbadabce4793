"""Shapes, slices, reductions, contractions and sorting under their lax names."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical, int64, is_complex, is_integer
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.lax.elementwise import operands
from functorch_lite.lax.precision import sums_in
from functorch_lite.numpy.convert import (
    as_array,
    as_axes,
    as_axis,
    axes_in_order,
    cast,
    checked_shape,
    const,
)
from functorch_lite.numpy.convert import iota as beside
from functorch_lite.numpy.shapes import broadcast_to
from functorch_lite.numpy.shapes import expand_dims as _expand_dims
from functorch_lite.numpy.shapes import squeeze as _squeeze


# ---------------------------------------------------------------------------------------- creation
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Array:
    """An array of one value.

    >>> full((2,), 1.0)
    Array([1., 1.], dtype=float32)
    """
    value = as_array(fill_value, "full", "fill_value")
    value = value if dtype is None else cast(value, canonical(dtype))
    return broadcast_to(value, checked_shape(shape, "full"))


def full_like(x: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Array:
    """An array of one value, in the shape and dtype of another.

    >>> full_like(full((2,), 1.0), 3)
    Array([3., 3.], dtype=float32)
    """
    x = as_array(x, "full_like")
    return full(
        x.shape if shape is None else shape, fill_value, x.dtype if dtype is None else dtype
    )


def iota(dtype: Any, size: int) -> Array:
    """0, 1, … size - 1.

    >>> iota("int32", 3)
    Array([0, 1, 2], dtype=int32)
    """
    return ops.iota(shape=(operator.index(size),), dtype=canonical(dtype), axis=0)


def broadcasted_iota(dtype: Any, shape: Any, dimension: int) -> Array:
    """The position along one axis, in every element of ``shape``.

    >>> broadcasted_iota("int32", (2, 2), 0)
    Array([[0, 0],
           [1, 1]], dtype=int32)
    """
    sizes = checked_shape(shape, "broadcasted_iota")
    axis = as_axis(dimension, len(sizes), "broadcasted_iota")
    return ops.iota(shape=sizes, dtype=canonical(dtype), axis=axis)


# ------------------------------------------------------------------------------------------- shape
def reshape(operand: Any, new_sizes: Any, dimensions: Any = None) -> Array:
    """The same elements in another shape; ``dimensions`` permutes the axes first.

    >>> reshape(iota("int32", 4), (2, 2)).shape
    (2, 2)
    """
    x = as_array(operand, "reshape", "operand")
    x = x if dimensions is None else transpose(x, dimensions)
    return ops.reshape(x, shape=checked_shape(new_sizes, "reshape", "new_sizes"))


def transpose(operand: Any, permutation: Sequence[int]) -> Array:
    """Axes permuted.

    >>> transpose(full((2, 3), 1.0), (1, 0)).shape
    (3, 2)
    """
    x = as_array(operand, "transpose", "operand")
    return ops.transpose(x, perm=axes_in_order(tuple(permutation), x.ndim, "transpose"))


def broadcast(operand: Any, sizes: Sequence[int]) -> Array:
    """New leading axes of the given sizes.

    >>> broadcast(1.0, (2,)).shape
    (2,)
    """
    x = as_array(operand, "broadcast", "operand")
    return broadcast_to(x, (*checked_shape(sizes, "broadcast", "sizes"), *x.shape))


def broadcast_in_dim(operand: Any, shape: Any, broadcast_dimensions: Sequence[int]) -> Array:
    """The operand's axes placed at given axes of ``shape``, repeated along the others.

    Args:
        operand: array.
        shape: static sizes of the result.
        broadcast_dimensions: for each axis of the operand, its axis in the result.

    >>> broadcast_in_dim(iota("int32", 2), (2, 3), (0,)).shape
    (2, 3)
    """
    x = as_array(operand, "broadcast_in_dim", "operand")
    sizes = checked_shape(shape, "broadcast_in_dim")
    where = tuple(map(operator.index, broadcast_dimensions))
    if len(where) != x.ndim or list(where) != sorted(set(where)):
        raise ShapeError(
            f"lax.broadcast_in_dim: broadcast_dimensions {where} must name, in ascending order, "
            f"one axis of {sizes} for each axis of shape {x.shape}."
        )
    wide = [1] * len(sizes)
    for n, axis in zip(x.shape, where, strict=True):
        wide[axis] = n
    return broadcast_to(ops.reshape(x, shape=tuple(wide)), sizes)


def expand_dims(array: Any, dimensions: Sequence[int]) -> Array:
    """New axes of size 1 at the given positions of the result.

    >>> expand_dims(full((2,), 1.0), (0,)).shape
    (1, 2)
    """
    return _expand_dims(array, tuple(dimensions))


def squeeze(array: Any, dimensions: Sequence[int]) -> Array:
    """Without the named axes, which have size 1.

    >>> squeeze(full((1, 2), 1.0), (0,)).shape
    (2,)
    """
    return _squeeze(array, tuple(dimensions))


def rev(operand: Any, dimensions: Sequence[int]) -> Array:
    """Elements in reverse order along the named axes.

    >>> rev(iota("int32", 3), (0,))
    Array([2, 1, 0], dtype=int32)
    """
    x = as_array(operand, "rev", "operand")
    return ops.flip(x, axes=as_axes(tuple(dimensions), x.ndim, "rev"))


def concatenate(operands_: Sequence[Any], dimension: int) -> Array:
    """Arrays of one dtype joined along an axis.

    >>> concatenate([iota("int32", 1), iota("int32", 2)], 0)
    Array([0, 0, 1], dtype=int32)
    """
    held = [as_array(x, "concatenate", f"operands[{i}]") for i, x in enumerate(operands_)]
    return ops.concatenate(*held, axis=as_axis(dimension, held[0].ndim, "concatenate"))


def pad(operand: Any, padding_value: Any, padding_config: Any) -> Array:
    """Padding at the ends of axes and between elements; negative amounts cut off.

    Args:
        operand: array.
        padding_value: scalar.
        padding_config: (low, high, interior) for every axis.

    >>> pad(iota("int32", 2), 9, [(1, 0, 1)])
    Array([9, 0, 9, 1], dtype=int32)
    """
    x, value = operands("pad", operand, padding_value)
    config = tuple(tuple(map(operator.index, c)) for c in padding_config)
    return ops.pad(x, value, config=config)


# ------------------------------------------------------------------------------------------ slices
def slice(operand: Any, start_indices: Any, limit_indices: Any, strides: Any = None) -> Array:
    """A block between static positions, with positive steps.

    >>> slice(iota("int32", 5), (1,), (5,), (2,))
    Array([1, 3], dtype=int32)
    """
    x = as_array(operand, "slice", "operand")
    start, stop = (
        tuple(map(operator.index, start_indices)),
        tuple(map(operator.index, limit_indices)),
    )
    step = (1,) * x.ndim if strides is None else tuple(map(operator.index, strides))
    legal = len(start) == len(stop) == len(step) == x.ndim and all(
        0 <= a <= b <= n and s > 0 for a, b, s, n in zip(start, stop, step, x.shape, strict=True)
    )
    if not legal:
        raise ShapeError(
            f"lax.slice: from {start} to {stop} by {step} is no block of an array of shape "
            f"{x.shape}. Remedy: 0 <= start <= limit <= size and a positive step on every axis."
        )
    return ops.slice(x, start=start, stop=stop, step=step)


def slice_in_dim(
    operand: Any, start_index: int | None, limit_index: int | None, stride: int = 1, axis: int = 0
) -> Array:
    """``x[start:limit:stride]`` along one axis.

    >>> slice_in_dim(iota("int32", 5), 1, 3)
    Array([1, 2], dtype=int32)
    """
    x = as_array(operand, "slice_in_dim", "operand")
    i = as_axis(axis, x.ndim, "slice_in_dim")
    n = x.shape[i]
    begin = 0 if start_index is None else operator.index(start_index)
    end = n if limit_index is None else operator.index(limit_index)
    start, stop, step = [0] * x.ndim, list(x.shape), [1] * x.ndim
    start[i], stop[i] = begin + n * (begin < 0), end + n * (end < 0)
    step[i] = operator.index(stride)
    return slice(x, start, stop, step)


def index_in_dim(operand: Any, index: int, axis: int = 0, keepdims: bool = True) -> Array:
    """One position of one axis.

    >>> index_in_dim(iota("int32", 5), -1, keepdims=False)
    Array(4, dtype=int32)
    """
    x = as_array(operand, "index_in_dim", "operand")
    i = as_axis(axis, x.ndim, "index_in_dim")
    at = as_axis(index, x.shape[i], "index_in_dim")
    out = slice_in_dim(x, at, at + 1, 1, i)
    return out if keepdims else _squeeze(out, i)


def _starts(fun: str, x: Array, indices: Any) -> list[Array]:
    if isinstance(indices, Array):
        indices = list(indices)
    if len(indices) != x.ndim:
        raise ShapeError(f"lax.{fun}: {len(indices)} start indices for {x.ndim} axes.")
    return [_from_end(fun, i, n) for i, n in zip(indices, x.shape, strict=True)]


def _from_end(fun: str, index: Any, n: int) -> Array:
    if isinstance(index, int):
        return const(index + n if index < 0 else index, int64)
    i = as_array(index, fun, "index")
    if not is_integer(i.dtype) or i.dtype.kind == "u":
        return i
    negative = ops.lt(i, const(0, i.dtype))
    return ops.select(negative, ops.add(i, ops.cast(const(n, int64), dtype=i.dtype)), i)


def dynamic_slice(operand: Any, start_indices: Any, slice_sizes: Any) -> Array:
    """A block of static size at a position that may be traced; clamped to lie inside.

    >>> dynamic_slice(iota("int32", 5), (3,), (2,))
    Array([3, 4], dtype=int32)
    """
    x = as_array(operand, "dynamic_slice", "operand")
    sizes = checked_shape(slice_sizes, "dynamic_slice", "slice_sizes")
    return ops.dynamic_slice(x, *_starts("dynamic_slice", x, start_indices), sizes=sizes)


def dynamic_slice_in_dim(operand: Any, start_index: Any, slice_size: int, axis: int = 0) -> Array:
    """:func:`dynamic_slice` along one axis.

    >>> dynamic_slice_in_dim(iota("int32", 5), 1, 2)
    Array([1, 2], dtype=int32)
    """
    x = as_array(operand, "dynamic_slice_in_dim", "operand")
    i = as_axis(axis, x.ndim, "dynamic_slice_in_dim")
    starts: list[Any] = [0] * x.ndim
    starts[i] = start_index
    sizes = (*x.shape[:i], operator.index(slice_size), *x.shape[i + 1 :])
    return dynamic_slice(x, starts, sizes)


def dynamic_index_in_dim(operand: Any, index: Any, axis: int = 0, keepdims: bool = True) -> Array:
    """One position, which may be traced, of one axis.

    >>> dynamic_index_in_dim(iota("int32", 5), 2, keepdims=False)
    Array(2, dtype=int32)
    """
    out = dynamic_slice_in_dim(operand, index, 1, axis)
    return out if keepdims else _squeeze(out, axis)


def dynamic_update_slice(operand: Any, update: Any, start_indices: Any) -> Array:
    """A copy with a block overwritten at a position that may be traced; clamped to lie inside.

    >>> dynamic_update_slice(iota("int32", 3), full((1,), 9, "int32"), (1,))
    Array([0, 9, 2], dtype=int32)
    """
    x = as_array(operand, "dynamic_update_slice", "operand")
    new = as_array(update, "dynamic_update_slice", "update")
    return ops.dynamic_update_slice(x, new, *_starts("dynamic_update_slice", x, start_indices))


def dynamic_update_slice_in_dim(operand: Any, update: Any, start_index: Any, axis: int) -> Array:
    """:func:`dynamic_update_slice` along one axis.

    >>> dynamic_update_slice_in_dim(iota("int32", 3), full((1,), 9, "int32"), 0, 0)
    Array([9, 1, 2], dtype=int32)
    """
    x = as_array(operand, "dynamic_update_slice_in_dim", "operand")
    starts: list[Any] = [0] * x.ndim
    starts[as_axis(axis, x.ndim, "dynamic_update_slice_in_dim")] = start_index
    return dynamic_update_slice(x, update, starts)


def dynamic_update_index_in_dim(operand: Any, update: Any, index: Any, axis: int) -> Array:
    """A copy with one position of one axis overwritten.

    >>> dynamic_update_index_in_dim(iota("int32", 3), full((), 9, "int32"), 2, 0)
    Array([0, 1, 9], dtype=int32)
    """
    x = as_array(operand, "dynamic_update_index_in_dim", "operand")
    new = as_array(update, "dynamic_update_index_in_dim", "update")
    i = as_axis(axis, x.ndim, "dynamic_update_index_in_dim")
    new = new if new.ndim == x.ndim else _expand_dims(new, i)
    return dynamic_update_slice_in_dim(x, new, index, i)


# -------------------------------------------------------------------------- reductions, running ops
def _reduction(name: str, op: Any, line: str) -> Any:
    def fn(operand: Any, axes: Sequence[int]) -> Array:
        x = as_array(operand, name, "operand")
        return op(x, axes=as_axes(tuple(axes), x.ndim, name))

    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = f"{line} over the named axes, in the operand's dtype."
    return fn


reduce_sum = _reduction("reduce_sum", ops.reduce_sum, "Sum")
reduce_prod = _reduction("reduce_prod", ops.reduce_prod, "Product")
reduce_max = _reduction("reduce_max", ops.reduce_max, "Largest element")
reduce_min = _reduction("reduce_min", ops.reduce_min, "Smallest element")


def _running(name: str, op: Any, line: str) -> Any:
    def fn(operand: Any, axis: int = 0, reverse: bool = False) -> Array:
        x = as_array(operand, name, "operand")
        return op(x, axis=as_axis(axis, x.ndim, name), reverse=bool(reverse))

    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = f"Running {line} along an axis, from its end if ``reverse``."
    return fn


cumsum = _running("cumsum", ops.cumsum, "sum")
cumprod = _running("cumprod", ops.cumprod, "product")
cummax = _running("cummax", ops.cummax, "maximum")
cummin = _running("cummin", ops.cummin, "minimum")
cumlogsumexp = _running("cumlogsumexp", ops.cumlogsumexp, "log-sum-exp")


def argmax(operand: Any, axis: int, index_dtype: Any = int64) -> Array:
    """Position of the largest element along an axis.

    >>> argmax(iota("int32", 3), 0, "int32")
    Array(2, dtype=int32)
    """
    x = as_array(operand, "argmax", "operand")
    return cast(ops.argmax(x, axis=as_axis(axis, x.ndim, "argmax")), canonical(index_dtype))


def argmin(operand: Any, axis: int, index_dtype: Any = int64) -> Array:
    """Position of the smallest element along an axis.

    >>> argmin(iota("int32", 3), 0, "int32")
    Array(0, dtype=int32)
    """
    x = as_array(operand, "argmin", "operand")
    return cast(ops.argmin(x, axis=as_axis(axis, x.ndim, "argmin")), canonical(index_dtype))


# ------------------------------------------------------------------------------ contractions, sorts
def dot_general(
    lhs: Any,
    rhs: Any,
    dimension_numbers: Any,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """Sum of products over some axes, side by side along others.

    Args:
        lhs, rhs: arrays of one dtype.
        dimension_numbers: ((axes of lhs summed over, axes of rhs), (batch axes of lhs, of rhs)).
        precision: a PrecisionLike; sums are made in its accumulation type where that is wider.
        preferred_element_type: dtype to compute in and to return.

    Returns:
        array of the batch axes, then the free axes of lhs, then those of rhs.

    >>> dot_general(full((2, 3), 1.0), full((3, 4), 1.0), (((1,), (0,)), ((), ()))).shape
    (2, 4)
    """
    x, y = as_array(lhs, "dot_general", "lhs"), as_array(rhs, "dot_general", "rhs")
    if preferred_element_type is not None:
        x, y = (cast(a, canonical(preferred_element_type)) for a in (x, y))
    if x.dtype != y.dtype:
        raise DtypeError(
            f"lax.dot_general: operands must have one dtype, got {x.dtype.name} and "
            f"{y.dtype.name}. Remedy: convert_element_type, or preferred_element_type."
        )
    (cx, cy), (bx, by) = dimension_numbers
    axes = [
        axes_in_order(tuple(given), a.ndim, "dot_general")
        for given, a in ((cx, x), (cy, y), (bx, x), (by, y))
    ]
    kept, wide = x.dtype, sums_in("dot_general", precision, x.dtype)
    x, y = (x, y) if wide == kept else (cast(x, wide), cast(y, wide))
    out = ops.dot_general(x, y, contract=(axes[0], axes[1]), batch=(axes[2], axes[3]))
    return cast(out, kept)


def dot(lhs: Any, rhs: Any, precision: Any = None, preferred_element_type: Any = None) -> Array:
    """Product of vectors and matrices.

    >>> dot(full((2, 3), 1.0), full((3,), 1.0))
    Array([3., 3.], dtype=float32)
    """
    x, y = as_array(lhs, "dot", "lhs"), as_array(rhs, "dot", "rhs")
    if not 1 <= x.ndim <= 2 or not 1 <= y.ndim <= 2:
        raise ShapeError(f"lax.dot: needs vectors or matrices, got shapes {x.shape} and {y.shape}.")
    numbers = (((x.ndim - 1,), (0,)), ((), ()))
    return dot_general(x, y, numbers, precision, preferred_element_type)


def batch_matmul(lhs: Any, rhs: Any, precision: Any = None) -> Array:
    """Products of the matrices in the last two axes; the leading axes are equal.

    >>> batch_matmul(full((5, 2, 3), 1.0), full((5, 3, 4), 1.0)).shape
    (5, 2, 4)
    """
    x, y = as_array(lhs, "batch_matmul", "lhs"), as_array(rhs, "batch_matmul", "rhs")
    lead = tuple(range(x.ndim - 2))
    return dot_general(x, y, (((x.ndim - 1,), (y.ndim - 2,)), (lead, lead)), precision)


def sort(operand: Any, dimension: int = -1, is_stable: bool = True, num_keys: int = 1) -> Any:
    """Sorted along an axis; a sequence of arrays is sorted together, by the first ``num_keys``.

    >>> sort(rev(iota("int32", 3), (0,)))
    Array([0, 1, 2], dtype=int32)
    """
    del is_stable
    many = isinstance(operand, (tuple, list))
    held = [as_array(x, "sort", "operand") for x in (operand if many else (operand,))]
    out = ops.sort(*held, axis=as_axis(dimension, held[0].ndim, "sort"), num_keys=num_keys)
    return tuple(out) if many else out[0]


def sort_key_val(keys: Any, values: Any, dimension: int = -1, is_stable: bool = True) -> Any:
    """Keys sorted along an axis, and values brought into the same order.

    >>> sort_key_val(rev(iota("int32", 2), (0,)), iota("int32", 2))
    (Array([0, 1], dtype=int32), Array([1, 0], dtype=int32))
    """
    return sort((keys, values), dimension, is_stable)


def top_k(operand: Any, k: int, *, axis: int = -1) -> tuple[Array, Array]:
    """The k largest elements along an axis, and their positions; largest first.

    Args:
        operand: array of numbers or bools. NaN counts as the largest; of equal elements (zeros of
            either sign are equal) those with lower positions come first.
        k: how many, a Python int.
        axis: the axis to look along.

    Returns:
        values and int64 positions, with k elements along the axis.

    Raises:
        ShapeError: k is negative or more than there are.
        DtypeError: complex numbers, which have no order.

    >>> top_k(iota("int32", 4), 2)
    (Array([3, 2], dtype=int32), Array([3, 2], dtype=int64))

    Source: ``jax.lax.top_k``.
    """
    x = as_array(operand, "top_k", "operand")
    if is_complex(x.dtype):
        raise DtypeError(
            f"lax.top_k: complex numbers have no order; got {x.dtype.name}. Remedy: abs(x), or "
            "real(x)."
        )
    i = as_axis(axis, x.ndim, "top_k")
    n = x.shape[i]
    k = operator.index(k)
    if not 0 <= k <= n:
        raise ShapeError(f"lax.top_k: k={k} of an axis of size {n}. Remedy: 0 <= k <= {n}.")
    ids = beside(x, shape=x.shape, dtype=int64, axis=i)
    # The reversed array sorted ascending and reversed again keeps equal elements in order.
    both = ops.sort(rev(x, (i,)), rev(ids, (i,)), axis=i, num_keys=1)
    values, places = (slice_in_dim(rev(v, (i,)), 0, k, 1, i) for v in both)
    return values, places


def optimization_barrier(operand: Any) -> Any:
    """The operands, which the compiler computes together and does not look through.

    >>> optimization_barrier(iota("int32", 1))
    Array([0], dtype=int32)
    """
    many = isinstance(operand, (tuple, list))
    held = [as_array(x, "optimization_barrier") for x in (operand if many else (operand,))]
    out = ops.optimization_barrier(*held)
    return tuple(out) if many else out[0]
