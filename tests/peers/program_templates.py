"""Fragments of programs: each writes a few nodes around one operation, on operands in its domain.

Where an operation has kinks, jumps or ties, its operand is first moved by irregular constants, so
that no element lies on one: there the value, or the convention for the derivative, would be a
matter of rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from program_builder import Builder
from program_nodes import block_names

Template = Callable[[Builder], None]
TEMPLATES: dict[str, Template] = {}

__all__ = ["TEMPLATES", "Template", "template"]


def template(f: Template) -> Template:
    """Register under the function's name."""
    TEMPLATES[f.__name__] = f
    return f


# -------------------------------------------------------------------------------- smooth functions
_SMOOTH = {
    "np.exp": (-2.0, 1.5, 5.0), "np.exp2": (-2.0, 2.0, 4.0), "np.expm1": (-2.0, 1.5, 4.0),
    "np.log": (0.3, 3.0, 1.3), "np.log2": (0.3, 3.0, 1.8), "np.log10": (0.3, 3.0, 0.6),
    "np.log1p": (-0.6, 2.0, 1.1), "np.sqrt": (0.3, 3.0, 1.8), "lax.rsqrt": (0.3, 3.0, 1.9),
    "np.cbrt": (0.3, 3.0, 1.5), "np.square": (-2.0, 2.0, 4.0), "np.reciprocal": (0.5, 3.0, 2.0),
    "np.sin": (-4.0, 4.0, 1.0), "np.cos": (-4.0, 4.0, 1.0), "np.tan": (-1.0, 1.0, 1.6),
    "np.arcsin": (-0.9, 0.9, 1.2), "np.arccos": (-0.9, 0.9, 2.8), "np.arctan": (-3.0, 3.0, 1.3),
    "np.sinh": (-2.0, 2.0, 3.7), "np.cosh": (-2.0, 2.0, 3.8), "np.tanh": (-2.0, 2.0, 1.0),
    "np.arcsinh": (-3.0, 3.0, 1.9), "np.arccosh": (1.3, 3.0, 1.8), "np.arctanh": (-0.8, 0.8, 1.1),
    "lax.logistic": (-3.0, 3.0, 1.0), "lax.erf": (-2.0, 2.0, 1.0), "lax.erfc": (-2.0, 2.0, 2.0),
    "lax.erfinv": (-0.9, 0.9, 1.2), "op.neg": (-3.0, 3.0, 3.0), "np.positive": (-3.0, 3.0, 3.0),
}  # fmt: skip


def _smooth(b: Builder, op: str, lo: float, hi: float, bound: float) -> None:
    b.same(op, b.into(b.real(), lo, hi), bound=bound)


for _op, (_lo, _hi, _bound) in _SMOOTH.items():
    TEMPLATES[_op.partition(".")[2]] = partial(_smooth, op=_op, lo=_lo, hi=_hi, bound=_bound)


@template
def integer_pow(b: Builder) -> None:
    n = b.one_of([2, 3, 4, 5, -1, -2])
    x = b.into(b.real(), *((0.6, 1.6) if n < 0 else (-1.3, 1.3)))
    b.same("lax.integer_pow", x, bound=4.0, n=n)


@template
def scalar_operators(b: Builder) -> None:
    operator, a = b.one_of(
        [("rsub", 1.5), ("rdiv", 1.5), ("pow", 2), ("pow", 3), ("pow", -1), ("pow", 0.5),
         ("pow", 2.5), ("rpow", 2), ("neg", 0), ("div", 3), ("div", 1.7)]
    )  # fmt: skip
    x = b.into(b.real(), 0.5, 2.0)
    b.same("my.from_scalar", x, bound=6.0, operator=operator, a=a)


@template
def scalar_jumps(b: Builder) -> None:
    operator, a = b.one_of([("abs", 0), ("mod", 0.7), ("rmod", 2), ("floordiv", 0.7)])
    x = b.distinct(b.real())
    if operator == "rmod":
        x = b.into(x, 0.5, 2.0)
    y = b.same("my.from_scalar", x, bound=8.0, operator=operator, a=a)
    b.same("op.mul", y, b.bounded(x, 1.0), bound=8.0)


# ---------------------------------------------------------------------------------- kinks and jumps
def _jump(b: Builder, op: str) -> None:
    x = b.distinct(b.real())
    y = b.same(op, x, bound=b.bounds[x] + 1)
    b.same("op.sub" if b.chance(0.5) else "op.mul", b.bounded(x, 2.0), y, bound=12.0)


for _name in ("sign", "abs", "floor", "ceil", "round", "rint", "trunc"):
    TEMPLATES[_name] = partial(_jump, op=f"np.{_name}")


# ------------------------------------------------------------------------------------------- binary
def _pair(b: Builder, one: float = 4.0, two: float = 4.0) -> tuple[int, int]:
    """Two operands that broadcast, the larger one first or second."""
    x = b.real(bound=one)
    return x, b.partner(x, two)


def _arithmetic(b: Builder, op: str) -> None:
    x, y = _pair(b)
    shape, m, n = b.shape(x), b.bounds[x], b.bounds[y]
    if b.chance(0.5):
        x, y = y, x
    b.add(op, x, y, shape=shape, bound=m * n if op == "op.mul" else m + n)


for _op in ("op.add", "op.sub", "op.mul", "np.logaddexp"):
    TEMPLATES[_op.partition(".")[2]] = partial(_arithmetic, op=_op)


@template
def divide(b: Builder) -> None:
    x, y = _pair(b)
    b.same("op.truediv", x, b.into(y, 0.5, 2.0), bound=2 * b.bounds[x])


@template
def hypot(b: Builder) -> None:
    x, y = _pair(b)
    b.same("np.hypot", x, b.into(y, 0.5, 2.0), bound=6.0)


@template
def arctan2(b: Builder) -> None:
    x, y = _pair(b)
    b.same("np.arctan2", x, b.into(y, 0.5, 2.0), bound=1.6)


@template
def power(b: Builder) -> None:
    x, y = _pair(b, two=2.0)
    b.same("np.power", b.into(x, 0.4, 2.0), y, bound=6.3)


def _extremum(b: Builder, op: str) -> None:
    x, y = _pair(b)
    x = b.distinct(x)
    b.same(op, x, y, bound=max(b.bounds[x], b.bounds[y]))


for _name in ("maximum", "minimum"):
    TEMPLATES[_name] = partial(_extremum, op=f"np.{_name}")


def _division(b: Builder, op: str) -> None:
    x, y = _pair(b)
    x, y = b.distinct(x), b.into(y, 0.5, 1.5)
    if b.chance(0.3):
        y = b.same("op.neg", y, bound=1.5)
    quotient = b.same(op, x, y, bound=12.0)
    b.same("op.mul", quotient, b.bounded(x, 1.0), bound=12.0)


for _name in ("floor_divide", "remainder", "fmod"):
    TEMPLATES[_name] = partial(_division, op=f"np.{_name}")


@template
def copysign(b: Builder) -> None:
    x, y = _pair(b)
    x = b.distinct(x)
    b.same("np.copysign", x, b.bounded(b.distinct(b.real_of(b.shape(x))), 9.0), bound=b.bounds[x])


@template
def nextafter(b: Builder) -> None:
    x = b.real(bound=2.0)
    y = b.distinct(b.real_of(b.shape(x)))
    b.same("my.constant_nextafter", x, y, bound=4.0)


# -------------------------------------------------------------------------- choosing, bools, limits
@template
def where(b: Builder) -> None:
    x, y = _pair(b)
    shape = b.shape(x)
    bound = max(b.bounds[x], b.bounds[y])
    b.add(
        "np.where", b.truth(shape), *((x, y) if b.chance(0.5) else (y, x)), shape=shape, bound=bound
    )


@template
def clamp(b: Builder) -> None:
    x = b.distinct(b.real())
    shape = b.shape(x)
    lo, hi = (b.into(b.real_of(shape), *r) for r in ((-2.0, -0.3), (0.3, 2.0)))
    if b.chance(0.4):  # JAX differentiates a clamp by scalar bounds only with respect to x
        lo, hi = (_scalar(b, v) for v in (-0.7, 0.6))
    b.add("lax.clamp", lo, x, hi, shape=shape, bound=2.0)


def _scalar(b: Builder, value: float) -> int:
    return b.add("np.full", shape=(), bound=1.0, shape_=(), fill_value=value, dtype_="float64")


@template
def clip(b: Builder) -> None:
    x = b.distinct(b.real())
    b.same("np.clip", x, bound=1.0, min=-1.0, max=b.uniform(0.2, 1.0))


@template
def logic(b: Builder) -> None:
    x = b.truth(b.shape(b.real(1)))
    y = b.truth(b.shape(x))
    op = b.one_of(["op.and_", "op.or_", "op.xor", "np.logical_and", "np.logical_or"])
    out = b.add(op, x, y, shape=b.shape(x), dtype="b1")
    if b.chance(0.6):
        out = b.add("op.invert", out, shape=b.shape(x), dtype="b1")
    _use_truth(b, out)


def _use_truth(b: Builder, truth: int) -> None:
    x = b.real_of(b.shape(truth))
    y = b.partner(x)
    b.add("np.where", truth, x, y, shape=b.shape(x), bound=4.0)


def _predicate(b: Builder, op: str) -> None:
    x = b.distinct(b.real())
    _use_truth(b, b.add(op, x, shape=b.shape(x), dtype="b1"))


for _name in ("isfinite", "isnan", "isinf", "signbit"):
    TEMPLATES[_name] = partial(_predicate, op=f"np.{_name}")


@template
def not_finite(b: Builder) -> None:
    """Infinities and NaN that do not reach a derivative."""
    x = b.distinct(b.real())
    zero = _scalar(b, 0.0)
    quotient = b.same("op.truediv", x, zero, bound=1.0)
    op = b.one_of(["np.isfinite", "np.isinf", "np.isnan"])
    bad = b.add(op, quotient, shape=b.shape(x), dtype="b1")
    b.used[quotient] += 100
    b.types[quotient] = (b.shape(x), "nonfinite")
    _use_truth(b, bad)


def _comparison(b: Builder, op: str) -> None:
    x = b.distinct(b.real())
    truth = b.add(op, x, b.partner(x), shape=b.shape(x), dtype="b1")
    _use_truth(b, truth)


def _any_all(b: Builder, op: str) -> None:
    x = b.distinct(b.real(1))
    truth = b.add("op.gt", x, b.partner(x), shape=b.shape(x), dtype="b1")
    axis = b.axis(truth)
    shape = _without(b.shape(truth), axis)
    _use_truth(b, b.add(op, truth, shape=shape, dtype="b1", axis=axis))


for _name in ("lt", "le", "gt", "ge", "ne", "eq"):
    TEMPLATES[_name] = partial(_comparison, op=f"op.{_name}")
for _name in ("any", "all"):
    TEMPLATES[_name] = partial(_any_all, op=f"np.{_name}")


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    axis %= len(shape)
    return shape[:axis] + shape[axis + 1 :]


# ----------------------------------------------------------------- flow of derivatives and programs
@template
def stop_gradient(b: Builder) -> None:
    x = b.real()
    stopped = b.same("lax.stop_gradient", x, bound=b.bounds[x])
    b.same("op.mul", x, b.bounded(stopped, 2.0), bound=8.0)


@template
def barrier(b: Builder) -> None:
    x = b.real()
    y = b.partner(x)
    b.same("my.barrier", x, y, bound=b.bounds[x] + b.bounds[y])


def _block(b: Builder, name: str) -> None:
    x = b.real(bound=2.0)
    y = b.real_of(b.shape(x), bound=2.0)
    b.same(f"my.{name}", x, y, bound=16.0)


for _name in block_names():
    TEMPLATES[_name] = partial(_block, name=_name)


@template
def vmap_block(b: Builder) -> None:
    x = b.real(1, bound=2.0)
    b.same("my.vmap_block", x, b.real(), bound=64.0)


@template
def vmap_pair(b: Builder) -> None:
    x = b.real(1, 2, bound=2.0)
    n = b.shape(x)[0]
    rest = b.one_of([(), (2,), (3,)])
    y = b.real_of((*rest, n))
    b.add("my.vmap_pair", x, y, shape=(*rest, n), bound=40.0)
