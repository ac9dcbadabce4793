"""Operations on three operands: choice, interpolation, and sums with a product or a quotient."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.core.array import wrap
from functorch_lite.ops.arithmetic import scale
from functorch_lite.ops.families import const, zeros_like
from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.inplace import apply_inplace, ready
from functorch_lite.torch._core.large import compiled, is_big
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.op import RecordOp, wants_grad
from functorch_lite.torch._core.promotion import result_type
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.tensor import Tensor, version
from functorch_lite.torch._ops.binary import broadcast_error, common, written_from
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.elementwise import (
    Local,
    argument,
    cannot_hold,
    halved,
    in_parts,
    refusal,
)
from functorch_lite.torch._ops.index_write import as_value

__all__ = ["where"]


def _run(what: RecordOp, operands: Sequence[Any], params: dict[str, Any], dtype: Any) -> Tensor:
    try:
        return what(operands, params, dtype)
    except ValueError:
        _check_shapes(operands)
        raise


def _run_inplace(what: RecordOp, operands: Sequence[Any], params: dict[str, Any]) -> Tensor:
    try:
        return apply_inplace(what, operands, params)
    except ValueError:
        _check_shapes(operands)
        raise


def _check_shapes(operands: Sequence[Any]) -> None:
    """Refuse operands whose shapes do not go together."""
    tensors = [t for t in operands if isinstance(t, Tensor)]
    for a, b in itertools.combinations(tensors, 2):
        try:
            np.broadcast_shapes(a._np.shape, b._np.shape)
        except ValueError:
            raise broadcast_error(a, b) from None


# ------------------------------------------------------------------------------------------- choice
def _where(cond: Any, x: Any, y: Any) -> Any:
    return _large_where(cond, x, y) if is_big(cond) or is_big(x) else np.where(cond, x, y)


_large_where = compiled(fnp.where)
_WHERE = RecordOp(
    "WhereBackward0",
    Local(
        ("cond", "x", "y"), _where, None,
        lambda t, cond: ops.select(cond, t, zeros_like(t)),
        lambda t, cond: ops.select(cond, zeros_like(t), t),
    ),
)  # fmt: skip


def _chosen(condition: Any, x: Any, y: Any) -> Tensor:
    if not isinstance(condition, Tensor):
        raise TypeError(
            "where() received an invalid combination of arguments - got "
            f"({type(condition).__name__}, {type(x).__name__}, {type(y).__name__}), but expected "
            "one of:\n * (Tensor condition)\n * (Tensor condition, Tensor input, Tensor other, *, "
            "Tensor out = None)\n * (Tensor condition, Number self, Tensor other)\n * (Tensor "
            "condition, Tensor input, Number other)\n * (Tensor condition, Number self, Number "
            "other)\n"
        )
    kind = condition._np.dtype
    if kind.kind != "b":
        if kind != np.uint8:
            raise RuntimeError(
                "where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{FROM_NP[kind].scalar_name}"
            )
        condition = condition.bool()
    dtype = common(x, y)
    sides = [
        cast(v, dtype) if isinstance(v, Tensor) else wrap(np.asarray(as_value(v, dtype, True)))
        for v in (x, y)
    ]
    return _run(_WHERE, (condition, *sides), {}, None)


@public("where", methods=False, out=True)
def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """Elements of input where the condition holds, else of other.

    Args:
        condition: bools.
        input, other: tensors or numbers; without both, the indices where the condition holds.

    Source: ``torch.where``.
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    return _chosen(condition, input, other)


@public("where", function=False)
def _where_method(self: Tensor, condition: Any, other: Any) -> Tensor:
    """Own elements where the condition holds, else other's. Source: ``torch.Tensor.where``."""
    return _chosen(condition, self, other)


# ------------------------------------------------------------------------------------ interpolation
def _lerp(x: Any, end: Any, weight: Any) -> Any:
    # The nearer end counts, so that both are met exactly.
    near = np.abs(weight) < 0.5
    return np.where(near, x + weight * (end - x), end - (end - x) * (1 - weight))


def _lerp_number(x: Any, end: Any, *, weight: Any) -> Any:
    if abs(weight) < 0.5:
        return x + weight * (end - x)
    return end - (end - x) * (1 - weight)


_LERP_NUMBER = RecordOp(
    "LerpBackward0",
    Local(
        ("x", "end"), halved(_lerp_number),
        lambda t, weight: scale(t, 1 - weight),
        lambda t, weight: scale(t, weight),
    ),
)  # fmt: skip
_LERP = RecordOp(
    "LerpBackward1",
    Local(
        ("x", "end", "weight"), halved(_lerp),
        lambda t, weight: ops.mul(t, ops.sub(const(1.0, weight.dtype), weight)),
        lambda t, weight: ops.mul(t, weight),
        lambda t, x, end: ops.mul(t, ops.sub(end, x)),
    ),
)  # fmt: skip


def _ends(input: Tensor, end: Tensor, weight: Any) -> tuple[RecordOp, list[Any], dict[str, Any]]:
    if not isinstance(input, Tensor):
        raise argument(input, "lerp")
    if not isinstance(end, Tensor):
        raise argument(end, "lerp", "end", 2)
    own = FROM_NP[input._np.dtype]
    for name, t in (("end", end), ("weight", weight)):
        if isinstance(t, Tensor) and t._np.dtype != own.np:
            raise RuntimeError(
                f"expected dtype {own.c_name} for `{name}` but got dtype {t.dtype.c_name}"
            )
    if own.kind < 2:
        raise refusal(
            "lerp_kernel_tensor" if isinstance(weight, Tensor) else "lerp_kernel_scalar", own
        )
    if isinstance(weight, Tensor):
        return _LERP, [input, end, weight], {}
    return _LERP_NUMBER, [input, end], {"weight": weight}


@public("lerp", out=True)
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight * (end - input).

    Args:
        input, end: of one dtype.
        weight: a number or a tensor.

    Source: ``torch.lerp``.
    """
    return _run(*_ends(input, end, weight), None)


@method("lerp_")
def lerp_(self: Tensor, end: Tensor, weight: Any) -> Tensor:
    """``lerp`` in place. Source: ``torch.Tensor.lerp_``."""
    return _run_inplace(*_ends(self, end, weight))


# --------------------------------------------------------------------------- products and quotients
def _addcmul(x: Any, first: Any, second: Any, *, value: Any) -> Any:
    product = first * second if value == 1 else value * first * second
    return x + product


def _addcdiv(x: Any, first: Any, second: Any, *, value: Any) -> Any:
    return x + (first if value == 1 else value * first) / second


_THREE = ("x", "first", "second")
_ADDCMUL = RecordOp(
    "AddcmulBackward0",
    Local(
        _THREE, halved(_addcmul), lambda t: t,
        lambda t, second, value: ops.mul(t, scale(second, value)),
        lambda t, first, value: ops.mul(t, scale(first, value)),
    ),
)  # fmt: skip


def _over_square(t: Any, first: Any, second: Any, value: Any) -> Any:
    return ops.neg(ops.mul(t, ops.div(scale(first, value), ops.square(second))))


_ADDCDIV = RecordOp(
    "AddcdivBackward0",
    Local(
        _THREE, halved(_addcdiv), lambda t: t,
        lambda t, second, value: ops.mul(t, ops.div(const(value, t.dtype), second)),
        _over_square,
    ),
)  # fmt: skip
_NO_QUOTIENT = (
    "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will "
    "perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be "
    "implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer "
    "inputs and as (input + value * tensor1 / tensor2) for float inputs. The future addcdiv "
    "behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all "
    "dtypes."
)


def _three(
    name: str, input: Any, tensor1: Any, tensor2: Any, rest: Sequence[Any], value: Any
) -> tuple[list[Tensor], DType, dict[str, Any]]:
    """Operands, dtype and params; a factor may come second, in the older order of arguments."""
    if rest:
        value, tensor1, tensor2 = tensor1, tensor2, rest[0]
    operands = [input, tensor1, tensor2]
    for position, t in enumerate(operands, 1):
        if not isinstance(t, Tensor):
            raise argument(t, name, ("input", "tensor1", "tensor2")[position - 1], position)
    dtypes = {t._np.dtype for t in operands}
    dtype = FROM_NP[input._np.dtype] if len(dtypes) == 1 else result_type(operands)
    if dtype.kind == 1:
        value = as_value(value, dtype)
    return operands, dtype, {"value": value}


def _check_product(operands: Sequence[Tensor], dtype: DType) -> None:
    if dtype.kind == 0:
        raise refusal("addcmul_cpu_out", dtype)


def _check_quotient(operands: Sequence[Tensor], dtype: DType) -> None:
    if all(t._np.dtype.kind in "biu" for t in operands[1:]):
        raise RuntimeError(_NO_QUOTIENT)


def _plain(*tensors: Any) -> bool:
    """Whether they are of one floating dtype and size, and nothing is recorded."""
    if not all(isinstance(t, Tensor) for t in tensors):
        return False
    first = tensors[0]._np
    if first.dtype.char not in "fd":
        return False
    for t in tensors:
        if t._np.dtype != first.dtype or t._np.shape != first.shape:
            return False
        if mode.enabled and needs_grad(t):
            return False
    return True


def _publish(name: str, what: RecordOp, run: Any, check: Any, formula: str) -> None:
    def f(
        input: Tensor, tensor1: Tensor, tensor2: Tensor, *rest: Any, value: Any = 1
    ) -> Tensor:  # fmt: skip
        operands, dtype, params = _three(name, input, tensor1, tensor2, rest, value)
        check(operands, dtype)
        return _run(what, operands, params, dtype.np)

    def f_(self: Tensor, tensor1: Tensor, tensor2: Tensor, *rest: Any, value: Any = 1) -> Tensor:
        if not rest and _plain(self, tensor1, tensor2):
            ready(self, (tensor1, tensor2), False)
            in_parts(
                lambda x, a, b: np.copyto(x, run(x, a, b, value=value)),
                self._np, tensor1._np, tensor2._np,
            )  # fmt: skip
            version(self).count += 1
            return self
        operands, dtype, params = _three(name + "_", self, tensor1, tensor2, rest, value)
        check(operands, dtype)
        own = FROM_NP[self._np.dtype]
        if dtype.kind > own.kind:
            raise cannot_hold(dtype, own)
        if dtype is not own:
            return written_from(
                self, wants_grad(operands),
                lambda x: _run(what, [x, *operands[1:]], params, dtype.np),
            )  # fmt: skip
        return _run_inplace(what, [cast(t, own) for t in operands], params)

    f.__name__, f_.__name__ = name, f"{name}_"
    f.__doc__ = (
        f"{formula}.\n\n    Args:\n        input, tensor1, tensor2: broadcast to each other.\n"
        f"        value: a number.\n\n    Source: ``torch.{name}``."
    )
    f_.__doc__ = f"``{name}`` in place. Source: ``torch.Tensor.{name}_``."
    public(name, out=True)(f)
    method(name + "_")(f_)


_publish("addcmul", _ADDCMUL, _addcmul, _check_product, "input + value * tensor1 * tensor2")
_publish("addcdiv", _ADDCDIV, _addcdiv, _check_quotient, "input + value * tensor1 / tensor2")
