"""Tensors put together: cat, stack and what is made of them, grids, broadcasting together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import FROM_NP, default
from functorch_lite.torch._core.layout import channels_last, channels_last_3d
from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.promotion import promote_types
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.size import Size
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make, zeros_for
from functorch_lite.torch._ops.copying import laid_out, lies_by_channels
from functorch_lite.torch._ops.index_write import keeping
from functorch_lite.torch._ops.select_basic import ALL, selected, sliced
from functorch_lite.torch._ops.shape import dimension, expanded, unsqueeze

__all__ = ["cat", "stack"]


# ------------------------------------------------------------------------------------- arguments
def _tensors(tensors: Any, name: str) -> Sequence[Tensor]:
    """A sequence of tensors.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(tensors, (list, tuple)):
        if isinstance(tensors, Tensor) or not hasattr(tensors, "__len__"):
            raise TypeError(
                f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
                f"{type(tensors).__name__}"
            )
        tensors = list(tensors)
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}"
            )
    return tensors


def _common(arrays: Sequence[Any]) -> Any:
    """The raw dtype that holds all values."""
    first = arrays[0].dtype
    if all(a.dtype == first for a in arrays):
        return first
    found = FROM_NP[first]
    for a in arrays[1:]:
        found = promote_types(found, FROM_NP[a.dtype])
    return found.np


# ----------------------------------------------------------------------------------------- joined
@public("cat", "concat", "concatenate", methods=False, out=True)
def cat(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors one after the other along a dimension.

    Args:
        tensors: of equal sizes in all other dimensions; empty vectors are left out.
        dim: the dimension.

    Raises:
        RuntimeError: the sizes do not fit.

    >>> import functorch_lite.torch as torch
    >>> torch.cat([torch.tensor([1]), torch.tensor([2, 3])]).tolist()
    [1, 2, 3]

    Source: ``torch.cat``.
    """
    tensors = _tensors(tensors, "cat")
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    arrays = [t._np for t in tensors]
    for i, a in enumerate(arrays):
        if not a.ndim:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    kept = [a for a in arrays if a.ndim != 1 or a.shape[0]]
    pattern = kept[0] if kept else arrays[0]
    at = dimension(dim, pattern.ndim)
    dtype = _common(arrays)
    if not kept:
        data = np.empty(0, dtype)
    else:
        try:
            data = np.concatenate(kept, at, dtype=dtype, casting="unsafe")
        except ValueError:
            raise _misfit(arrays, pattern, at) from None
        if pattern.ndim > 3 and all(lies_by_channels(a) for a in kept):
            data = laid_out(data, channels_last if pattern.ndim == 4 else channels_last_3d)
        elif not data.flags.c_contiguous:
            data = np.ascontiguousarray(data)
    out = make(data)
    if dtype.kind in "fcV" and wants_grad(tensors):
        lengths = [a.shape[at] if a.ndim == pattern.ndim else 0 for a in arrays]
        empty = [a.ndim == 1 and not a.shape[0] and pattern.ndim != 1 for a in arrays]
        attach(out, formula("CatBackward0", tensors, _parts(tensors, lengths, empty, at)))
    return out


def _parts(
    tensors: Sequence[Tensor], lengths: Sequence[int], empty: Sequence[bool], at: int
) -> Callable[[Tensor], list[Tensor | None]]:
    """From the gradient of joined tensors to those of the tensors."""
    wanted = [wants_grad((t,)) for t in tensors]
    dtypes = [t._np.dtype for t in tensors]

    def backward(g: Tensor) -> list[Tensor | None]:
        found: list[Tensor | None] = []
        start = 0
        for n, gone, want, dtype in zip(lengths, empty, wanted, dtypes, strict=True):
            if not want:
                found.append(None)
            elif gone:
                found.append(make(np.zeros(0, dtype)))
            else:
                part = sliced(g, at, start, start + n, 1)
                if dtype != g._np.dtype:
                    if dtype.kind != "c" and g._np.dtype.kind == "c":
                        part = part.real
                    part = part.to(FROM_NP[dtype])
                found.append(part)
            start += n
        return found

    return backward


def _misfit(arrays: Sequence[Any], pattern: Any, at: int) -> RuntimeError:
    """Why arrays cannot be joined."""
    for i, a in enumerate(arrays):
        if a.ndim == 1 and not a.shape[0]:
            continue
        if a.ndim != pattern.ndim:
            return RuntimeError(
                f"Tensors must have same number of dimensions: got {pattern.ndim} and {a.ndim}"
            )
        for d, (n, m) in enumerate(zip(pattern.shape, a.shape, strict=True)):
            if d != at and n != m:
                return RuntimeError(
                    f"Sizes of tensors must match except in dimension {at}. Expected size {n} but "
                    f"got size {m} for tensor number {i} in the list."
                )
    return RuntimeError("the sizes of the tensors do not match")


@public("stack", methods=False, out=True)
def stack(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors of one size along a new dimension.

    Raises:
        RuntimeError: the sizes differ.

    >>> import functorch_lite.torch as torch
    >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])], 1).tolist()
    [[1, 3], [2, 4]]

    Source: ``torch.stack``.
    """
    tensors = _tensors(tensors, "stack")
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    arrays = [t._np for t in tensors]
    shape = arrays[0].shape
    for i, a in enumerate(arrays):
        if a.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(a.shape)} at entry {i}"
            )
    at = dimension(dim, len(shape) + 1)
    dtype = _common(arrays)
    key = (*(ALL,) * at, None)
    data = np.concatenate([a[key] for a in arrays], at, dtype=dtype, casting="unsafe")
    if not data.flags.c_contiguous:
        data = np.ascontiguousarray(data)
    out = make(data)
    if dtype.kind in "fcV" and wants_grad(tensors):
        wanted = [wants_grad((t,)) for t in tensors]
        kinds = [FROM_NP[a.dtype] for a in arrays]

        def backward(g: Tensor) -> list[Tensor | None]:
            return [
                selected(g, at, i).to(kind) if want else None
                for i, (want, kind) in enumerate(zip(wanted, kinds, strict=True))
            ]

        attach(out, formula("StackBackward0", tensors, backward))
    return out


def _joiner(names: tuple[str, ...], widen: Callable[[Tensor], Tensor], axis: Callable[[int], int],
            doc: str) -> None:  # fmt: skip
    name = names[0]

    def join(tensors: Any) -> Tensor:
        given = _tensors(tensors, name)
        if not given:
            raise RuntimeError(f"{name} expects a non-empty TensorList")
        wide = [widen(t) for t in given]
        return cat(wide, axis(wide[0]._np.ndim))

    join.__name__ = name
    join.__doc__ = f"{doc} Source: ``torch.{name}``."
    public(*names, methods=False, out=True)(join)


# ------------------------------------------------------------------------------ dimensions at least
def _one(t: Tensor) -> Tensor:
    return t.reshape(1) if not t._np.ndim else t


def _two(t: Tensor) -> Tensor:
    ndim = t._np.ndim
    if ndim == 1:
        return unsqueeze(t, 0)
    return t if ndim else t.reshape(1, 1)


def _three(t: Tensor) -> Tensor:
    ndim = t._np.ndim
    if ndim == 1:
        return unsqueeze(unsqueeze(t, 0), 2)
    if ndim == 2:
        return unsqueeze(t, 2)
    return t if ndim else t.reshape(1, 1, 1)


def _column(t: Tensor) -> Tensor:
    array = t._np
    return t.reshape(array.size, 1) if array.ndim <= 1 else t


_joiner(("hstack",), _one, lambda ndim: 0 if ndim == 1 else 1, "Tensors side by side.")
_joiner(("vstack", "row_stack"), _two, lambda ndim: 0, "Tensors below each other.")
_joiner(("dstack",), _three, lambda ndim: 2, "Tensors behind each other.")
_joiner(("column_stack",), _column, lambda ndim: 1, "Vectors as columns, matrices side by side.")


def _at_least(name: str, widen: Callable[[Tensor], Tensor], count: str) -> None:
    def at_least(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], Tensor):
            return widen(tensors[0])
        given = tensors[0] if len(tensors) == 1 else tensors
        return tuple([widen(t) for t in _tensors(given, name)])

    at_least.__name__ = name
    at_least.__doc__ = f"With at least {count}. Source: ``torch.{name}``."
    public(name, methods=False)(at_least)


_at_least("atleast_1d", _one, "one dimension")
_at_least("atleast_2d", _two, "two dimensions")
_at_least("atleast_3d", _three, "three dimensions")


# ----------------------------------------------------------------------------------- broadcasting
@public("broadcast_tensors", methods=False)
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Tensors expanded to one size.

    Raises:
        RuntimeError: the sizes do not go together.

    Source: ``torch.broadcast_tensors``.
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    size: tuple[int, ...] = ()
    for t in given:
        size = _together(size, t._np.shape)
    return tuple([t if t._np.shape == size else expanded(t, size) for t in given])


def _together(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        ndim = max(len(a), len(b))
        x, y = (1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b
        at = next(i for i in range(ndim - 1, -1, -1) if x[i] != y[i] and 1 not in (x[i], y[i]))
        raise RuntimeError(
            f"The size of tensor a ({x[at]}) must match the size of tensor b ({y[at]}) at "
            f"non-singleton dimension {at}"
        ) from None


@public("broadcast_shapes", methods=False)
def broadcast_shapes(*shapes: Any) -> Size:
    """The size to which sizes broadcast.

    Raises:
        RuntimeError: they do not go together.

    Source: ``torch.broadcast_shapes``.
    """
    given = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    ndim = max((len(s) for s in given), default=0)
    found = [1] * ndim
    for number, shape in enumerate(given):
        for i in range(-1, -1 - len(shape), -1):
            n = shape[i]
            if n < 0:
                raise RuntimeError(f"Trying to create tensor with negative dimension ({n}): ({n})")
            if n in (1, found[i]):
                continue
            if found[i] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {n} at {i}! Mismatching "
                    f"argument at index {number} had {shape}; but expected shape should be "
                    f"broadcastable to {found}"
                )
            found[i] = n
    return Size(found)


# ------------------------------------------------------------------------------------------ blocks
@public("block_diag", methods=False)
def block_diag(*tensors: Any) -> Tensor:
    """Matrices along the diagonal of a matrix of zeros.

    Args:
        tensors: of at most two dimensions; vectors are rows.

    Source: ``torch.block_diag``.
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    for i, t in enumerate(tensors):
        if t._np.ndim > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input "
                f"{i} has {t._np.ndim} dimensions"
            )
    if not tensors:
        return make(np.empty((1, 0), default.dtype.np))
    arrays = [t._np for t in tensors]
    blocks = [a.reshape(1, -1) if a.ndim < 2 else a for a in arrays]
    dtype = _common(arrays)
    like = next((b for b in blocks if is_symbol(b)), np.empty(0)).astype(dtype)
    data = zeros_for(like, (sum(b.shape[0] for b in blocks), sum(b.shape[1] for b in blocks)))
    corners = []
    row = column = 0
    for b in blocks:
        corners.append((row, column, *b.shape))
        data[row : row + b.shape[0], column : column + b.shape[1]] = b
        row += b.shape[0]
        column += b.shape[1]
    wanted = [wants_grad((t,)) for t in tensors]
    shapes = [a.shape for a in arrays]
    kinds = [FROM_NP[a.dtype] for a in arrays]

    def backward(g: Tensor) -> list[Tensor | None]:
        found: list[Tensor | None] = []
        for want, shape, kind, (r, c, h, w) in zip(wanted, shapes, kinds, corners, strict=True):
            if not want:
                found.append(None)
                continue
            part = sliced(sliced(g, 0, r, r + h, 1), 1, c, c + w, 1)
            found.append(part.reshape(shape).to(kind))
        return found

    return keeping(data, "BlockDiagBackward0", tensors, (), backward)
