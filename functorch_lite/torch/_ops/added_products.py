"""Products added to something: beta * input + alpha * product, alone and in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.trace import state
from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.inplace import ready, rebase, write
from functorch_lite.torch._core.op import wants_grad
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.arithmetic import check_factor
from functorch_lite.torch._ops.axes import rows
from functorch_lite.torch._ops.bilinear import (
    SMALL,
    BilinearNode,
    OuterNode,
    SumNode,
    VectorNode,
    bilinear,
    kind_of,
    product,
    recorded_node,
)
from functorch_lite.torch._ops.binary import check_result, common
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.index_write import as_value
from functorch_lite.torch._ops.matrix_products import (
    check_bmm,
    check_mv,
    mismatch,
    no_bool,
    scalar_types,
)

__all__ = ["addbmm", "addmm", "addmv", "addr", "baddbmm"]

ADDMM = kind_of("AddmmBackward0")
BADDBMM = kind_of("BaddbmmBackward0")
ADDMV = kind_of("AddmvBackward0", VectorNode)
ADDBMM = kind_of("AddbmmBackward0", SumNode)
ADDR = kind_of("AddrBackward0", OuterNode)


def _sum_of(added: Any, made: Any, beta: Any, alpha: Any, dtype: Any) -> Any:
    """beta * added + alpha * made, into fresh memory; ``added`` is not read where beta is 0."""
    own = FROM_NP[made.dtype]
    if alpha != 1:
        made = made * as_value(alpha, own)
    if beta != 0:
        if beta != 1:
            added = added * as_value(beta, own)
        # The product is fresh memory, of the result's size.
        made = np.add(made, added, made if made.ndim and made.shape == added.shape else None)
    return made if made.dtype == dtype else made.astype(dtype)


def _expanded(t: Any, shape: tuple[int, ...]) -> Any:
    array = t._np
    # Not recorded: the graph adds up what arrives at a smaller operand.
    return array if array.shape == shape else t.detach().expand(shape)._np


def _add_product(
    kind: type[BilinearNode], input: Tensor, a: Tensor, b: Tensor, shape: tuple[int, ...],
    beta: Any, alpha: Any, made: Callable[[Any, Any], Any], inplace: bool,
) -> Tensor:  # fmt: skip
    """What all functions below do once their operands have been checked."""
    added = input._np if inplace else _expanded(input, shape)
    x, y, dtype = a._np, b._np, a._np.dtype
    if dtype.char in SMALL:
        # Rounded once, in the end.
        added, x, y = (array.astype(np.float32) for array in (added, x, y))
    data = state.run(_sum_of, added, made(x, y), beta, alpha, dtype)
    if not inplace:
        return bilinear(kind, data, a, b, (input,), beta, alpha)
    recorded = wants_grad((input, a, b)) and data.dtype.kind in "fcV"
    ready(input, (a, b), recorded)
    node = recorded_node(kind, a, b, (input,), beta, alpha) if recorded else None
    if node is not None:
        node.metas.append((added.shape, dtype))
    write(input, data)
    if node is not None:
        rebase(input, node)
    return input


def _check_inplace_size(input: Tensor, shape: tuple[int, ...]) -> None:
    if input._np.shape != shape:
        raise RuntimeError(
            f"Bad in-place call: input tensor size {list(input._np.shape)} and output tensor size "
            f"{list(shape)} should match"
        )


def _same_dtypes(input: Tensor, a: Tensor, b: Tensor) -> None:
    """Refuse matrices and what their product is added to in several dtypes, or of bools."""
    for names, first in (("self and mat2", input), ("mat1 and mat2", a)):
        if first._np.dtype != b._np.dtype:
            raise RuntimeError(
                f"{names} must have the same dtype, but got "
                f"{first.dtype.scalar_name} and {b.dtype.scalar_name}"
            )
    no_bool(b._np, "addmm_impl_cpu_")


def _addmm(input: Tensor, a: Tensor, b: Tensor, beta: Any, alpha: Any, inplace: bool) -> Tensor:
    x, y = a._np, b._np
    for name, array in (("mat1", x), ("mat2", y)):
        if array.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix, got {array.ndim}-D tensor")
    if x.shape[1] != y.shape[0]:
        raise mismatch(x, y)
    shape = (x.shape[0], y.shape[1])
    if inplace:
        _check_inplace_size(input, shape)
    _same_dtypes(input, a, b)
    return _add_product(ADDMM, input, a, b, shape, beta, alpha, product, inplace)


@public("addmm", out=True)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2), for matrices.

    Args:
        input: broadcasts to [n, p]; not read where ``beta`` is 0.
        mat1: [n, m].
        mat2: [m, p].

    Raises:
        RuntimeError: the sizes or dtypes do not go together.

    Source: ``torch.addmm``.
    """
    return _addmm(input, mat1, mat2, beta, alpha, False)


@method("addmm_")
def addmm_(self: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``addmm`` in place. Source: ``torch.Tensor.addmm_``."""
    return _addmm(self, mat1, mat2, beta, alpha, True)


def _addmv(input: Tensor, a: Tensor, b: Tensor, beta: Any, alpha: Any, inplace: bool) -> Tensor:
    check_mv(a, b, input)
    shape = (a._np.shape[0],)
    if inplace:
        _check_inplace_size(input, shape)
    return _add_product(ADDMV, input, a, b, shape, beta, alpha, product, inplace)


@public("addmv", out=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec), for a matrix and a vector. Source: ``torch.addmv``."""
    return _addmv(input, mat, vec, beta, alpha, False)


@public("addmv_")
def addmv_(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``addmv`` in place. Source: ``torch.Tensor.addmv_``."""
    return _addmv(input, mat, vec, beta, alpha, True)


def _baddbmm(input: Tensor, a: Tensor, b: Tensor, beta: Any, alpha: Any, inplace: bool) -> Tensor:
    if a._np.ndim != 3 or b._np.ndim != 3:
        _expanded(input, (*a._np.shape[:2], b._np.shape[-1]))
    check_bmm(a, b)
    shape = (*a._np.shape[:2], b._np.shape[2])
    if inplace:
        _check_inplace_size(input, shape)
    else:
        _expanded(input, shape)
    if not input._np.dtype == a._np.dtype == b._np.dtype:
        if input._np.dtype == a._np.dtype:
            raise scalar_types(a, b)
        names = [t.dtype.c_name for t in (input, a, b)]
        raise RuntimeError(
            f"Input dtypes must be the same, got: input {names[0]}, batch1: {names[1]}, batch2: "
            f"{names[2]}"
        )
    no_bool(a._np, "baddbmm")
    return _add_product(BADDBMM, input, a, b, shape, beta, alpha, product, inplace)


@public("baddbmm", out=True)
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """beta * input + alpha * bmm(batch1, batch2). Source: ``torch.baddbmm``."""
    return _baddbmm(input, batch1, batch2, beta, alpha, False)


@method("baddbmm_")
def baddbmm_(
    self: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """``baddbmm`` in place. Source: ``torch.Tensor.baddbmm_``."""
    return _baddbmm(self, batch1, batch2, beta, alpha, True)


def _batch_sum(a: Any, b: Any) -> Any:
    """The sum over a batch of matrix products: one product, rows of the batch side by side."""
    count, n, m = a.shape
    flat = rows(a.swapaxes(0, 1)).reshape(n, count * m)
    return product(flat, b.reshape(count * m, b.shape[2]))


def _addbmm(input: Tensor, a: Tensor, b: Tensor, beta: Any, alpha: Any, inplace: bool) -> Tensor:
    x, y = a._np, b._np
    if y.ndim < 3:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-y.ndim}, {y.ndim - 1}], but "
            "got 2)"
        )
    if inplace:
        _check_inplace_size(input, (x.shape[1], y.shape[2]))
    else:
        _expanded(input, (x.shape[1], y.shape[2]))
    if x.ndim != 3 or y.ndim != 3:
        raise RuntimeError(f"batch{1 if x.ndim != 3 else 2} must be a 3D tensor")
    if x.shape[0] != y.shape[0]:
        raise RuntimeError(
            f"batch1 and batch2 must have same number of batches, got {x.shape[0]} and {y.shape[0]}"
        )
    if x.shape[2] != y.shape[1]:
        raise RuntimeError(
            f"Incompatible matrix sizes for bmm ({x.shape[1]}x{x.shape[2]} and "
            f"{y.shape[1]}x{y.shape[2]})"
        )
    _same_dtypes(input, a, b)
    shape = (x.shape[1], y.shape[2])
    return _add_product(ADDBMM, input, a, b, shape, beta, alpha, _batch_sum, inplace)


@public("addbmm", out=True)
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """beta * input + alpha * bmm(batch1, batch2).sum(0). Source: ``torch.addbmm``."""
    return _addbmm(input, batch1, batch2, beta, alpha, False)


@method("addbmm_")
def addbmm_(
    self: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """``addbmm`` in place. Source: ``torch.Tensor.addbmm_``."""
    return _addbmm(self, batch1, batch2, beta, alpha, True)


def _outer_data(a: Any, b: Any) -> Any:
    return a[:, None] * b


def _addr(input: Tensor, a: Tensor, b: Tensor, beta: Any, alpha: Any, inplace: bool) -> Tensor:
    for name, t in (("vec1", a), ("vec2", b)):
        if t._np.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {t._np.ndim}-D")
    shape = (a._np.shape[0], b._np.shape[0])
    if inplace:
        if input._np.ndim != 2:
            raise RuntimeError(f"2D tensor expected, got {input._np.ndim}D tensor for input")
        if input._np.shape != shape:
            raise RuntimeError(
                f"size mismatch, input: {list(input._np.shape)}, v1: [{shape[0]}], v2: [{shape[1]}]"
            )
    else:
        _expanded(input, shape)
    dtype = common(input, _pair(a, b))
    check_factor("beta", beta, dtype)
    check_factor("alpha", alpha, dtype)
    if inplace:
        check_result(dtype, input.dtype)
        dtype = input.dtype
    input, a, b = cast(input, dtype), cast(a, dtype), cast(b, dtype)
    return _add_product(ADDR, input, a, b, shape, beta, alpha, _outer_data, inplace)


def _pair(a: Tensor, b: Tensor) -> Tensor:
    """An empty tensor of the common dtype of two vectors."""
    return make(np.empty(0, common(a, b).np))


@public("addr", out=True)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2). Source: ``torch.addr``."""
    return _addr(input, vec1, vec2, beta, alpha, False)


@method("addr_")
def addr_(self: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``addr`` in place. Source: ``torch.Tensor.addr_``."""
    return _addr(self, vec1, vec2, beta, alpha, True)
