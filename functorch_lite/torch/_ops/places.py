"""Elements picked along a dimension by their positions, and their gradients put back there."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.keeping import keep, keep_plain
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.op import formula
from functorch_lite.torch._core.tensor import Tensor, make, zeros_for

__all__ = ["added", "gathered", "picked", "placed", "results_at"]


def picked(t: Tensor, at: Any, axis: int) -> Tensor:
    """The elements at raw positions ``at``, each at most once per line."""
    shape = t._np.shape
    out = make(np.take_along_axis(t._np, at, axis))
    if mode.enabled and needs_grad(t):
        attach(out, formula("GatherBackward0", (t,), lambda g: placed(g, at, axis, shape)))
    return out


def placed(g: Any, at: Any, axis: int, shape: tuple[int, ...]) -> Tensor:
    """Zeros of a shape with elements at positions, each position at most once per line."""
    data = zeros_for(g._np, shape)
    np.put_along_axis(data, at, g._np, axis)
    out = make(data)
    if mode.enabled and needs_grad(g):
        attach(out, formula("ScatterBackward0", (g,), lambda h: picked(h, at, axis)))
    return out


def added(g: Any, at: Any, axis: int, shape: tuple[int, ...]) -> Tensor:
    """Zeros of a shape with elements added at positions, which may repeat."""
    array = g._np
    wide = array.dtype if array.dtype.itemsize > 2 else np.dtype(np.float32)
    values = array.astype(wide, copy=False)
    data = zeros_for(values, shape)
    where = list(np.ogrid[tuple(slice(n) for n in at.shape)])
    where[axis] = at
    np.add.at(data, tuple(where), values)
    out = make(data.astype(array.dtype, copy=False))
    if mode.enabled and needs_grad(g):
        attach(out, formula("ScatterAddBackward0", (g,), lambda h: gathered(h, at, axis)))
    return out


def gathered(t: Tensor, at: Any, axis: int) -> Tensor:
    """The elements at raw positions, which may repeat."""
    shape = t._np.shape
    out = make(np.take_along_axis(t._np, at, axis))
    if mode.enabled and needs_grad(t):
        attach(out, formula("GatherBackward0", (t,), lambda g: added(g, at, axis, shape)))
    return out


def results_at(
    kind: Any, name: str, t: Tensor, at: Any, axis: int, keepdim: bool = True, back: Any = placed
) -> Any:
    """Values and positions as a function of several results returns them.

    Args:
        kind: the class of the results.
        name: of the node.
        at: int64 positions along ``axis``; of size 1 there where ``keepdim`` is false.
        back: what puts the gradient to its place.
    """
    array = t._np
    if not array.ndim:
        data, indices = array.copy(), at.reshape(())
        keepdim = True
    else:
        data = array[at] if array.ndim == 1 else np.take_along_axis(array, at, axis)
        indices = at
        if not keepdim:
            size = at.shape[:axis] + at.shape[axis + 1 :]
            data, indices = data.reshape(size), at.reshape(size)
    out, order = make(data), make(indices)
    if mode.enabled and needs_grad(t) and array.dtype.kind not in "biu":
        shape = array.shape

        def rule(g: Any, where: Any) -> Tensor:
            if not shape:
                return g
            places = where._np
            if not keepdim:
                g, places = g.unsqueeze(axis), np.expand_dims(places, axis)
            found: Any = back(g, places, axis, shape)
            return found

        node = keep(name, (t,), (), rule)
        attach(out, node)
        keep_plain(order, node)
    return kind((out, order))
