"""The functions of ``torch.special`` that have no other name: with nodes, and without."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.op import Op as Record
from functorch_lite.core.trace import state
from functorch_lite.ops.families import HALF_CHARS, const, full_like, zeros_like
from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.op import RecordOp
from functorch_lite.torch._core.public import FUNCTIONS, method, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.binary import common, local2, operate, operate_inplace
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.elementwise import Unary, argument, refusal
from functorch_lite.torch._ops.pointwise import local, nothing, shifted
from functorch_lite.torch._ops.special import bessel_i1

__all__ = ["SPECIAL", "Floats", "not_implemented", "published", "take"]

SPECIAL: dict[str, Callable[..., Any]] = {}
"""Public functions of ``torch.special``, by name."""


def published(name: str, f: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function one of ``torch.special``'s, with ``out=``."""
    f.__name__ = name
    f.__doc__ = f.__doc__ or f"{name} of each element. Source: ``torch.special.{name}``."
    SPECIAL[name] = public(name, function=False, methods=False, out=True)(f)
    return SPECIAL[name]


def take(input: Any, name: str, types: Unary, parameter: str = "input") -> Tensor:
    """The operand, as floats.

    Raises:
        TypeError: it is no tensor.
        NotImplementedError: its dtype is not taken.
    """
    if not isinstance(input, Tensor):
        raise argument(input, f"special_{name}", parameter)
    return cast(input, types.dtype(FROM_NP[input._np.dtype]))


class Floats(Unary):
    """Real numbers, integers as floats; 16-bit floats only with ``half``."""

    __slots__ = ("half",)

    def __init__(self, kernel: str, half: bool = False) -> None:
        super().__init__("bif", kernel)
        self.half = half

    def dtype(self, own: DType) -> DType:
        found = super().dtype(own)
        if not self.half and found.np.char in HALF_CHARS:
            raise refusal(self.kernel, found)
        return found


# ------------------------------------------------------------------------------- of one tensor
def _differentiable(name: str, node: str, record: Record, rule: Any, half: bool) -> None:
    what = local(node, record.eager, rule)
    types = Floats(f"{name}_cpu", half)

    def f(input: Tensor) -> Tensor:
        return what((take(input, name, types),), {})

    published(name, f)


def _i1e_rule(t: Any, x: Any, ans: Any) -> Any:
    small = ops.le(ops.abs(x), const(float(np.finfo(np.float64).eps), x.dtype))
    safe = ops.select(small, full_like(x, 1.0), x)
    slope = ops.sub(ops.bessel_i0e(x), ops.mul(ans, ops.add(ops.sign(x), ops.reciprocal(safe))))
    return ops.mul(t, ops.select(small, full_like(x, 0.5), slope))


def _log_ndtr_rule(t: Any, x: Any) -> Any:
    density = ops.erfcx(ops.mul(x, const(-math.sqrt(0.5), x.dtype)))
    return ops.mul(ops.div(t, density), const(math.sqrt(2.0 / math.pi), x.dtype))


def _own_rule(record: Record) -> Any:
    """The rule of a record of one operand."""
    return record.vjp[0].fn


_differentiable("entr", "SpecialEntrBackward0", ops.entr, _own_rule(ops.entr), True)
_differentiable("erfcx", "SpecialErfcxBackward0", ops.erfcx, _own_rule(ops.erfcx), False)
_differentiable("i0e", "SpecialI0EBackward0", ops.bessel_i0e, _own_rule(ops.bessel_i0e), True)
_differentiable("i1e", "SpecialI1EBackward0", ops.bessel_i1e, _i1e_rule, True)
_differentiable("log_ndtr", "SpecialLogNdtrBackward0", ops.log_ndtr, _log_ndtr_rule, False)
_differentiable("ndtri", "SpecialNdtriBackward0", ops.ndtri, _own_rule(ops.ndtri), False)

_I1_TYPES = Floats("i1_cpu", True)
published("i1", lambda input: bessel_i1(take(input, "i1", _I1_TYPES)))


_NAMED_X = ("airy_ai", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1",
            "spherical_bessel_j0")  # fmt: skip


def _constant(name: str, eager: Callable[..., Any]) -> None:
    """A function that PyTorch does not differentiate, whose result is a constant."""
    types = Floats(f"{name}_cpu")

    def of_x(x: Tensor) -> Tensor:
        return make(np.asarray(state.run(eager, take(x, name, types, "x")._np)))

    def of_input(input: Tensor) -> Tensor:
        return make(np.asarray(state.run(eager, take(input, name, types)._np)))

    published(name, of_x if name in _NAMED_X else of_input)


def _spherical_j0(x: Any) -> Any:
    wide = x.astype(np.float64)
    z = wide * wide
    near = np.abs(wide) < 0.5
    series = 1 - z / 6 * (1 - z / 20 * (1 - z / 42 * (1 - z / 72 * (1 - z / 110 * (1 - z / 156)))))
    safe = np.where(near, 1.0, wide)
    far = np.where(np.isinf(wide), 0.0, np.sin(safe) / safe)
    return np.where(near, series, far).astype(x.dtype)


for _name, _record in (
    ("airy_ai", ops.airy_ai), ("bessel_j0", ops.bessel_j0), ("bessel_j1", ops.bessel_j1),
    ("bessel_y0", ops.bessel_y0), ("bessel_y1", ops.bessel_y1), ("modified_bessel_i0", ops.i0),
    ("modified_bessel_i1", ops.i1), ("modified_bessel_k0", ops.k0),
    ("modified_bessel_k1", ops.k1), ("scaled_modified_bessel_k0", ops.k0e),
    ("scaled_modified_bessel_k1", ops.k1e),
):  # fmt: skip
    _constant(_name, _record.eager)
_constant("spherical_bessel_j0", _spherical_j0)


def _ndtr(x: Any) -> Any:
    # PyTorch's own formula, which loses the digits of small values, and so has its numbers.
    return (1 + ops.erf.eager(x * x.dtype.type(math.sqrt(0.5)))) * x.dtype.type(0.5)


def _ndtr_rule(t: Any, x: Any) -> Any:
    bell = ops.exp(ops.mul(ops.square(x), const(-0.5, x.dtype)))
    return ops.mul(t, ops.mul(bell, const(1.0 / math.sqrt(2.0 * math.pi), x.dtype)))


_NDTR = local("MulBackward1", _ndtr, _ndtr_rule)
_NDTR_TYPES = Floats("erf_vml_cpu", True)
published("ndtr", lambda input: _NDTR((take(input, "ndtr", _NDTR_TYPES),), {}))


# ---------------------------------------------------------------------------------- rounding
_ROUND = local("RoundBackward1", ops.round.eager, nothing)
_ROUND_TYPES = Unary("f", "round_vml_cpu")


def _round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest number of some decimals, of floats. Source: ``torch.special.round``."""
    x = take(input, "round", _ROUND_TYPES)
    found: Tensor = FUNCTIONS["round"](x, decimals=decimals) if decimals else _ROUND((x,), {})
    return found


published("round", _round)


# ------------------------------------------------------------------------------ of two tensors
def not_implemented(what: str) -> Callable[..., Any]:
    """The rule of an operand by which PyTorch does not differentiate."""

    def rule(t: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{what}' is not implemented.")

    return rule


def _xlog1py_dx(t: Any, x: Any, y: Any) -> Any:
    zero = ops.bitwise_and(ops.eq(x, zeros_like(x)), ops.le(y, const(-1.0, y.dtype)))
    slope = ops.mul(t, ops.log1p(y))
    return ops.select(zero, zeros_like(slope), slope)


def _xlog1py_dy(t: Any, x: Any, y: Any) -> Any:
    return ops.div(ops.mul(t, x), shifted(y, 1.0))


def _zeta_dy(t: Any, x: Any, y: Any) -> Any:
    return ops.mul(t, ops.neg(ops.mul(x, ops.zeta(shifted(x, 1.0), y))))


_WHICH = {(True, True): "0", (False, True): "1", (True, False): "2"}


def _of_two(
    name: str, node: str, record: Record, rules: tuple[Any, Any], half: bool
) -> dict[tuple[bool, bool], RecordOp]:
    forms = {key: local2(node + n, record.eager, *rules) for key, n in _WHICH.items()}
    types = Floats(f"{name}_cpu", half)

    def f(input: Any, other: Any) -> Tensor:
        what = forms.get((isinstance(input, Tensor), isinstance(other, Tensor)))
        if what is None:
            raise argument(input, f"special_{name}")
        return operate(what, input, other, types.dtype(common(input, other)))

    published(name, f)
    return forms


_of_two("xlog1py", "SpecialXlog1PyBackward", ops.xlog1py, (_xlog1py_dx, _xlog1py_dy), True)
_of_two("zeta", "SpecialZetaBackward", ops.zeta, (not_implemented("zeta"), _zeta_dy), False)


# --------------------------------------------------------------------------- incomplete gamma
def _density(a: Any, x: Any) -> Any:
    power = ops.mul(shifted(a, -1.0), ops.log(x))
    return ops.exp(ops.sub(ops.sub(power, x), ops.lgamma(a)))


def _incomplete(name: str, special: str, record: Record, sign: float) -> None:
    def by_x(t: Any, x: Any, y: Any) -> Any:
        slope = ops.mul(t, _density(x, y))
        return slope if sign > 0 else ops.neg(slope)

    what = local2(
        f"{name.capitalize()}Backward0", record.eager, not_implemented(f"{name}: input"), by_x
    )

    def dtype_of(input: Any, other: Any, function: str) -> Any:
        for value, argument_name, at in ((input, "input", 1), (other, "other", 2)):
            if not isinstance(value, Tensor):
                raise argument(value, function, argument_name, at)
        own = common(input, other)
        kinds = Unary("f", f"{name}_cpu", promote=False)
        return kinds.dtype(own)

    def f(input: Tensor, other: Tensor) -> Tensor:
        return operate(what, input, other, dtype_of(input, other, name))

    def of_special(input: Tensor, other: Tensor) -> Tensor:
        return operate(what, input, other, dtype_of(input, other, f"special_{special}"))

    def in_place(self: Tensor, other: Tensor) -> Tensor:
        return operate_inplace(what, self, other, dtype_of(self, other, f"{name}_"))

    f.__name__, in_place.__name__ = name, f"{name}_"
    f.__doc__ = f"The incomplete gamma function, regularised. Source: ``torch.{name}``."
    in_place.__doc__ = f"``{name}`` in place. Source: ``torch.Tensor.{name}_``."
    public(name, out=True)(f)
    method(f"{name}_")(in_place)
    published(special, of_special)


_incomplete("igamma", "gammainc", ops.igamma, 1.0)
_incomplete("igammac", "gammaincc", ops.igammac, -1.0)
