"""Blocks at positions known only at run time: dynamic_slice and dynamic_update_slice.

A start is clamped so that the block lies inside the array, as in JAX and XLA.
"""

from __future__ import annotations

import builtins
from typing import Any

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import int64, is_integer, uint64
from functorch_lite.core.op import Op
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops.arithmetic import add, clamp, minimum
from functorch_lite.ops.convert import cast
from functorch_lite.ops.creation import iota
from functorch_lite.ops.families import const, define, full_like, zeros_like
from functorch_lite.ops.index import gather, scatter
from functorch_lite.ops.shape import broadcast_to, reshape, transpose, with_batch, zeros_of

__all__ = ["dynamic_slice", "dynamic_update_slice"]

_slice = builtins.slice


def _block(shape: Any, starts: Any, sizes: Any) -> tuple[Any, ...]:
    return tuple(
        _slice(begin := max(0, min(int(s), n - size)), begin + size)
        for n, s, size in zip(shape, starts, sizes, strict=True)
    )


def _check(name: str, x: Aval, starts: tuple[Aval, ...], sizes: tuple[int, ...]) -> None:
    if len(starts) != x.ndim or len(sizes) != x.ndim:
        raise ShapeError(
            f"{name}: an array of shape {x.shape} needs {x.ndim} starts and sizes; got "
            f"{len(starts)} starts and a block of shape {sizes}."
        )
    for axis, start in enumerate(starts):
        if start.shape != ():
            raise ShapeError(
                f"{name}: the start of axis {axis} must be a scalar; got shape {start.shape}. "
                "Remedy: pass one scalar per axis."
            )
        if not is_integer(start.dtype):
            raise DtypeError(
                f"{name}: the start of axis {axis} must be an integer; got {start.dtype.name}. "
                "Remedy: cast it with .astype(int)."
            )
    for axis, (n, size) in enumerate(zip(x.shape, sizes, strict=True)):
        if not 0 <= size <= n:
            raise ShapeError(
                f"{name}: a block of shape {sizes} does not fit into shape {x.shape}: axis {axis} "
                f"has size {n}. Remedy: take at most {n} elements there."
            )


def _positions(start: Any, limit: int) -> Any:
    """Clamped starts as int64, of shape [batch] or []."""
    if start.dtype == uint64:
        start = minimum(start, full_like(start, limit))
    start = cast(start, dtype=int64)
    return clamp(zeros_like(start), start, full_like(start, limit))


def _block_indices(
    size: int, shape: Any, starts: Any, batched: Any, sizes: Any, axes: Any
) -> list[Any]:
    """Index arrays of shape [batch, *sizes of axes]: the batch position, then one per axis."""
    grid = (size, *(sizes[a] for a in axes))
    indices = [iota(shape=grid, dtype=int64, axis=0)]
    for k, axis in enumerate(axes):
        begin = _positions(starts[axis], shape[axis] - sizes[axis])
        begin = reshape(begin, shape=(size if batched[axis] else 1, *(1,) * len(axes)))
        indices.append(
            add(broadcast_to(begin, shape=grid), iota(shape=grid, dtype=int64, axis=k + 1))
        )
    return indices


# ----------------------------------------------------------------------------------- dynamic_slice
def _slice_aval(x: Aval, *starts: Aval, sizes: tuple[int, ...]) -> Aval:
    _check("dynamic_slice", x, starts, sizes)
    return make_aval(sizes, x.dtype)


def _slice_vjp(ct: Any, x_shape: Any, starts: Any) -> Any:
    return dynamic_update_slice(zeros_of(x_shape, ct), ct, *starts)


def _slice_batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
    x, *starts = args
    sizes = params["sizes"]
    if not any(batched[1:]):
        return dynamic_slice(x, const(0, int64), *starts, sizes=(size, *sizes))
    shape = x.shape[1:] if batched[0] else x.shape
    # only axes that differ between examples are gathered; the others are cut out as one block first
    moving = [a for a in range(len(shape)) if batched[a + 1] and sizes[a] != shape[a]]
    cut = [n if a in moving else sizes[a] for a, n in enumerate(shape)]
    if tuple(cut) != tuple(shape):
        zero = const(0, int64)
        still = [zero if b else s for s, b in zip(starts, batched[1:], strict=True)]
        lead, rows = ([zero], [size]) if batched[0] else ([], [])
        x = dynamic_slice(x, *lead, *still, sizes=(*rows, *cut))
    if not moving:
        return with_batch(x, batched[0], size)
    indices = _block_indices(size, shape, starts, batched[1:], sizes, moving)
    if batched[0]:
        axes = (0, *(a + 1 for a in moving))
    else:
        axes, indices = tuple(moving), indices[1:]
    out = gather(x, *indices, axes=axes, mode="clip")
    rest = [a for a in range(len(shape)) if a not in moving]
    order = [*moving, *rest]
    return transpose(out, perm=(0, *(order.index(a) + 1 for a in range(len(shape)))))


dynamic_slice: Op = define(
    "dynamic_slice",
    operands=("x", "*starts"),
    eager=lambda xp, x, *starts, sizes: x[_block(x.shape, starts, sizes)],
    aval=_slice_aval,
    jvp=(lambda t, starts, sizes: dynamic_slice(t, *starts, sizes=sizes), None),
    vjp=(_slice_vjp, None),
    batch=_slice_batch,
)


# ---------------------------------------------------------------------------- dynamic_update_slice
def _update_eager(xp: Any, x: Any, update: Any, *starts: Any) -> Any:
    out = x.copy()
    out[_block(x.shape, starts, update.shape)] = update
    return out


def _update_aval(x: Aval, update: Aval, *starts: Aval) -> Aval:
    if update.ndim != x.ndim:
        raise ShapeError(
            f"dynamic_update_slice: the update must have as many axes as the array; got shapes "
            f"{update.shape} and {x.shape}."
        )
    _check("dynamic_update_slice", x, starts, update.shape)
    if update.dtype != x.dtype:
        raise DtypeError(
            f"dynamic_update_slice: the array is {x.dtype.name}, the update {update.dtype.name}. "
            "Remedy: cast the update to the array's dtype."
        )
    return make_aval(x.shape, x.dtype)


def _update_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    x, update, *starts = primals
    dx, dupdate = tangents[:2]
    dx = zeros_like(x) if dx is None else dx
    dupdate = zeros_like(update) if dupdate is None else dupdate
    return dynamic_update_slice(*primals), dynamic_update_slice(dx, dupdate, *starts)


def _update_vjp_x(ct: Any, update_shape: Any, starts: Any) -> Any:
    return dynamic_update_slice(ct, zeros_of(update_shape, ct), *starts)


def _update_vjp_update(ct: Any, update_shape: Any, starts: Any) -> Any:
    return dynamic_slice(ct, *starts, sizes=update_shape)


def _update_batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
    x, update, *starts = args
    x, update = with_batch(x, batched[0], size), with_batch(update, batched[1], size)
    if not any(batched[2:]):
        return dynamic_update_slice(x, update, const(0, int64), *starts)
    shape, sizes = x.shape[1:], update.shape[1:]
    moving = [a for a in range(len(shape)) if sizes[a] != shape[a]]
    indices = _block_indices(size, shape, starts, batched[2:], sizes, moving)
    rest = [a for a in range(len(shape)) if a not in moving]
    update = transpose(update, perm=(0, *(a + 1 for a in (*moving, *rest))))
    return scatter(x, update, *indices, axes=(0, *(a + 1 for a in moving)), mode="clip")


dynamic_update_slice: Op = define(
    "dynamic_update_slice",
    operands=("x", "update", "*starts"),
    eager=_update_eager,
    aval=_update_aval,
    jvp=_update_jvp,
    vjp=(_update_vjp_x, _update_vjp_update, None),
    batch=_update_batch,
)
