"""What all functions that write at places share: numbers, nodes that keep tensors, writing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.inplace import _partly, bump, check_inplace, rebase
from functorch_lite.torch._core.keeping import KeepingNode, keep
from functorch_lite.torch._core.node import Saved, save
from functorch_lite.torch._core.op import _edges, before, wants_grad
from functorch_lite.torch._core.tensor import Tensor, make, version
from functorch_lite.torch._ops.copying import dense_copy, same_elements

__all__ = ["apart", "as_value", "keeping", "saving", "write_at", "write_copy"]


# ----------------------------------------------------------------------------------------- nodes
class _Refusing(KeepingNode):
    """A node of an operation that PyTorch cannot differentiate, either."""

    __slots__ = ()

    def name(self) -> str:
        return "torch::autograd::NotImplemented"


_Refusing.__name__ = _Refusing.__qualname__ = "NotImplemented"


def refusal(what: str) -> Callable[..., Any]:
    """A gradient that fails.

    Args:
        what: the name of the operation.
    """

    def backward(*grads: Any) -> Any:
        raise RuntimeError(f"derivative for aten::{what} is not implemented")

    return backward


def saving(
    name: str, operands: Sequence[Any], saved: Sequence[Tensor], fn: Callable[..., Any]
) -> KeepingNode:
    """A node of that name; ``fn`` must not hold a result of it."""
    if name != "NotImplemented":
        return keep(name, operands, saved, fn)
    node = _Refusing(_edges(operands))
    node.rule, node.kept = fn, [save(t) for t in saved]
    return node


def keeping(
    data: Any, name: str, operands: Sequence[Any], saved: Sequence[Tensor], fn: Callable[..., Any]
) -> Tensor:
    """A result, with its node if an operand is recorded.

    Args:
        data: the raw result, in memory of its own.
    """
    out = make(data)
    if out._np.dtype.kind in "fcV" and wants_grad(operands):
        node = saving(name, operands, saved, fn)
        node.metas.append((out._np.shape, out._np.dtype))
        out._fn = node
    return out


# --------------------------------------------------------------------------------------- writing
def write_at(
    t: Tensor,
    others: Sequence[Any],
    name: str,
    backward: Callable[..., Any],
    change: Callable[[Any], None],
    saved: Sequence[Tensor] = (),
    result: bool = False,
) -> Tensor:
    """Write into some elements of a tensor.

    Args:
        others: further operands.
        name: of the node.
        backward: the gradients of the tensor as it was and of the others, from that of the tensor
            as it is, and the saved tensors.
        change: writes into the raw values.
        result: whether the tensor as it is then is saved, too, last.
    """
    operands = (t, *others)
    recorded = t._np.dtype.kind in "fcV" and wants_grad(operands)
    check_inplace(t, recorded)
    if not recorded:
        change(t._np)
        bump(t)
        return t
    if result:
        saved = [before(t) if s is t else s for s in saved]
    node = saving(name, operands, saved, backward)
    node.metas.append((t._np.shape, t._np.dtype))
    change(t._np)
    bump(t)
    rebase(t, node)
    if result:
        node.kept = [*node.kept, Saved(None, t._np, version(t), 0)]
    return t


def apart(t: Tensor, others: Sequence[Any]) -> None:
    """Refuse to write to a tensor that another operand shares elements with.

    Raises:
        RuntimeError: one does.
    """
    for other in others:
        if not isinstance(other, Tensor) or not t._np.size:
            continue
        if other is t or (
            other._memory is not None and other._memory is t._memory
            and (same_elements(t, other) or _partly(t._np, other._np))
        ):  # fmt: skip
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to "
                "tensor refer to a single memory location. Please clone() the tensor before "
                "performing the operation."
            )


def write_copy(
    t: Tensor,
    others: Sequence[Any],
    name: str,
    backward: Callable[..., Any],
    change: Callable[[Any], None],
    saved: Sequence[Tensor] = (),
    result: bool = False,
    keep: bool = False,
) -> Tensor:
    """The same in a copy of the tensor.

    Args:
        keep: whether the copy has the order of the tensor's dimensions in memory.
    """
    data = dense_copy(t._np) if keep else t._np.copy("C")
    change(data)
    out = keeping(data, name, (t, *others), saved, backward)
    node = out._fn
    if result and node is not None:
        node.kept = [*node.kept, Saved(None, data, version(out), 0)]  # type: ignore[attr-defined]
    return out


# --------------------------------------------------------------------------------------- numbers
LIMITS = {
    "float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": float(np.finfo("f4").max),
    "float64": math.inf, "complex64": float(np.finfo("f4").max), "complex128": math.inf,
    "float8_e4m3fn": 448.0, "float8_e5m2": 57344.0,
}  # fmt: skip
_INFINITE = (math.inf, -math.inf)


def as_value(value: Any, dtype: DType, loose: bool = False) -> Any:
    """A Python number as raw value of a dtype.

    Args:
        loose: whether half precision may overflow, as in tensors made of one number.

    Raises:
        RuntimeError: the dtype cannot hold it.
        OverflowError: an integer of more than 64 bits.
    """
    cls = value.__class__
    kind = dtype.kind
    if kind == 2 and (cls is float or cls is int and -(2**63) <= value < 2**64):
        if abs(value) <= LIMITS[dtype.np.name] or value in _INFINITE:
            return dtype.np.type(value)
    if cls is int and not -(2**63) <= value < 2**64:
        raise OverflowError("int too big to convert")
    if kind == 0:
        return np.bool_(bool(value))
    loose = loose and kind == 2 and dtype.itemsize == 2
    if kind < 3 and isinstance(value, complex):
        if value.imag:
            raise _overflow(dtypes.float64 if loose else dtype)
        value = value.real
    if kind == 1:
        return _integer(value, dtype)
    largest = math.inf if loose else LIMITS[dtype.np.name]
    for part in (value.real, value.imag):
        if math.isfinite(part) and abs(part) > largest:
            raise _overflow(dtype)
    with np.errstate(over="ignore"):
        return np.asarray(value).astype(dtype.np)[()]


def _integer(value: Any, dtype: DType) -> Any:
    limits = np.iinfo(dtype.np)
    # Unsigned dtypes take negative integers, which wrap.
    fraction = isinstance(value, float)
    low = limits.min if limits.min or fraction else -limits.max
    if fraction and not math.isfinite(value):
        raise _overflow(dtype)
    if not low <= value <= limits.max:
        raise _overflow(dtype)
    whole = int(value)
    return dtype.np.type(whole + (limits.max + 1 if whole < limits.min else 0))


def _overflow(dtype: DType) -> RuntimeError:
    return RuntimeError(f"value cannot be converted to type {dtype.fixed_name} without overflow")


def raw_value(t: Tensor, value: Any, loose: bool = False) -> Any:
    """A number, or a tensor without dimensions, as raw value of a tensor's dtype."""
    dtype = FROM_NP[t._np.dtype]
    if isinstance(value, Tensor):
        found = value._np
        with np.errstate(all="ignore"):
            return found if found.dtype == dtype.np else found.astype(dtype.np)
    return as_value(value, dtype, loose)
