"""Gather and scatter over NumPy and CuPy arrays: the eager side of ``ops.index``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite.core.dtypes import float32, is_float

__all__ = ["combine_eager", "gather_eager", "remaining", "scatter_eager"]


def remaining(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes of the dimensions that are not indexed."""
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def _inside(xp: Any, shape: Any, indices: Any, axes: Any) -> Any:
    valid = None
    for axis, index in zip(axes, indices, strict=True):
        good = (index >= 0) & (index < shape[axis])
        valid = good if valid is None else valid & good
    return valid


def _clipped(xp: Any, shape: Any, indices: Any, axes: Any) -> tuple[Any, ...]:
    return tuple(
        xp.minimum(xp.maximum(index.astype(np.int64, copy=False), 0), max(shape[axis] - 1, 0))
        for axis, index in zip(axes, indices, strict=True)
    )


def _front(x: Any, axes: tuple[int, ...]) -> Any:
    """View of x with ``axes`` in front."""
    if axes == tuple(range(len(axes))):
        return x
    return x.transpose((*axes, *(i for i in range(x.ndim) if i not in axes)))


def gather_eager(xp: Any, x: Any, *indices: Any, axes: tuple[int, ...], mode: str) -> Any:
    """x at the indices, by the fastest of NumPy's ways."""
    if mode == "clip":
        if len(axes) == 1 and xp is np and x.flags.c_contiguous:
            (axis,) = axes
            out = x.take(indices[0], axis, None, "clip")  # several times faster than x[indices]
            ndim = indices[0].ndim
            if axis == 0 or ndim == 0:
                return out
            block = range(axis, axis + ndim)
            return out.transpose((*block, *(i for i in range(out.ndim) if i not in block)))
        if 0 in x.shape and indices[0].size and any(x.shape[a] == 0 for a in axes):
            raise IndexError("gather from an empty axis")
        return _front(x, axes)[_clipped(xp, x.shape, indices, axes)]
    valid = _inside(xp, x.shape, indices, axes)
    if any(x.shape[a] == 0 for a in axes):
        return xp.zeros(indices[0].shape + remaining(x.shape, axes), x.dtype)
    out = _front(x, axes)[_clipped(xp, x.shape, indices, axes)]
    if valid.all():
        return out
    valid = valid.reshape(valid.shape + (1,) * (out.ndim - valid.ndim))
    return xp.where(valid, out, xp.zeros((), x.dtype))


def _scatter_operands(xp: Any, x: Any, update: Any, indices: Any, axes: Any, mode: str) -> Any:
    """A fresh result, its view with ``axes`` in front, valid index arrays of rank 1, updates."""
    out = x.copy()
    front = _front(out, axes)
    ndim = indices[0].ndim
    if update.shape != indices[0].shape + front.shape[len(axes) :]:
        raise ValueError("an update of another shape")  # it would land in the wrong places
    update = update.reshape((math.prod(update.shape[:ndim]), *update.shape[ndim:]))
    if mode == "drop":
        indices = [index.reshape(-1).astype(np.int64, copy=False) for index in indices]
        valid = _inside(xp, x.shape, indices, axes)
        if not valid.all():
            indices, update = [index[valid] for index in indices], update[valid]
    else:
        if any(x.shape[a] == 0 for a in axes) and update.shape[0]:
            raise IndexError("scatter into an empty axis")
        indices = [index.reshape(-1) for index in _clipped(xp, x.shape, indices, axes)]
    return out, front, tuple(indices), update


def _linear_indices(indices: Any, sizes: Any) -> Any:
    flat = indices[0]
    for index, n in zip(indices[1:], sizes[1 : len(indices)], strict=True):
        flat = flat * n + index
    return flat


def _runs(xp: Any, flat: Any) -> tuple[Any, Any, Any]:
    """A stable order that brings equal positions together, the positions so, the end of each
    run.
    """
    order = xp.argsort(flat)  # CuPy sorts stably
    flat = flat[order]
    last = xp.ones(flat.shape, bool)
    last[:-1] = flat[1:] != flat[:-1]
    return order, flat, last


def scatter_eager(
    xp: Any, x: Any, update: Any, *indices: Any, axes: tuple[int, ...], mode: str
) -> Any:
    """A copy of x with the updates written in order."""
    out, front, indices, update = _scatter_operands(xp, x, update, indices, axes, mode)
    if xp is not np and update.size:  # a GPU writes duplicates in any order: keep each last one
        order, _, last = _runs(xp, _linear_indices(indices, front.shape))
        keep = order[last]
        indices, update = tuple(index[keep] for index in indices), update[keep]
    front[indices] = update
    return out


def combine_eager(ufunc_name: str) -> Any:
    """The eager function of a scatter that combines updates with what is there by a ufunc."""
    ordered = ufunc_name in ("minimum", "maximum")

    def eager(xp: Any, x: Any, update: Any, *indices: Any, axes: tuple[int, ...], mode: str) -> Any:
        dtype = x.dtype
        if ordered and dtype.kind == "c":
            raise TypeError("no order")  # the shape rule words the refusal
        if dtype.itemsize == 2 and is_float(dtype):
            x, update = x.astype(float32), update.astype(float32)
        out, front, indices, update = _scatter_operands(xp, x, update, indices, axes, mode)
        ufunc = getattr(xp, ufunc_name)
        if update.shape[0] == 1:
            front[indices] = ufunc(front[indices], update)
        elif update.size and xp is not np:
            _combine_runs(xp, ufunc, front, indices, update)
        elif update.size and front.flags.c_contiguous:
            # one flat index array is NumPy's fast case of ufunc.at
            block = math.prod(update.shape[1:])
            flat = _linear_indices(indices, front.shape)
            if block != 1:
                flat = (flat[:, None] * block + xp.arange(block)).reshape(-1)
            ufunc.at(front.reshape(-1), flat, update.reshape(-1))
        elif update.size:
            ufunc.at(front, indices, update)
        return out if out.dtype == dtype else out.astype(dtype)

    return eager


def _combine_runs(xp: Any, ufunc: Any, front: Any, indices: Any, update: Any) -> None:
    """``ufunc.at`` for GPUs, where it lacks ufuncs and dtypes: updates that meet are combined
    first, by doubling distances in sorted order, which makes the answer reproducible, too.
    """
    order, flat, last = _runs(xp, _linear_indices(indices, front.shape))
    update, distance = update[order], 1
    while distance < len(flat):
        same = flat[distance:] == flat[:-distance]
        same = same.reshape(same.shape + (1,) * (update.ndim - 1))
        joined = update.copy()
        joined[distance:] = xp.where(
            same, ufunc(update[:-distance], update[distance:]), update[distance:]
        )
        update, distance = joined, 2 * distance
    target = tuple(index[order][last] for index in indices)
    front[target] = ufunc(front[target], update[last])
