"""Elements along one dimension by an index of the same rank: gather, scatter and its kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.inplace import no_overlap
from functorch_lite.torch._core.op import wants_grad
from functorch_lite.torch._core.public import FUNCTIONS, method, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.index_key import Key
from functorch_lite.torch._ops.index_put import add_at
from functorch_lite.torch._ops.index_rows import beyond
from functorch_lite.torch._ops.index_write import (
    apart,
    as_value,
    keeping,
    refusal,
    write_at,
    write_copy,
)
from functorch_lite.torch._ops.shape import dimension, expanded

__all__ = ["along", "check_inside", "publish_both", "target", "written"]

UFUNCS = {
    "sum": np.add, "add": np.add, "prod": np.multiply, "multiply": np.multiply, "mean": np.add,
    "amax": np.maximum, "amin": np.minimum,
}  # fmt: skip


# ------------------------------------------------------------------------------------- arguments
def along(index: Any, dim: int) -> tuple[Any, ...]:
    """The NumPy index of the elements that an index along a dimension means."""
    ndim = index.ndim
    found = [np.arange(n).reshape((n,) + (1,) * (ndim - 1 - d)) for d, n in enumerate(index.shape)]
    found[dim] = index
    return tuple(found)


def _raw_index(index: Tensor, name: str) -> Any:
    array = index._np
    if array.dtype.name not in ("int64", "int32"):
        if not array.size:
            return array.astype(np.int64)
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    return array


def check_inside(index: Any, dim: int, shape: tuple[int, ...]) -> None:
    n = shape[dim] if shape else 1
    bad = beyond(index, n)
    if bad is not None:
        raise RuntimeError(f"index {bad} is out of bounds for dimension {dim} with size {n}")


# --------------------------------------------------------------------------------------- reading
@public("gather", out=True)
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Elements along a dimension: ``out[i][j] = input[index[i][j]][j]`` for dimension 0.

    Args:
        index: int32 or int64, of the rank of the input and not larger in other dimensions.

    Raises:
        RuntimeError: the index does not fit, or reaches outside the dimension.

    >>> import functorch_lite.torch as torch
    >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[1], [0]])).tolist()
    [[2], [3]]

    Source: ``torch.gather``.
    """
    array = input._np
    shape = array.shape
    at = dimension(dim, len(shape))
    places = _raw_index(index, "gather")
    if places.size:
        if (places.ndim or 1) != (len(shape) or 1):
            raise RuntimeError(
                "Index tensor must have the same number of dimensions as input tensor"
            )
        if places.ndim == len(shape):
            for d, (n, most) in enumerate(zip(places.shape, shape, strict=True)):
                if d != at and n > most:
                    raise RuntimeError(
                        f"Size does not match at dimension {d} expected index "
                        f"{list(places.shape)} to be no larger than self {list(shape)} apart from "
                        f"dimension {at}"
                    )
    check_inside(places, at, shape)
    if not shape or not places.ndim or not places.size:
        data = array.reshape(-1)[places] if places.size else np.empty(places.shape, array.dtype)
        data = np.asarray(data) if isinstance(data, np.generic) else data
    else:
        data = array[along(places, at)]
        if not data.flags.c_contiguous:
            data = np.ascontiguousarray(data)

    def backward(g: Tensor, index: Tensor) -> Tensor:
        zeros = make(np.zeros(shape, g._np.dtype))
        return scatter_add(zeros, at, index, g)

    return keeping(data, "GatherBackward0", (input,), (index,), backward)


@public("take_along_dim", out=True)
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Like ``gather``, with the other dimensions broadcast.

    Args:
        dim: None for the flattened tensors.

    Source: ``torch.take_along_dim``.
    """
    if indices._np.dtype != np.int64:
        raise RuntimeError(
            "torch.take_along_dim(): dtype of indices should be Long but got "
            f"{indices.dtype.scalar_name}"
        )
    if dim is None:
        return gather(input.view(-1), 0, indices.view(-1))
    a, b = input._np.shape, indices._np.shape
    if len(a) != len(b):
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {len(a)} dimensions for input, and {len(b)} dimensions for indices"
        )
    at = dimension(dim, len(a))
    wide = np.broadcast_shapes((*a[:at], 1, *a[at + 1 :]), (*b[:at], 1, *b[at + 1 :]))
    own = expanded(input, (*wide[:at], a[at], *wide[at + 1 :]))
    places = expanded(indices.remainder(max(a[at], 1)), (*wide[:at], b[at], *wide[at + 1 :]))
    return gather(own, at, places)


# --------------------------------------------------------------------------------------- writing
def target(input: Tensor, dim: int, index: Tensor, source: Any, name: str) -> tuple[int, Any, Any]:
    """The dimension, the raw index and the raw values, checked to fit."""
    shape = input._np.shape
    at = dimension(dim, len(shape))
    places = _raw_index(index, name)
    if isinstance(source, Tensor) and source._np.dtype != input._np.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    values = source._np if isinstance(source, Tensor) else None
    if not places.size:
        return at, places, values
    if values is not None and np.may_share_memory(values, input._np):
        values = values.copy()
    if (places.ndim or 1) != (len(shape) or 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    if values is not None and (values.ndim or 1) != (places.ndim or 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    own = shape or (1,)
    size = places.shape or (1,)
    fits = all(n <= m for d, (n, m) in enumerate(zip(size, own, strict=True)) if d != at)
    if values is not None:
        most = values.shape or (1,)
        if not fits or any(n > m for n, m in zip(size, most, strict=True)):
            raise RuntimeError(
                f"Expected index {list(places.shape)} to be no larger than self {list(shape)} "
                f"apart from dimension {at} and to be no larger size than src "
                f"{list(values.shape)}"
            )
        if size != most:
            values = values[tuple([slice(n) for n in size])]
    elif not fits:
        raise RuntimeError(
            f"Expected index {list(places.shape)} to be no larger than self {list(shape)} apart "
            f"from dimension {at}"
        )
    check_inside(places, at, shape)
    return at, places, values


def publish_both(name: str, plan: Callable[..., Any], doc: str, result: bool = False) -> None:
    """``name`` and ``name_`` from what to write and the gradients."""

    def outside(
        input: Tensor, dim: int, index: Tensor, src: Any = None, reduce: Any = None, *,
        value: Any = None, include_self: bool = True,
    ) -> Tensor:  # fmt: skip
        what = value if src is None else src
        others, node, backward, change, saved = plan(input, dim, index, what, reduce, include_self)
        return write_copy(input, others, node, backward, change, saved, result)

    def inside(
        self: Tensor, dim: int, index: Tensor, src: Any = None, reduce: Any = None, *,
        value: Any = None, include_self: bool = True,
    ) -> Tensor:  # fmt: skip
        what = value if src is None else src
        others, node, backward, change, saved = plan(self, dim, index, what, reduce, include_self)
        no_overlap(self._np)
        apart(self, others)
        return write_at(self, others, node, backward, change, saved, result)

    outside.__name__, inside.__name__ = name, f"{name}_"
    outside.__doc__ = f"{doc} Source: ``torch.{name}``."
    inside.__doc__ = f"{doc} In place. Source: ``torch.Tensor.{name}_``."
    public(name, out=True)(outside)
    method(f"{name}_")(inside)


def _scatter(
    t: Tensor, dim: int, index: Tensor, source: Any, reduce: str | None = None,
    include_self: bool = True,
) -> Any:  # fmt: skip
    if reduce is not None and reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    at, places, values = target(t, dim, index, source, "scatter")
    if values is None:
        values = as_value(source, FROM_NP[t._np.dtype])

    def change(target: Any) -> None:
        written(target, at, places, values, None if reduce is None else UFUNCS[reduce])

    tensor = isinstance(source, Tensor)
    others = (source,) if tensor else ()
    if reduce is not None:
        return others, "NotImplemented", refusal("scatter"), change, (index,)
    wanted = tensor and wants_grad(others)

    def backward(g: Tensor, index: Tensor) -> Any:
        own = scatter(g, at, index, 0)
        if not tensor:
            return own
        return own, gather(g, at, index) if wanted else None

    return others, f"ScatterBackward{0 if tensor else 1}", backward, change, (index,)


def written(target: Any, at: int, places: Any, values: Any, ufunc: np.ufunc | None) -> None:
    """Write or combine raw values along a dimension."""
    if not places.size:
        return
    if not target.ndim:
        target, places = target.reshape(1), places.reshape(-1)
        values = np.reshape(values, -1)
    elif not places.ndim:
        places, values = places.reshape(1), np.reshape(values, -1)
    key = along(places, at)
    if ufunc is None:
        target[key] = values
    else:
        add_at(target, Key(key, False), values, ufunc)


def _scatter_add(
    t: Tensor, dim: int, index: Tensor, source: Any, reduce: Any = None,
    include_self: bool = True,
) -> Any:  # fmt: skip
    at, places, values = target(t, dim, index, source, "scatter")

    def change(target: Any) -> None:
        written(target, at, places, values, np.add)

    wanted = wants_grad((source,))

    def backward(g: Tensor, index: Tensor) -> Any:
        return g, gather(g, at, index) if wanted else None

    return (source,), "ScatterAddBackward0", backward, change, (index,)


publish_both("scatter", _scatter, "A number or the elements of a tensor written along a dimension.")
publish_both("scatter_add", _scatter_add, "The elements of a tensor added along a dimension.")
scatter: Callable[..., Tensor] = FUNCTIONS["scatter"]
scatter_add: Callable[..., Tensor] = FUNCTIONS["scatter_add"]
