"""Products of tensors: all of them, and here those that are made of products of matrices."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.keeping import keep
from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import wants_grad
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops import added_products, einsum
from functorch_lite.torch._ops.matrix_products import dot, mm, unsafe_view
from functorch_lite.torch._ops.shape import dimension

__all__ = ["added_products", "einsum", "linalg_cross", "multi_dot"]


@public("inner", out=True)
def inner(input: Any, other: Any) -> Tensor:
    """The sum of products over the last dimension of both.

    Args:
        input: [..., m], or a tensor without dimensions, which scales the other.
        other: [..., m].

    Returns:
        the leading dimensions of both.

    Raises:
        RuntimeError: the last dimensions differ.

    Source: ``torch.inner``.
    """
    a, b = input._np, other._np
    if not a.ndim or not b.ndim:
        return input * other
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(a.shape)} and {list(b.shape)}"
        )
    if a.dtype != b.dtype:
        raise RuntimeError("both inputs should have same dtype")
    return _contracted(input, other, [a.ndim - 1], [b.ndim - 1])


@public("outer", "ger", out=True)
def outer(input: Any, vec2: Any) -> Tensor:
    """Every element of a vector times every element of another. Source: ``torch.outer``."""
    for name, t in (("self", input), ("vec2", vec2)):
        if t._np.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {t._np.ndim}-D")
    return input.reshape(input._np.size, 1) * vec2


# ---------------------------------------------------------------------------------------- tensordot
@public("tensordot", methods=False, out=True)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """The contraction of two tensors over some dimensions.

    Args:
        dims: how many of the last dimensions of ``a`` meet the first of ``b``, or the dimensions
            of each.

    Returns:
        the other dimensions of ``a``, then those of ``b``.

    Raises:
        RuntimeError: the dimensions do not go together.

    Source: ``torch.tensordot``.
    """
    if isinstance(dims, Tensor):
        dims = dims._np.tolist()
    if isinstance(dims, (tuple, list)):
        first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    else:
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a._np.ndim, b._np.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        first, second = list(range(-dims, 0)), list(range(dims))
    if len(first) != len(second):
        raise RuntimeError("both dimension lists should have same length")
    if a._np.dtype != b._np.dtype:
        raise RuntimeError("both inputs should have same dtype")
    return _contracted(a, b, first, second)


def _contracted(a: Any, b: Any, first: Sequence[int], second: Sequence[int]) -> Tensor:
    """One matrix product over the given dimensions, or one of vectors for a single number."""
    x, y = a._np.shape, b._np.shape
    ones, twos = [], []
    for i, j in zip(first, second, strict=True):
        d, e = dimension(i, len(x)), dimension(j, len(y))
        if y[e] == 1 and x[d] != 1:
            a = a.sum(d, keepdim=True, dtype=a.dtype)
        elif x[d] == 1 and y[e] != 1:
            b = b.sum(e, keepdim=True, dtype=b.dtype)
        elif x[d] != y[e]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {x[d]} in dim {i} and "
                f"second has size {y[e]} in dim {j}"
            )
        ones.append(d)
        twos.append(e)
    x, y = a._np.shape, b._np.shape
    rows = [d for d in range(len(x)) if d not in ones]
    columns = [e for e in range(len(y)) if e not in twos]
    height, width = [x[d] for d in rows], [y[e] for e in columns]
    inside = math.prod(x[d] for d in ones)
    left, right = a.permute((*rows, *ones)), b.permute((*twos, *columns))
    if math.prod(height) == math.prod(width) == 1:
        return dot(left.reshape(inside), right.reshape(inside)).reshape((*height, *width))
    left = left.reshape(math.prod(height), inside)
    return mm(left, right.reshape(inside, math.prod(width))).reshape((*height, *width))


@public("kron", out=True)
def kron(input: Any, other: Any) -> Tensor:
    """The Kronecker product: every element of ``input`` times all of ``other``, in blocks.

    Source: ``torch.kron``.
    """
    ndim = max(input._np.ndim, other._np.ndim)
    x = (1,) * (ndim - input._np.ndim) + input._np.shape
    y = (1,) * (ndim - other._np.ndim) + other._np.shape
    left = input.reshape([n for size in x for n in (size, 1)])
    right = other.reshape([n for size in y for n in (1, size)])
    return unsafe_view(left * right, tuple(m * n for m, n in zip(x, y, strict=True)))


# ------------------------------------------------------------------------------------------- chains
@public("chain_matmul", methods=False, out=True)
def chain_matmul(*matrices: Any) -> Tensor:
    """The product of several matrices, in the cheapest order. Source: ``torch.chain_matmul``."""
    warnings.warn(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use "
        "torch.linalg.multi_dot instead, which accepts a list of two or more tensors rather than "
        "multiple parameters.",
        stacklevel=3,
    )
    for t in matrices:
        if t._np.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {t._np.ndim}, expected 2 instead.")
    if len(matrices) == 1:
        return matrices[0].clone()
    return multi_dot(matrices)


def multi_dot(tensors: Sequence[Any], *, out: Any = None) -> Tensor:
    """The product of several matrices, in the cheapest order; the ends may be vectors.

    Args:
        tensors: two or more, [m, n] each; the first may be [n], the last [m].

    Raises:
        RuntimeError: their sizes or dtypes do not go together.

    Source: ``torch.linalg.multi_dot``.
    """
    if out is not None:
        found = multi_dot(tensors)
        out.resize_(found._np.shape).copy_(found)
        return out
    many = list(tensors)
    if len(many) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(many)}")
    shape: list[int] = []
    for at, keep_side in ((0, 0), (-1, 1)):
        t = many[at]
        if t._np.ndim == 1:
            many[at] = t.unsqueeze(0 if at == 0 else 1)
        elif t._np.ndim == 2:
            shape.append(t._np.shape[keep_side])
        else:
            which = "the first" if at == 0 else "the last"
            raise RuntimeError(
                f"multi_dot(): {which} tensor must be 1D or 2D but got {t._np.ndim}D"
            )
    for i, t in enumerate(many):
        if t._np.ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {t._np.ndim}D")
        if t._np.dtype != many[0]._np.dtype:
            raise RuntimeError(
                "multi_dot(): all tensors must have be the same dtype but tensor 0 is "
                f"{many[0].dtype.c_name} and tensor {i} {t.dtype.c_name}"
            )
    for i in range(len(many) - 1):
        x, y = many[i]._np.shape, many[i + 1]._np.shape
        if x[1] != y[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(x)} and {list(y)} cannot "
                "be multiplied"
            )
    order = _cheapest([many[0]._np.shape[0], *[t._np.shape[1] for t in many]])
    return _in_order(many, order, 0, len(many) - 1).view(shape)


def _cheapest(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where to cut each run of matrices, by the number of multiplications."""
    count = len(sizes) - 1
    cost: dict[tuple[int, int], int] = {(i, i): 0 for i in range(count)}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i, j], cut[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return cut


def _in_order(many: Sequence[Any], cut: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return many[i]
    k = cut[i, j]
    return mm(_in_order(many, cut, i, k), _in_order(many, cut, k + 1, j))


# -------------------------------------------------------------------------------------------- cross
@public("cross", out=True)
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross product of vectors of length 3.

    Args:
        dim: along which the vectors lie; the first of size 3 by default.

    Source: ``torch.cross``.
    """
    if dim is None:
        warnings.warn(
            "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass "
            "the dim explicitly or simply use torch.linalg.cross.\nThe default value of dim will "
            "change to agree with that of linalg.cross in a future release.",
            stacklevel=3,
        )
        dim = next((i for i, n in enumerate(input._np.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return _crossed(input, other, dim)


def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors of length 3. Source: ``torch.linalg.cross``."""
    return _crossed(input, other, dim)


def _crossed(input: Tensor, other: Tensor, dim: int) -> Tensor:
    a, b = input._np, other._np
    if a.ndim != b.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if a.shape[dim] != 3 or b.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a.shape[dim]} and "
            f"{b.shape[dim]}"
        )
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"expected scalar type {input.dtype.scalar_name} but found {other.dtype.scalar_name}"
        )
    if a.dtype.kind == "b":
        raise NotImplementedError("\"cross\" not implemented for 'Bool'")
    axis = dimension(dim, a.ndim)
    out = make(_cross_data(a, b, axis))
    if mode.enabled and wants_grad((input, other)) and a.dtype.kind in "fcV":
        node = keep("LinalgCrossBackward0", (input, other), (input, other), _CrossRule(axis))
        attach(out, node)
    return out


class _CrossRule:
    """The gradient of a cross product."""

    __slots__ = ("axis",)

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def __call__(self, g: Any, a: Any, b: Any) -> tuple[Tensor, Tensor]:
        return _crossed(b.conj(), g, self.axis), _crossed(g, a.conj(), self.axis)


def _cross_data(a: Any, b: Any, axis: int) -> Any:
    a, b = np.broadcast_arrays(a, b)
    one, two = (1, 2, 0), (2, 0, 1)
    return np.take(a, one, axis) * np.take(b, two, axis) - np.take(a, two, axis) * np.take(
        b, one, axis
    )
