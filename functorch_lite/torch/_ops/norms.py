"""Norms of tensors, distances between them, and rescaling to a largest norm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.trace import state
from functorch_lite.ops.families import HALF_CHARS
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.inplace import apply_inplace
from functorch_lite.torch._core.keeping import keep, keep_result
from functorch_lite.torch._core.large import when_large
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.op import Composite, wants_grad
from functorch_lite.torch._core.public import FUNCTIONS, method, public
from functorch_lite.torch._core.scipy_late import distance
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make
from functorch_lite.torch._ops.axes import (
    add_all,
    axes_of,
    max_all,
    min_all,
    one_axis,
    repeated,
    rows,
)
from functorch_lite.torch._ops.binary import broadcast_error, common
from functorch_lite.torch._ops.copying import cast

__all__ = ["cdist", "dist", "norm", "renorm", "vector_norm"]

_FLOAT32 = np.dtype(np.float32)
_INF = math.inf


# --------------------------------------------------------------------------------------- raw values
def _plain_norm(x: Any, *, p: float, axes: tuple[int, ...], keepdim: bool) -> Any:
    if p == 2 and x.dtype.kind == "f":
        return np.sqrt(add_all(x * x, axes, None, None, keepdim))
    size = np.abs(x)
    if p == _INF:
        return max_all(size, axes, None, None, keepdim)
    if p == -_INF:
        return min_all(size, axes, None, None, keepdim)
    if p == 0:
        return add_all(size != 0, axes, size.dtype, None, keepdim)
    if p == 1:
        return add_all(size, axes, None, None, keepdim)
    one = size.dtype.type
    return add_all(size ** one(p), axes, None, None, keepdim) ** one(1 / p)


def _norm_of(x: Array, *, p: float, axes: tuple[int, ...], keepdim: bool) -> Array:
    if p == 2:
        return fnp.sqrt(fnp.sum(x * x, axis=axes, keepdims=keepdim))
    size = fnp.abs(x)
    if p in (_INF, -_INF):
        extreme = fnp.max if p > 0 else fnp.min
        return extreme(size, axis=axes, keepdims=keepdim)
    if p == 0:
        return fnp.sum((x != 0).astype(x.dtype), axis=axes, keepdims=keepdim)
    if p == 1:
        return fnp.sum(size, axis=axes, keepdims=keepdim)
    return fnp.sum(size**p, axis=axes, keepdims=keepdim) ** (1 / p)


_norm_data = when_large(_plain_norm, _norm_of)


# ---------------------------------------------------------------------------------------- gradients
def _gradient(g: Any, x: Any, y: Any, p: float, axes: tuple[int, ...], keepdim: bool) -> Any:
    """The gradient of a norm; zero where the norm is not differentiable."""
    shape = x._np.shape
    if p == 0:
        return None
    g, y = repeated(g, shape, axes, keepdim), repeated(y, shape, axes, keepdim)
    if p == 1:
        return g * x.sgn()
    if p == 2:
        return g * _zero_where(x / y, y._np == 0)
    if p in (_INF, -_INF):
        here = np.abs(x._np) == y._np
        weights = here / add_all(here, axes, np.float64, None, True)
        return g * x.sgn() * make(weights.astype(x._np.dtype))
    if p < 2:
        part = _zero_where(x.abs() ** (p - 1), x._np == 0)
        return g * x.sgn() * part * _zero_where(y ** (1 - p), y._np == 0)
    part = x * x.abs() ** (p - 2)
    return g * part * _zero_where(y ** (1 - p), y._np == 0)


def _zero_where(t: Any, here: Any) -> Tensor:
    return t.masked_fill(make(here), 0) if is_symbol(here) or here.any() else t


def vector_norm(
    input: Tensor, p: float, dim: Any, keepdim: bool, dtype: DType | None,
    node: str = "LinalgVectorNormBackward0",
) -> Tensor:  # fmt: skip
    """The ``p``-norm over some dimensions, all for None.

    Raises:
        RuntimeError: the tensor is not floating, or has no elements and no norm.
    """
    if input._np.dtype.kind in "biu":
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{input.dtype.scalar_name}"
        )
    t = input if dtype is None else cast(input, dtype)
    array = t._np
    axes = axes_of(dim, array.ndim, "linalg_vector_norm")
    if not array.size and (p < 0 or p == _INF):
        _refuse_empty(array.shape, p, dim, axes)
    out = make(_norm_values(array, p, axes, keepdim))
    if mode.enabled and needs_grad(t):
        keep_result(out, keep(node, (t,), (t,), _rule(p, axes, keepdim)))
    return out


def _norm_values(array: Any, p: float, axes: tuple[int, ...], keepdim: bool) -> Any:
    if array.dtype.char in HALF_CHARS:
        return _norm_values(array.astype(_FLOAT32), p, axes, keepdim).astype(array.dtype)
    return rows(_norm_data(array, p=p, axes=axes, keepdim=keepdim))


def _rule(p: float, axes: tuple[int, ...], keepdim: bool) -> Any:
    def rule(g: Any, x: Any, y: Any) -> Any:
        return _gradient(g, x, y, p, axes, keepdim)

    return rule


def _refuse_empty(shape: tuple[int, ...], p: float, dim: Any, axes: tuple[int, ...]) -> None:
    name = str(p) if p in (_INF, -_INF) else f"{p:g}"
    if dim is None or dim == ():
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {name} norm on an empty tensor because the "
            "operation does not have an identity"
        )
    for i in axes:
        if not shape[i]:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {name} norm on the dimension {i}because "
                "this dimension is empty and the operation does not have an identity"
            )


@public(out=True)
def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False,
    dtype: DType | None = None,
) -> Tensor:  # fmt: skip
    """The norm of all elements, or over some dimensions.

    Args:
        p: the exponent, ``"fro"`` for 2, or ``"nuc"`` for the sum of a matrix's singular values.
        dim: one dimension, several, or None for all.
        keepdim: whether the dimensions stay, with size 1.
        dtype: into which the input is converted first.

    Raises:
        RuntimeError: the tensor is not floating, or has no elements and no norm.

    >>> import functorch_lite.torch as torch
    >>> torch.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)

    Source: ``torch.norm``.
    """
    if isinstance(p, str):
        if p == "nuc":
            return _nuclear(input, dim, keepdim, dtype)
        if p != "fro":
            raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
        p = 2.0
    exponent = 2.0 if p is None else float(p)
    return vector_norm(input, exponent, dim, keepdim, dtype)


def _nuclear(input: Tensor, dim: Any, keepdim: bool, dtype: DType | None) -> Tensor:
    dims = tuple(range(input._np.ndim)) if dim is None else dim
    x = input if dtype is None or input.dtype.kind < 2 else cast(input, dtype)
    found: Tensor = FUNCTIONS["nuclear_norm"](x, dims, keepdim)
    return found


# ---------------------------------------------------------------------------------------- distances
@public()
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The ``p``-norm of the difference of two tensors.

    Raises:
        RuntimeError: they do not broadcast, or are not floating.

    Source: ``torch.dist``.
    """
    dtype = common(input, other)
    if dtype.kind < 2:
        raise RuntimeError(
            "norm(): input dtype should be either floating point or complex. Got "
            f"{dtype.scalar_name} instead."
        )
    exponent = float(p)
    a, b = cast(input, dtype), cast(other, dtype)
    try:
        away = a._np - b._np
    except ValueError:
        raise broadcast_error(a, b) from None
    axes = tuple(range(away.ndim))
    out = make(_norm_values(away, exponent, axes, False))
    if wants_grad((a, b)):

        def rule(g: Any, x: Any, y: Any, found: Any) -> Any:
            h = _gradient(g, x - y, found, exponent, axes, False)
            return (None, None) if h is None else (h, -h)

        keep_result(out, keep("DistBackward0", (a, b), (a, b), rule))
    return out


_MODES = (
    "use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"
)  # fmt: skip
_MM_ROWS = 25
"""Rows from which on PyTorch takes the distances from a matrix product."""
_BLOCK = 1 << 16
"""Squares of distances that are made at a time, so that they stay in the cache."""


@public(methods=False)
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = _MODES[0]) -> Tensor:
    """The distances between all rows of two (batches of) matrices.

    Args:
        x1: floating [..., P, M].
        x2: floating [..., R, M].
        p: the exponent of the norm.
        compute_mode: whether Euclidean distances may be taken from a matrix product.

    Returns:
        [..., P, R].

    Raises:
        RuntimeError: no matrices, of different numbers of columns, or a negative ``p``.

    >>> import functorch_lite.torch as torch
    >>> torch.cdist(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([[5.]])

    Source: ``torch.cdist``.
    """
    if compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    a, b = x1._np, x2._np
    for name, t in (("X1", x1), ("X2", x2)):
        if t._np.ndim < 2:
            raise RuntimeError(
                f"cdist only supports at least 2D tensors, {name} got: {t._np.ndim}D"
            )
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {a.shape[-1]} X2: {b.shape[-1]}"
        )
    for name, t in (("X1", x1), ("X2", x2)):
        if not t.dtype.is_floating_point:
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: {t.dtype.scalar_name}"
            )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"expected scalar type {x1.dtype.scalar_name} but found {x2.dtype.scalar_name}"
        )
    exponent = float(p)
    product = compute_mode == _MODES[1] or (
        compute_mode == _MODES[0] and (a.shape[-2] > _MM_ROWS or b.shape[-2] > _MM_ROWS)
    )
    out = make(_distances(a, b, exponent, product))
    if wants_grad((x1, x2)):

        def rule(g: Any, x: Any, y: Any, found: Any) -> Any:
            away = x.unsqueeze(-2) - y.unsqueeze(-3)
            h = _gradient(g, away, found, exponent, (away._np.ndim - 1,), False)
            if h is None:
                return x * 0, y * 0
            return h.sum(-2), -h.sum(-3)

        keep_result(out, keep("CdistBackward0", (x1, x2), (x1, x2), rule))
    return out


def _distances(a: Any, b: Any, p: float, product: bool) -> Any:
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    shape = (*batch, a.shape[-2], b.shape[-2])
    out = np.zeros(shape, a.dtype)
    if not out.size or not a.shape[-1]:
        return out
    if p == 2 and product:
        return state.run(_from_product, a, b, out)
    left = np.broadcast_to(a, (*batch, *a.shape[-2:])).reshape(-1, *a.shape[-2:])
    right = np.broadcast_to(b, (*batch, *b.shape[-2:])).reshape(-1, *b.shape[-2:])
    for i, target in enumerate(out.reshape(-1, *shape[-2:])):
        target[...] = _pairs(left[i].astype(np.float64), right[i].astype(np.float64), p)
    return out


def _pairs(a: Any, b: Any, p: float) -> Any:
    if p == 0:
        return distance.cdist(a, b, "hamming") * a.shape[-1]
    if p in (1.0, 2.0, _INF):
        return distance.cdist(a, b, {1.0: "cityblock", 2.0: "euclidean"}.get(p, "chebyshev"))
    return distance.cdist(a, b, "minkowski", p=p)


def _from_product(a: Any, b: Any, out: Any) -> Any:
    # What is left where squares cancel is more than the rounding of single precision.
    a, b = a.astype(np.float64, copy=False), b.astype(np.float64, copy=False)
    left, right = (add_all(x * x, -1)[..., None] for x in (a, b))
    # The product adds the squares of both sides as well.
    a = np.concatenate([a * -2, left, np.ones_like(left)], -1)
    b = np.swapaxes(np.concatenate([b, np.ones_like(right), right], -1), -1, -2)
    root = out.dtype if out.dtype.itemsize > 2 else _FLOAT32
    step = max(1, _BLOCK // b.shape[-1])
    for i in range(0, a.shape[-2], step):
        part = slice(i, i + step)
        squares = np.matmul(a[..., part, :], b).astype(root, copy=False)
        np.maximum(squares, 0, out=squares)
        out[..., part, :] = np.sqrt(squares, out=squares)
    return out


# ---------------------------------------------------------------------------------------- rescaling
def _renormed(x: Array, *, p: float, axes: tuple[int, ...], most: float) -> Array:
    wide = fnp.asarray(x, dtype=_FLOAT32) if x.dtype.itemsize == 2 else x
    size = fnp.abs(wide)
    if p == _INF:
        found = fnp.max(size, axis=axes, keepdims=True)
    elif p == 1:
        found = fnp.sum(size, axis=axes, keepdims=True)
    else:
        # Powers and roots of zero have no derivative; zeros are not rescaled.
        zero = size == 0
        powers = fnp.where(zero, 0, fnp.where(zero, 1, size) ** p)
        powers = fnp.sum(powers, axis=axes, keepdims=True)
        nothing = powers == 0
        found = fnp.where(nothing, 0, fnp.where(nothing, 1, powers) ** (1 / p))
    factor = fnp.where(found > most, most / (found + 1e-7), 1)
    return fnp.asarray(wide * factor, dtype=x.dtype)


_RENORM = Composite("RenormBackward0", _renormed)


def _renorm_params(input: Tensor, p: Any, dim: int, maxnorm: Any) -> dict[str, Any]:
    ndim = input._np.ndim
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    if ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {ndim} dimensions")
    axis = one_axis(dim, ndim, "renorm")
    if input._np.dtype.kind in "biu":
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{input.dtype.scalar_name}"
        )
    axes = tuple([i for i in range(ndim) if i != axis])
    return {"p": float(p), "axes": axes, "most": float(maxnorm)}


@public(out=True)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Slices along a dimension, scaled down where their ``p``-norm exceeds a limit.

    Raises:
        RuntimeError: fewer than two dimensions, or ``p`` or ``maxnorm`` out of range.

    Source: ``torch.renorm``.
    """
    return _RENORM([input], **_renorm_params(input, p, dim, maxnorm))


@method("renorm_")
def renorm_(self: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """``renorm`` in place. Source: ``torch.Tensor.renorm_``."""
    return apply_inplace(_RENORM, (self,), _renorm_params(self, p, dim, maxnorm))
