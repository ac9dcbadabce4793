"""Indexing by integer arrays: gather, scatter, and scatters that combine with what is there.

All of them index the dimensions ``axes`` jointly with one integer array per axis, all of one shape
B. The indexed block has the shape B + the remaining dimensions in their order. Indices are not
negative; one that is outside its axis is clamped under ``mode="clip"``, and under ``mode="drop"``
reads zero and writes nothing. Where two indices coincide, ``scatter`` keeps the last write.
"""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import int64, is_complex, is_integer
from functorch_lite.core.op import REGISTRY, Op, whole_vjp
from functorch_lite.errors import AxisError, DtypeError, IndexRangeError, ShapeError
from functorch_lite.ops.arithmetic import add, div, maximum, minimum, mul
from functorch_lite.ops.compare import bitwise_and, eq, ge, lt, select
from functorch_lite.ops.convert import cast
from functorch_lite.ops.creation import iota
from functorch_lite.ops.families import const, define, full_like, ones_like, zeros_like
from functorch_lite.ops.index_eager import combine_eager, gather_eager, remaining, scatter_eager
from functorch_lite.ops.shape import (
    broadcast_to,
    move_axis_to_front,
    pad,
    reshape,
    transpose,
    with_batch,
    zeros_of,
)

__all__ = ["gather", "scatter", "scatter_add", "scatter_max", "scatter_min", "scatter_mul"]


# ---------------------------------------------------------------------------------- shape rules
def _check(name: str, x: Aval, indices: tuple[Aval, ...], axes: tuple[int, ...], mode: str) -> None:
    if mode not in ("clip", "drop"):
        raise ValueError(f"{name}: mode must be 'clip' or 'drop'; got {mode!r}.")
    if not axes or len(axes) != len(indices):
        raise ShapeError(
            f"{name}: expected one index array per axis in axes={axes}; got {len(indices)}."
        )
    if len(set(axes)) != len(axes) or not all(0 <= axis < x.ndim for axis in axes):
        raise AxisError(f"{name}: axes {axes} do not fit an array of shape {x.shape}.")
    for i, index in enumerate(indices):
        if not is_integer(index.dtype):
            raise DtypeError(
                f"{name}: index array {i} must hold integers; got {index.dtype.name}. Remedy: cast "
                "it with .astype(int)."
            )
        if index.shape != indices[0].shape:
            raise ShapeError(
                f"{name}: all index arrays must have one shape; array 0 has {indices[0].shape}, "
                f"array {i} has {index.shape}. Remedy: broadcast them against each other first."
            )
    if mode == "clip" and indices[0].size:
        for axis in axes:
            if x.shape[axis] == 0:
                raise IndexRangeError(
                    f"{name}: axis {axis} of shape {x.shape} is empty, so no index is valid. "
                    "Remedy: mode='drop' reads zeros and writes nothing."
                )


def _gather_aval(x: Aval, *indices: Aval, axes: tuple[int, ...], mode: str) -> Aval:
    _check("gather", x, indices, axes, mode)
    return make_aval(indices[0].shape + remaining(x.shape, axes), x.dtype)


def _scatter_aval(name: str) -> Any:
    def aval(x: Aval, update: Aval, *indices: Aval, axes: tuple[int, ...], mode: str) -> Aval:
        _check(name, x, indices, axes, mode)
        wanted = indices[0].shape + remaining(x.shape, axes)
        if update.shape != wanted:
            raise ShapeError(
                f"{name}: into an array of shape {x.shape}, indices of shape {indices[0].shape} on "
                f"axes {axes} write a block of shape {wanted}; the update has shape "
                f"{update.shape}. Remedy: broadcast or reshape the update to {wanted}."
            )
        if update.dtype != x.dtype:
            raise DtypeError(
                f"{name}: the array is {x.dtype.name}, the update {update.dtype.name}. Remedy: "
                "cast the update to the array's dtype."
            )
        if name in ("scatter_min", "scatter_max") and is_complex(x.dtype):
            raise DtypeError(f"{name}: complex numbers have no order. Remedy: compare abs(x).")
        return make_aval(x.shape, x.dtype)

    return aval


# -------------------------------------------------------------------------------------- batching
def _with_rows(size: int, indices: Any, batched: Any, axes: Any) -> tuple[list[Any], Any]:
    """Indices per example: one more index array, for the mapped axis 0 of the operand."""
    indices = [with_batch(i, b, size) for i, b in zip(indices, batched, strict=True)]
    rows = iota(shape=indices[0].shape, dtype=int64, axis=0)
    return [rows, *indices], (0, *(axis + 1 for axis in axes))


def _gather_batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
    x, *indices = args
    axes, mode = params["axes"], params["mode"]
    if not any(batched[1:]):
        out = gather(x, *indices, axes=tuple(axis + 1 for axis in axes), mode=mode)
        return move_axis_to_front(out, len(indices[0].shape))
    if batched[0]:
        indices, axes = _with_rows(size, indices, batched[1:], axes)
    else:
        indices = [with_batch(i, b, size) for i, b in zip(indices, batched[1:], strict=True)]
    return gather(x, *indices, axes=axes, mode=mode)


def _scatter_batch(op_of: Any) -> Any:
    def batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
        x, update, *indices = args
        axes, mode = params["axes"], params["mode"]
        x, update = with_batch(x, batched[0], size), with_batch(update, batched[1], size)
        if any(batched[2:]):
            indices, axes = _with_rows(size, indices, batched[2:], axes)
        else:
            ndim = len(indices[0].shape)
            axes = tuple(axis + 1 for axis in axes)
            rest = range(ndim + 1, len(update.shape))
            if ndim:
                update = transpose(update, perm=(*range(1, ndim + 1), 0, *rest))
        return op_of()(x, update, *indices, axes=axes, mode=mode)

    return batch


def _define_scatter(name: str, eager: Any, jvp: Any, vjp: Any, kinds: str = "bifc") -> Op:
    return define(
        name,
        operands=("x", "update", "*indices"),
        eager=eager,
        aval=_scatter_aval(name),
        jvp=jvp,
        vjp=vjp,
        batch=_scatter_batch(lambda: REGISTRY[name]),
        kinds=kinds,
    )


# ------------------------------------------------------------------------------------- gather
gather: Op = define(
    "gather",
    operands=("x", "*indices"),
    eager=gather_eager,
    aval=_gather_aval,
    jvp=(lambda t, indices, axes, mode: gather(t, *indices, axes=axes, mode=mode), None),
    vjp=(
        lambda ct, x_shape, indices, axes, mode: scatter_add(
            zeros_of(x_shape, ct), ct, *indices, axes=axes, mode=mode
        ),
        None,
    ),
    batch=_gather_batch,
)


# ------------------------------------------------------------------------------------- scatter
def _winners(x_shape: Any, indices: Any, axes: Any, mode: str) -> Any:
    """bool, of the shape of one index array: the writes that no later write replaces.

    A dropped write may count as one; its cotangent is zero anyhow.
    """
    ids = _counter(indices[0])
    board = zeros_of(tuple(x_shape[axis] for axis in axes), ids)
    over = tuple(range(len(axes)))
    board = scatter(board, ids, *indices, axes=over, mode=mode)
    return eq(gather(board, *indices, axes=over, mode=mode), ids)


def _counter(index: Any) -> Any:
    """0, 1, 2 … in the shape of ``index``."""
    return reshape(iota(shape=(math.prod(index.shape),), dtype=int64, axis=0), shape=index.shape)


def _expand(per_index: Any, shape: tuple[int, ...]) -> Any:
    """A value per index, repeated over the block of remaining dimensions."""
    missing = len(shape) - len(per_index.shape)
    if missing:
        per_index = reshape(per_index, shape=(*per_index.shape, *(1,) * missing))
    return broadcast_to(per_index, shape=shape)


def _scatter_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    x, update, *indices = primals
    dx, dupdate = tangents[:2]
    dx = zeros_like(x) if dx is None else dx
    dupdate = zeros_like(update) if dupdate is None else dupdate
    return scatter(*primals, **params), scatter(dx, dupdate, *indices, **params)


def _scatter_vjp_x(ct: Any, update_shape: Any, indices: Any, axes: Any, mode: str) -> Any:
    return scatter(ct, zeros_of(update_shape, ct), *indices, axes=axes, mode=mode)


def _scatter_vjp_update(
    ct: Any, x_shape: Any, update_shape: Any, indices: Any, axes: Any, mode: str
) -> Any:
    out = gather(ct, *indices, axes=axes, mode=mode)
    if math.prod(indices[0].shape) <= 1:
        return out
    won = _expand(_winners(x_shape, indices, axes, mode), update_shape)
    return select(won, out, zeros_like(out))


scatter: Op = _define_scatter(
    "scatter", scatter_eager, _scatter_jvp, (_scatter_vjp_x, _scatter_vjp_update, None)
)


# --------------------------------------------------------------------------------- scatter_add
def _scatter_add_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    x, _, *indices = primals
    dx, dupdate = tangents[:2]
    ans = scatter_add(*primals, **params)
    if dupdate is None:
        return ans, dx
    dx = zeros_like(x) if dx is None else dx
    return ans, scatter_add(dx, dupdate, *indices, **params)


scatter_add: Op = _define_scatter(
    "scatter_add",
    combine_eager("add"),
    _scatter_add_jvp,
    (
        lambda ct: ct,
        lambda ct, indices, axes, mode: gather(ct, *indices, axes=axes, mode=mode),
        None,
    ),
)


# --------------------------------------------------------------------------------- scatter_mul
def _shift(x: Any, by: int, fill: int) -> Any:
    """Move along axis 0 by ``by`` rows, filling with a constant."""
    config = ((by, -by, 0), *((0, 0, 0),) * (len(x.shape) - 1))
    return pad(x, const(fill, x.dtype), config=config)


def _targets(x_shape: Any, indices: Any, axes: Any) -> tuple[Any, Any]:
    """int64[n] flat position of each index inside ``axes``, and bool[n] whether it is valid."""
    target = valid = None
    for axis, index in zip(axes, indices, strict=True):
        index = cast(reshape(index, shape=(math.prod(index.shape),)), dtype=int64)
        limit = full_like(index, x_shape[axis])
        zero = zeros_like(index)
        inside = bitwise_and(ge(index, zero), lt(index, limit))
        index = maximum(minimum(index, full_like(index, x_shape[axis] - 1)), zero)
        target = index if target is None else add(mul(target, limit), index)
        valid = inside if valid is None else bitwise_and(valid, inside)
    return target, valid


def _run_products(flat: Any, target: Any, side: int) -> Any:
    """Product of the rows of the same target on one side (1 before, -1 after), by doubling."""
    count = flat.shape[0]
    same = eq(target, _shift(target, side, -1))
    run = select(_expand(same, flat.shape), _shift(flat, side, 1), ones_like(flat))
    distance = 1
    while distance < count:
        same = eq(target, _shift(target, side * distance, -1))
        longer = mul(run, _shift(run, side * distance, 1))
        run = select(_expand(same, flat.shape), longer, run)
        distance *= 2
    return run


def _products_of_others(update: Any, x_shape: Any, indices: Any, axes: Any, mode: str) -> Any:
    """For each update, the product of the other updates that meet it in one element of the result.

    Products only and no division, so that zeros and every higher derivative come out right: updates
    are sorted by target, and each takes the product of those before it times that of those after
    it.
    """
    shape = update.shape
    count = math.prod(indices[0].shape)
    if count <= 1:
        return ones_like(update)
    flat = reshape(update, shape=(count, *shape[len(indices[0].shape) :]))
    target, valid = _targets(x_shape, indices, axes)
    if mode == "drop":
        flat = select(_expand(valid, flat.shape), flat, ones_like(flat))
    sort, ids = REGISTRY["sort"], _counter(target)
    target, order = sort(target, ids, axis=0, num_keys=1)
    flat = gather(flat, order, axes=(0,), mode="clip")
    others = mul(_run_products(flat, target, 1), _run_products(flat, target, -1))
    _, back = sort(order, ids, axis=0, num_keys=1)
    return reshape(gather(others, back, axes=(0,), mode="clip"), shape=shape)


def _scatter_mul_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    x, update, *indices = primals
    dx, dupdate = tangents[:2]
    tangent = None
    if dx is not None:
        tangent = mul(dx, scatter_mul(ones_like(x), update, *indices, **params))
    if dupdate is not None:
        scale = mul(
            gather(x, *indices, **params), _products_of_others(update, x.shape, indices, **params)
        )
        base = zeros_like(x) if tangent is None else tangent
        tangent = scatter_add(base, mul(dupdate, scale), *indices, **params)
    return scatter_mul(*primals, **params), tangent


def _scatter_mul_vjp_x(ct: Any, update: Any, indices: Any, axes: Any, mode: str) -> Any:
    return mul(ct, scatter_mul(ones_like(ct), update, *indices, axes=axes, mode=mode))


def _scatter_mul_vjp_update(
    ct: Any, x: Any, update: Any, indices: Any, axes: Any, mode: str
) -> Any:
    got = gather(mul(ct, x), *indices, axes=axes, mode=mode)
    return mul(got, _products_of_others(update, x.shape, indices, axes, mode))


scatter_mul: Op = _define_scatter(
    "scatter_mul",
    combine_eager("multiply"),
    _scatter_mul_jvp,
    (_scatter_mul_vjp_x, _scatter_mul_vjp_update, None),
)


# ------------------------------------------------------------------- scatter_min, scatter_max
def _shares(ans: Any, x: Any, update: Any, indices: Any, params: dict[str, Any]) -> Any:
    """1 where x and where an update attains the answer, else 0, and how many of them do."""
    attains_x = cast(eq(x, ans), dtype=x.dtype)
    attains_update = cast(eq(update, gather(ans, *indices, **params)), dtype=x.dtype)
    count = scatter_add(attains_x, attains_update, *indices, **params)
    return attains_x, attains_update, count


def _extremum_jvp(op_of: Any) -> Any:
    def jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
        x, update, *indices = primals
        dx, dupdate = tangents[:2]
        ans = op_of()(*primals, **params)
        attains_x, attains_update, count = _shares(ans, x, update, indices, params)
        total = zeros_like(x) if dx is None else mul(dx, attains_x)
        if dupdate is not None:
            total = scatter_add(total, mul(dupdate, attains_update), *indices, **params)
        return ans, div(total, count)

    return jvp


def _extremum_vjp(ct: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    x, update, *indices = args
    attains_x, attains_update, count = _shares(ans, x, update, indices, params)
    share = div(ct, count)
    out: list[Any] = [None] * len(args)
    if wants[0]:
        out[0] = mul(share, attains_x)
    if wants[1]:
        out[1] = mul(gather(share, *indices, **params), attains_update)
    return out


scatter_min: Op = _define_scatter(
    "scatter_min",
    combine_eager("minimum"),
    _extremum_jvp(lambda: scatter_min),
    whole_vjp(_extremum_vjp, saves=("args", "ans")),
    kinds="bif",
)
scatter_max: Op = _define_scatter(
    "scatter_max",
    combine_eager("maximum"),
    _extremum_jvp(lambda: scatter_max),
    whole_vjp(_extremum_vjp, saves=("args", "ans")),
    kinds="bif",
)
