"""Writing windows at positions that index vectors give, and combining them with what is there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import SCALAR_TYPES, int32, is_bool
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.lax.index_numbers import (
    GatherScatterMode,
    ScatterDimensionNumbers,
    as_starts,
    ascending,
    check_batching,
)
from functorch_lite.lax.index_windows import Windows
from functorch_lite.lax.loops import while_loop
from functorch_lite.numpy.convert import as_array, axes_in_order, checked_shape, const, fill
from functorch_lite.transforms.vmap import vmap

__all__ = [
    "scatter",
    "scatter_add",
    "scatter_apply",
    "scatter_max",
    "scatter_min",
    "scatter_mul",
    "scatter_sub",
]


def scatter(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | GatherScatterMode | None = None,
) -> Array:
    """A copy of an array in which windows are overwritten.

    Args:
        operand: array.
        scatter_indices: integers[..., k]; each vector says where a window begins.
        updates: array of the operand's dtype, with the axes of ``scatter_indices`` but the last,
            and between them, at ``update_window_dims``, those of a window.
        dimension_numbers: what the axes mean, a :class:`ScatterDimensionNumbers`.
        indices_are_sorted, unique_indices: accepted for JAX's sake; where windows overlap, the
            last one counts.
        mode: what becomes of a window that is not wholly inside, see :class:`GatherScatterMode`;
            None leaves it out.

    Returns:
        array of the operand's shape.

    Raises:
        ShapeError: shapes and dimension numbers that do not fit each other.
        AxisError: dimension numbers that name no axis, or one twice.
        DtypeError: indices that are no integers, or updates of another dtype.
        ValueError: another mode.

    >>> from functorch_lite import lax
    >>> numbers = ScatterDimensionNumbers((), (0,), (0,))
    >>> where = lax.full((2, 1), 3)
    >>> scatter(lax.iota("int32", 5), where, lax.full((2,), 9, "int32"), numbers)
    Array([0, 1, 2, 9, 4], dtype=int32)

    Source: ``jax.lax.scatter``; XLA's operation of this name.
    """
    del indices_are_sorted, unique_indices
    return _scattered("scatter", ops.scatter, operand, scatter_indices, updates,
                      dimension_numbers, mode)  # fmt: skip


def _combining(name: str, op: Any, line: str, example: str) -> Callable[..., Array]:
    def fn(
        operand: Any,
        scatter_indices: Any,
        updates: Any,
        dimension_numbers: ScatterDimensionNumbers,
        *,
        indices_are_sorted: bool = False,
        unique_indices: bool = False,
        mode: str | GatherScatterMode | None = None,
    ) -> Array:
        del indices_are_sorted, unique_indices
        return _scattered(name, op, operand, scatter_indices, updates, dimension_numbers, mode)

    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = (
        f"{line}; windows that overlap are all taken in.\n\n"
        "Args, Returns and Raises are those of :func:`scatter`.\n\n"
        ">>> from functorch_lite import lax\n"
        ">>> numbers = ScatterDimensionNumbers((), (0,), (0,))\n"
        f">>> where, updates = lax.full((2, 1), 1), lax.full((2,), 3, 'int32')\n"
        f">>> {name}(lax.full((3,), 4, 'int32'), where, updates, numbers)\n"
        f"{example}\n\nSource: ``jax.lax.{name}``.\n"
    )
    return fn


scatter_add = _combining(
    "scatter_add", ops.scatter_add, "A copy of an array with updates added to windows",
    "Array([ 4, 10,  4], dtype=int32)",
)  # fmt: skip
scatter_mul = _combining(
    "scatter_mul", ops.scatter_mul, "A copy of an array with windows multiplied by updates",
    "Array([ 4, 36,  4], dtype=int32)",
)  # fmt: skip
scatter_min = _combining(
    "scatter_min", ops.scatter_min, "A copy of an array with the smaller of windows and updates",
    "Array([4, 3, 4], dtype=int32)",
)  # fmt: skip
scatter_max = _combining(
    "scatter_max", ops.scatter_max, "A copy of an array with the larger of windows and updates",
    "Array([4, 4, 4], dtype=int32)",
)  # fmt: skip


def _subtract(x: Array, update: Array, *indices: Array, **params: Any) -> Array:
    out: Array = ops.scatter_add(x, ops.neg(update), *indices, **params)
    return out


scatter_sub = _combining(
    "scatter_sub", _subtract, "A copy of an array with updates subtracted from windows",
    "Array([ 4, -2,  4], dtype=int32)",
)  # fmt: skip


# --------------------------------------------------------------------------------------------- core
def _scattered(
    fun: str, op: Any, operand: Any, scatter_indices: Any, updates: Any, numbers: Any, mode: Any
) -> Array:
    x = as_array(operand, fun, "operand")
    if isinstance(updates, SCALAR_TYPES):
        new = const(updates, x.dtype)
    else:
        new = as_array(updates, fun, "updates")
    if new.dtype != x.dtype:
        raise DtypeError(
            f"lax.{fun}: updates must have the operand's dtype {x.dtype.name}; got "
            f"{new.dtype.name}. Remedy: convert_element_type(updates, '{x.dtype.name}')."
        )
    if is_bool(x.dtype) and fun in ("scatter_add", "scatter_sub", "scatter_mul"):
        raise DtypeError(
            f"lax.{fun}: bools are no numbers. Remedy: scatter_max is 'or', scatter_min is 'and'."
        )
    windows = _windows(fun, x, scatter_indices, new.shape, numbers)
    clip = GatherScatterMode.from_any(mode) is GatherScatterMode.CLIP
    return windows.write(op, x, new, clip)


def _windows(
    fun: str, x: Array, scatter_indices: Any, shape: tuple[int, ...], numbers: Any
) -> Windows:
    """The windows that the arguments describe, checked; ``shape`` is that of the updates."""
    numbers = ScatterDimensionNumbers(*numbers)
    field = "scatter_dims_to_operand_dims"
    start_map = axes_in_order(
        tuple(numbers.scatter_dims_to_operand_dims), x.ndim, f"lax.{fun}: {field}"
    )
    starts = as_starts(fun, "scatter_indices", scatter_indices, len(start_map), field)
    inserted = ascending(fun, "inserted_window_dims", numbers.inserted_window_dims, x.ndim)
    batching = ascending(fun, "operand_batching_dims", numbers.operand_batching_dims, x.ndim)
    beside = axes_in_order(
        tuple(numbers.scatter_indices_batching_dims), starts.ndim - 1,
        f"lax.{fun}: scatter_indices_batching_dims",
    )  # fmt: skip
    check_batching(
        fun, "scatter_indices", x.shape, starts.shape, batching, beside, (*inserted, *start_map)
    )
    kept = [d for d in range(x.ndim) if d not in inserted and d not in batching]
    dims = ascending(fun, "update_window_dims", numbers.update_window_dims, len(shape))
    outer = tuple(n for i, n in enumerate(shape) if i not in dims)
    if len(dims) != len(kept) or outer != starts.shape[:-1]:
        raise ShapeError(
            f"lax.{fun}: updates must have the axes {starts.shape[:-1]} of scatter_indices and, at "
            f"update_window_dims, one for each of the {len(kept)} axes of the operand that are "
            f"neither inserted nor batching; got shape {shape} with update_window_dims {dims}. "
            "Remedy: reshape or transpose the updates, or name other dims."
        )
    sizes = [1] * x.ndim
    for axis, i in zip(kept, dims, strict=True):
        sizes[axis] = shape[i]
    empty = [d for d in (*inserted, *batching) if x.shape[d] == 0]
    if empty or any(n > m for n, m in zip(sizes, x.shape, strict=True)):
        raise ShapeError(
            f"lax.{fun}: windows of shape {tuple(sizes)} do not fit into an operand of shape "
            f"{x.shape}. Remedy: slice the updates, or pad the operand."
        )
    return Windows(x.shape, tuple(sizes), starts, start_map, batching, beside, inserted, dims)


# ------------------------------------------------------------------------------------ scatter_apply
def scatter_apply(
    operand: Any,
    scatter_indices: Any,
    func: Callable[[Any], Any],
    dimension_numbers: ScatterDimensionNumbers,
    *,
    update_shape: Sequence[int] = (),
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | GatherScatterMode | None = None,
) -> Array:
    """A copy of an array with a function applied to the elements of windows.

    An element that several windows cover has the function applied as often. All derivatives exist.

    Args:
        operand: array.
        scatter_indices: integers[..., k]; each vector says where a window begins.
        func: function of a scalar of the operand's dtype, to such a scalar.
        dimension_numbers: what the axes mean, a :class:`ScatterDimensionNumbers`.
        update_shape: the shape that the updates of :func:`scatter` would have.
        indices_are_sorted: accepted for JAX's sake.
        unique_indices: whether no two windows overlap, so that one application is enough.
        mode: what becomes of a window that is not wholly inside, as in :func:`scatter`.

    Raises:
        ShapeError, DtypeError, AxisError, ValueError: as of :func:`scatter`; or ``func`` returns
            another shape or dtype.

    >>> from functorch_lite import lax
    >>> numbers = ScatterDimensionNumbers((), (0,), (0,))
    >>> where = lax.full((2, 1), 1)
    >>> scatter_apply(lax.full((3,), 3.0), where, lambda v: v * 2, numbers, update_shape=(2,))
    Array([ 3., 12.,  3.], dtype=float32)

    Source: ``jax.lax.scatter_apply``.
    """
    del indices_are_sorted
    x = as_array(operand, "scatter_apply", "operand")
    shape = checked_shape(update_shape, "lax.scatter_apply", "update_shape")
    windows = _windows("scatter_apply", x, scatter_indices, shape, dimension_numbers)
    clip = GatherScatterMode.from_any(mode) is GatherScatterMode.CLIP
    first = windows.read(x)
    once = _mapped(func, first)
    if unique_indices or math.prod(windows.batch) <= 1:
        return windows.write(ops.scatter, x, once, clip)
    ones = fill(x, shape=shape, dtype=int32, value=1)
    hits = windows.write(ops.scatter_add, fill(x, shape=x.shape, dtype=int32, value=0), ones, clip)
    counts = windows.read(hits)

    def busy(carry: tuple[Array, Array]) -> Array:
        more: Array = ops.reduce_or(ops.gt(counts, carry[0]), axes=tuple(range(len(shape))))
        return more

    def again(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        done, values = carry
        active = ops.gt(counts, done)
        # A finished element lends its first value, at which the function was evaluated anyway: a
        # derivative that is infinite later on would make NaN of a cotangent of zero.
        new = _mapped(func, ops.select(active, values, first))
        return ops.add(done, const(1, int32)), ops.select(active, new, values)

    _, values = while_loop(busy, again, (const(1, int32), once))
    # All copies of an element are equal now, so that it does not matter which one is written.
    return windows.write(ops.scatter, x, values, clip)


def _mapped(func: Callable[[Any], Any], values: Array) -> Array:
    """A function of scalars over all elements."""
    flat = ops.reshape(values, shape=(values.size,))
    out = vmap(func)(flat)
    if not isinstance(out, Array) or out.shape != flat.shape:
        found = f"shape {out.shape[1:]}" if isinstance(out, Array) else type(out).__name__
        raise ShapeError(
            f"lax.scatter_apply: func takes a scalar and must return one; it returns {found}."
        )
    if out.dtype != values.dtype:
        raise DtypeError(
            f"lax.scatter_apply: func must return the operand's dtype {values.dtype.name}; it "
            f"returns {out.dtype.name}. Remedy: convert its result with .astype."
        )
    return ops.reshape(out, shape=values.shape)
