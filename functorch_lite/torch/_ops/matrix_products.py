"""Products of vectors, matrices and batches of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite.torch._core.foreign import refuse_foreign
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import Node, attach, edge_of, needs_grad
from functorch_lite.torch._core.public import overrides, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.bilinear import (
    ConjugateDotNode,
    DotNode,
    VectorNode,
    bilinear,
    kind_of,
    product,
    raw_conj,
)

__all__ = ["bmm", "dot", "matmul", "mm", "mv", "unsafe_view", "vdot"]

MM = kind_of("MmBackward0")
BMM = kind_of("BmmBackward0")
MV = kind_of("MvBackward0", VectorNode)
DOT = kind_of("DotBackward0", DotNode)
VDOT = kind_of("VdotBackward0", ConjugateDotNode)


# --------------------------------------------------------------------------------------- complaints
def no_bool(array: Any, name: str) -> None:
    """Refuse bool operands."""
    if array.dtype.kind == "b":
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")


def different(a: Tensor, b: Tensor) -> RuntimeError:
    """Two matrices of different dtypes."""
    return RuntimeError(
        "expected m1 and m2 to have the same dtype, but got: "
        f"{a.dtype.c_name} != {b.dtype.c_name}"
    )


def scalar_types(a: Tensor, b: Tensor) -> RuntimeError:
    """Two batches of different dtypes."""
    return RuntimeError(
        f"expected scalar type {a.dtype.scalar_name} but found {b.dtype.scalar_name}"
    )


def mismatch(a: Any, b: Any) -> RuntimeError:
    """Two matrices whose sizes do not go together."""
    return RuntimeError(
        "mat1 and mat2 shapes cannot be multiplied "
        f"({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})"
    )


# ----------------------------------------------------------------------------------------- products
@public("mm", out=True)
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices.

    Args:
        input: [n, m].
        mat2: [m, p], of the same dtype.

    Returns:
        [n, p].

    Raises:
        RuntimeError: the sizes or dtypes do not go together.

    Source: ``torch.mm``.
    """
    a, b = input._np, mat2._np
    if a.ndim != 2 or b.ndim != 2:
        raise RuntimeError("self must be a matrix" if a.ndim != 2 else "mat2 must be a matrix")
    if a.shape[1] != b.shape[0]:
        raise mismatch(a, b)
    if a.dtype is not b.dtype and a.dtype != b.dtype:
        raise different(input, mat2)
    no_bool(a, "addmm_impl_cpu_")
    return bilinear(MM, product(a, b), input, mat2)


@public("bmm", out=True)
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of matrices.

    Args:
        input: [b, n, m].
        mat2: [b, m, p], of the same dtype.

    Returns:
        [b, n, p].

    Raises:
        RuntimeError: the sizes or dtypes do not go together.

    Source: ``torch.bmm``.
    """
    check_bmm(input, mat2)
    a, b = input._np, mat2._np
    no_bool(a, "bmm")
    if a.dtype != b.dtype:
        raise scalar_types(input, mat2)
    return bilinear(BMM, product(a, b), input, mat2)


def check_bmm(x: Tensor, y: Tensor) -> None:
    """Refuse batches of matrices whose sizes do not go together."""
    a, b = x._np, y._np
    if a.ndim != 3 or b.ndim != 3:
        raise RuntimeError(f"batch{1 if a.ndim != 3 else 2} must be a 3D tensor")
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{a.shape[0]}, {a.shape[2]}] but got: [{b.shape[0]}, {b.shape[1]}]."
        )


@public("mv", out=True)
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix [n, m] and a vector [m]. Source: ``torch.mv``."""
    check_mv(input, vec, None)
    a, b = input._np, vec._np
    return bilinear(MV, product(a, b), input, vec)


def check_mv(mat: Tensor, vec: Tensor, added: Tensor | None) -> None:
    """Refuse a matrix and a vector that do not go together."""
    a, b = mat._np, vec._np
    dims = 1 if added is None else added._np.ndim
    if a.ndim != 2 or b.ndim != 1 or dims > 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {dims}, {a.ndim}, {b.ndim}")
    length = a.shape[0] if added is None or not dims else added._np.shape[0]
    if a.shape[1] != b.shape[0] or length not in (a.shape[0], 1):
        raise RuntimeError(
            f"size mismatch, got input ({length}), mat ({a.shape[0]}x{a.shape[1]}), vec "
            f"({b.shape[0]})"
        )
    own = b if added is None else added._np
    if a.dtype != b.dtype or own.dtype != b.dtype:
        first = vec if added is None else added
        raise RuntimeError(
            "addmv input tensors must have the same dtype, but got "
            f"{first.dtype.scalar_name}, {mat.dtype.scalar_name}, and {vec.dtype.scalar_name}"
        )
    no_bool(a, "addmv_impl_cpu")


@public("dot", out=True)
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The sum of products of two vectors. Source: ``torch.dot``."""
    _check_dot(input, tensor)
    return bilinear(DOT, product(input._np, tensor._np), input, tensor)


@public("vdot", out=True)
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Like ``dot``, the first vector conjugated. Source: ``torch.vdot``."""
    _check_dot(input, other)
    return bilinear(VDOT, product(raw_conj(input._np), other._np), input, other)


def _check_dot(x: Tensor, y: Tensor) -> None:
    a, b = x._np, y._np
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.dtype != b.dtype:
        raise RuntimeError(
            "dot : expected both vectors to have same dtype, but found "
            f"{x.dtype.scalar_name} and {y.dtype.scalar_name}"
        )
    if a.shape != b.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a.shape[0]}] and src [{b.shape[0]}] to "
            f"have the same number of elements, but got {a.shape[0]} and {b.shape[0]} elements "
            "respectively"
        )
    no_bool(a, "dot")


# ------------------------------------------------------------------------------------------- matmul
def unsafe_view(t: Tensor, shape: tuple[int, ...], name: str = "UnsafeViewBackward0") -> Tensor:
    """A fresh result under other sizes, in its own memory, and no view for the user.

    The tensor must be nobody else's.
    """
    before = t._np.shape
    out = make(t._np.reshape(shape))
    if t._fn is not None:
        node = _Reshaped[name]([edge_of(t)])
        node.size = before
        attach(out, node)
    return out


class ReshapeNode(Node):
    """A change of sizes."""

    __slots__ = ("size",)

    size: tuple[int, ...]

    def backward(self, grads: list[Tensor | None]) -> list[Tensor | None]:
        g = grads[0]
        found: Any = g
        return [None if g is None else found.reshape(self.size)]


_Reshaped: dict[str, type[ReshapeNode]] = {
    name: type(name, (ReshapeNode,), {"__slots__": ()})
    for name in (
        "UnsafeViewBackward0",
        "ViewBackward0",
        "SqueezeBackward4",
        "AffineGridGeneratorBackward0",
    )
}


def transposed(t: Any) -> Any:
    """The last two dimensions exchanged."""
    return t.transpose(-1, -2)


@public("matmul", out=True)
def matmul(input: Any, other: Any) -> Tensor:
    """The matrix product; dimensions before the last two are broadcast, vectors fit in.

    Args:
        input: [m], [n, m] or [..., n, m].
        other: [m], [m, p] or [..., m, p].

    Returns:
        [..., n, p], without n or p where an operand is a vector.

    Raises:
        RuntimeError: the sizes or dtypes do not go together.

    Source: ``torch.matmul``.
    """
    x, y = input._np.ndim, other._np.ndim
    if x == 2 and y == 2:
        return mm(input, other)
    if x == 0 or y == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {x}D and {y}D"
        )
    if x == 1 and y == 1:
        return dot(input, other)
    if x == 2 and y == 1:
        return mv(input, other)
    if x == 1 and y == 2:
        found = mm(input.unsqueeze(0), other)
        return unsafe_view(found, (other._np.shape[1],), "SqueezeBackward4")
    if _folds(input, other):
        return _folded(input, other)
    return _batched(input, other)


def _folds(a: Tensor, b: Tensor) -> bool:
    """Whether the batch of one operand becomes rows of one large matrix."""
    large, small = (a, b) if a._np.ndim >= b._np.ndim else (b, a)
    if large._np.ndim < 3 or small._np.ndim > 2:
        return False
    if mode.enabled and needs_grad(small):
        return True
    if a._np.ndim == 2:
        return False
    array = large._np if large is a else large._np.swapaxes(-1, -2)
    if not array.size:
        return True
    shape, strides = array.shape, array.strides
    return all(strides[i] == strides[i + 1] * shape[i + 1] for i in range(array.ndim - 2))


def _folded(a: Any, b: Any) -> Tensor:
    swapped = a._np.ndim < b._np.ndim
    if swapped:
        a, b = transposed(b), (a.t() if a._np.ndim == 2 else a)
    shape = a._np.shape
    rows = a.reshape(math.prod(shape[:-1]), shape[-1])
    if b._np.ndim == 1:
        return unsafe_view(mv(rows, b), shape[:-1])
    out = unsafe_view(mm(rows, b), (*shape[:-1], b._np.shape[1]))
    return transposed(out).contiguous() if swapped else out


def _batched(a: Any, b: Any) -> Tensor:
    x, y = a._np.shape, b._np.shape
    first = x[-2:] if len(x) > 1 else (1, x[0])
    second = y[-2:] if len(y) > 1 else (y[0], 1)
    lead_a, lead_b = x[:-2], y[:-2]
    lead = lead_a if lead_a == lead_b else _leading(lead_a, lead_b)
    count = math.prod(lead)
    if len(x) == 1:
        a = a.unsqueeze(0)
    if len(y) == 1:
        b = b.unsqueeze(1)
    found = bmm(_in_batch(a, lead, count, first), _in_batch(b, lead, count, second))
    shape = lead
    if len(x) > 1:
        shape = (*shape, first[0])
    if len(y) > 1:
        shape = (*shape, second[1])
    return unsafe_view(found, shape)


def _in_batch(t: Any, lead: tuple[int, ...], count: int, last: tuple[int, ...]) -> Tensor:
    """Expanded to batch dimensions, and those as one."""
    if t._np.shape != (*lead, *last):
        t = t.expand(*lead, *last)
    return t if len(lead) == 1 else t.reshape(count, *last)


def _leading(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    for i in range(1, min(len(a), len(b)) + 1):
        if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
            raise RuntimeError(
                f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at "
                f"non-singleton dimension {max(len(a), len(b)) - i}"
            )
    return tuple(np.broadcast_shapes(a, b))


def _operator(self: Any, other: Any) -> Any:
    if not isinstance(other, Tensor):
        refuse_foreign("matmul", (other,))
        return NotImplemented
    if overrides.known:
        return matmul(self, other)
    return _plain_matmul(self, other)


def _reflected(self: Any, other: Any) -> Any:
    refuse_foreign("matmul", (other,))
    return matmul(other, self) if isinstance(other, Tensor) else NotImplemented


_plain_matmul: Any = matmul.__wrapped__  # type: ignore[attr-defined]
setattr(Tensor, "__matmul__", _operator)  # noqa: B010
setattr(Tensor, "__rmatmul__", _reflected)  # noqa: B010
