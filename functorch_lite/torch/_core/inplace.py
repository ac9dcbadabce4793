"""Operations that write into their first operand, and what that does to the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core.array import wrap
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import Node, Saved, _remake, needs_grad
from functorch_lite.torch._core.op import Composite, RecordOp, before, formula, wants_grad
from functorch_lite.torch._core.order import is_dense
from functorch_lite.torch._core.tensor import Tensor, is_symbol, version
from functorch_lite.torch._core.view import (
    CopySlices,
    geometry,
    is_halved,
    refuse_view,
    remake_view,
)

__all__ = [
    "apply_inplace", "apply_ready", "check_inplace", "no_overlap", "ready", "rebase", "write",
    "write_by_formula",
]  # fmt: skip

_remake.append(remake_view)


def check_inplace(t: Tensor, recorded: bool) -> None:
    """Refuse to write to what the graph still needs as it is.

    Args:
        recorded: whether the operation is.
    """
    if t._inference and not mode.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make "
            "a clone to get a normal tensor before doing inplace update.See "
            "https://github.com/pytorch/rfcs/pull/17 for more details."
        )
    if not recorded:
        return
    view = t._view
    if view is not None:
        if view.creation:
            refuse_view(t, view.creation)
        if t.requires_grad and view.base._fn is None:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place "
                "operation."
            )
    if t._fn is None and needs_grad(t):
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation."
        )


def bump(t: Tensor) -> None:
    """Count a write."""
    version(t).count += 1


def rebase(t: Tensor, node: Node | None) -> None:
    """After a write: make a tensor the result of the operation; a view's base, too.

    Args:
        node: of the operation, the first of whose edges is that of the tensor before; None if
            nothing of it is differentiable, so that the old content has no gradient any more.
    """
    view = t._view
    if view is None:
        t._fn, t._nr, t._rg = node, 0, False
        return
    base = view.base
    old = _edge_before(base)
    made = CopySlices([old, *(node.edges[1:] if node is not None else ())])
    made.inner = node
    made.whole, made.part = geometry(base), geometry(t)
    made.halves = is_halved(t, base)
    made.metas.append((base._np.shape, base._np.dtype))
    base._fn, base._nr, base._rg = made, 0, False
    remake_view(t)


def _edge_before(base: Tensor) -> Any:
    fn = base._fn
    return None if fn is None else (fn, base._nr)


def ready(t: Tensor, others: Sequence[Any], recorded: bool) -> None:
    """Refuse to write to what the graph needs, and through memory that overlaps.

    Args:
        others: the other operands, tensors or not.
    """
    check_inplace(t, recorded)
    array = t._np
    no_overlap(array)
    for other in others:
        if isinstance(other, Tensor) and other is not t and other._memory is not None:
            if other._memory is t._memory and _partly(array, other._np):
                raise RuntimeError(
                    "unsupported operation: some elements of the input tensor and the written-to "
                    "tensor refer to a single memory location. Please clone() the tensor before "
                    "performing the operation."
                )


def no_overlap(array: Any) -> None:
    """Refuse to write where several elements share a place.

    Raises:
        RuntimeError: they do.
    """
    if 0 in array.strides and array.size > 1:
        for n, step in zip(array.shape, array.strides, strict=True):
            if n > 1 and not step:
                raise RuntimeError(
                    "unsupported operation: more than one element of the written-to tensor refers "
                    "to a single memory location. Please clone() the tensor before performing the "
                    "operation."
                )


def _partly(a: Any, b: Any) -> bool:
    """Whether two arrays without gaps share some of their memory, but are not the same elements."""
    if not a.size or not b.size or not (is_dense(a) and is_dense(b)):
        return False
    low, high = _bounds(a), _bounds(b)
    if low == high:
        return bool(a.strides != b.strides)
    return bool(low[0] < high[1] and high[0] < low[1])


def _bounds(array: Any) -> tuple[int, int]:
    """Where the memory of an array begins, and where it ends."""
    found: tuple[int, int] = (
        array.bounds if is_symbol(array) else np.lib.array_utils.byte_bounds(array)
    )
    return found


def write(t: Tensor, data: Any) -> None:
    """Put a result into a tensor's memory, and count the write.

    Raises:
        RuntimeError: its shape or dtype does not fit.
    """
    array = t._np
    shape = np.shape(data)
    if shape != array.shape:
        raise RuntimeError(
            f"output with shape {list(array.shape)} doesn't match the broadcast shape {list(shape)}"
        )
    array[...] = data
    bump(t)


def apply_inplace(what: RecordOp | Composite, operands: Any, params: dict[str, Any]) -> Tensor:
    """Run an operation and put its result into its first operand.

    The caller has seen to it that the operands fit: dtype and shape of the result are those of
    the first operand.
    """
    recorded = wants_grad(operands)
    ready(operands[0], operands[1:], recorded)
    return apply_ready(what, operands, params, recorded)


def apply_ready(
    what: RecordOp | Composite, operands: Any, params: dict[str, Any], recorded: bool
) -> Tensor:
    """The same once ``ready`` has been asked.

    Args:
        recorded: whether an operand wants a gradient.
    """
    t: Tensor = operands[0]
    if not recorded:
        if what.__class__ is RecordOp:
            out = what(operands, params)
        else:
            out = what(operands, **params)
        write(t, out._np)
        return t
    node: Any
    if isinstance(what, RecordOp):
        out, node = what.recorded(operands, params, copied=True)
    else:
        operands = [before(t), *operands[1:]]
        arrays = [wrap(x._np) if isinstance(x, Tensor) else x for x in operands]
        out, node = what.recorded(operands, arrays, params)
    write(t, out._np)
    if node is not None and getattr(node, "ans", None) is not None:
        node.ans = Saved(None, t._np, version(t), 0)
    elif getattr(node, "results", None):
        node.results = [Saved(None, t._np, version(t), 0)]
    rebase(t, node)
    return t


def write_by_formula(
    t: Tensor, data: Any, others: Sequence[Any], name: str, backward: Callable[[Tensor], Any]
) -> Tensor:
    """Write a value that was computed outside of the graph, with its gradient as a formula.

    Args:
        others: further operands.
        backward: the gradients of ``t`` as it was and of the others, from that of ``t`` as it is.
    """
    operands = (t, *others)
    recorded = wants_grad(operands) and t._np.dtype.kind in "fcV"
    ready(t, others, recorded)
    node = formula(name, operands, backward) if recorded else None
    if node is not None:
        node.metas.append((t._np.shape, t._np.dtype))
    write(t, data)
    if node is not None:
        rebase(t, node)
    return t
