"""Families of ops: what mathematics fixes once for many records.

An elementwise op has a diagonal Jacobian: one function per operand, "scale a tangent by the local
derivative", is its forward rule and its reverse rule, and batching only aligns ranks. A linear op
is its own forward rule. A reduction batches by shifting its axes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.array import Array, wrap
from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import DTYPES, bfloat16, float32, is_float
from functorch_lite.core.op import NOT_DIFFERENTIABLE, REGISTRY, Op, Rule, Whole, whole_vjp
from functorch_lite.errors import AxisError, DtypeError, ShapeError

__all__ = [
    "NOT_DIFFERENTIABLE",
    "Aval",
    "Whole",
    "const",
    "define",
    "elementwise",
    "full_like",
    "half_safe",
    "linear",
    "ones_like",
    "reduction",
    "unbroadcast",
    "whole_vjp",
    "zeros_like",
]

HALF_CHARS = frozenset((np.dtype(np.float16).char, bfloat16.char))
"""``dtype.char`` of the 16-bit float types, for a test that costs no call."""

_new = object.__new__
_KIND = {"b": "b", "i": "i", "u": "i", "f": "f", "c": "c", "V": "f"}


def kind_of(dtype: np.dtype[Any]) -> str:
    """``b`` bool, ``i`` integer (either sign), ``f`` real float, ``c`` complex."""
    return "f" if is_float(dtype) else _KIND[dtype.kind]


# ------------------------------------------------------------------------------------------ helpers
def const(value: Any, dtype: np.dtype[Any]) -> Array:
    """A 0-d constant that any trace can use.

    >>> const(2, np.dtype("float32"))
    Array(2., dtype=float32)
    """
    return wrap(np.array(value, dtype))


def full_like(x: Array, value: Any) -> Array:
    """An array of ``x``'s shape and dtype filled with a Python scalar."""
    found: Array = REGISTRY["full"](shape=tuple(x.shape), dtype=x.dtype, value=value)
    return found


def zeros_like(x: Array) -> Array:
    """Zeros with ``x``'s shape and dtype."""
    return full_like(x, 0)


def ones_like(x: Array) -> Array:
    """Ones with ``x``'s shape and dtype."""
    return full_like(x, 1)


def unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """Sum a cotangent over the axes along which its operand was broadcast.

    Args:
        g: cotangent of the broadcast answer.
        shape: the operand's own shape.

    Returns:
        an array of ``shape``.
    """
    have = g.shape
    if have == shape:
        return g
    extra = len(have) - len(shape)
    axes = [*range(extra)]
    for i, n in enumerate(shape):
        if n == 1 and have[i + extra] != 1:
            axes.append(i + extra)
    if axes:
        g = REGISTRY["reduce_sum"](g, axes=tuple(axes))
    return g if g.shape == shape else REGISTRY["reshape"](g, shape=shape)


def half_safe(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Compute ``fn`` in float32 for the 16-bit float types and round the answer once.

    ``fn`` may be a ufunc or a function whose first parameter is ``xp``.
    """
    if isinstance(fn, np.ufunc):
        name = fn.__name__

        def ufunc_wrapper(xp: Any, *args: Any, **params: Any) -> Any:
            dtype = args[0].dtype
            run = fn if xp is np else getattr(xp, name)
            if dtype.itemsize == 2 and is_float(dtype):
                return run(*[a.astype(float32) for a in args], **params).astype(dtype)
            return run(*args, **params)

        return ufunc_wrapper

    def wrapper(xp: Any, *args: Any, **params: Any) -> Any:
        dtype = args[0].dtype
        if dtype.itemsize == 2 and is_float(dtype):
            wide = [a.astype(float32) if a.dtype == dtype else a for a in args]
            return fn(xp, *wide, **params).astype(dtype)
        return fn(xp, *args, **params)

    return wrapper


# --------------------------------------------------------------------------------------- define
def define(
    name: str,
    *,
    operands: tuple[str, ...] = ("x",),
    eager: Callable[..., Any],
    aval: Callable[..., Any],
    jvp: Any,
    vjp: Any,
    batch: Callable[..., Any],
    multi: bool = False,
    **info: Any,
) -> Op:
    """Declare an op with every rule written out; see CONTRIBUTING for the form of the rules."""
    return Op(name, operands, eager, aval, jvp, vjp, batch, multi=multi, info=info)


# ----------------------------------------------------------------------------------- elementwise
def elementwise(
    name: str,
    eager: Callable[..., Any],
    partials: Any,
    *,
    operands: tuple[str, ...] = ("x",),
    result: Any = "same",
    kinds: str = "bifc",
    domain: Any = (-3.0, 3.0),
    code: str = "",
    same: tuple[int, ...] | None = None,
    first: str | None = None,
    transposed: Any = None,
) -> Op:
    """Declare an elementwise op; operands broadcast as in NumPy.

    Args:
        name: the op's name.
        eager: NumPy ufunc or ``fn(xp, *arrays, **params)``.
        partials: per operand ``None`` or ``fn(t, <needs>)``, t scaled by the local derivative.
        operands: operand names.
        result: ``"same"``, ``"bool"`` or ``fn(*dtypes, **params) -> dtype``.
        kinds: legal dtype kinds of the operands that share a dtype.
        domain: interval, or one per operand, in which the op is defined and tested.
        code: C-like expression for code generators, with ``{0}`` … for the operands.
        same: positions of the operands that must share one dtype; all by default.
        first: legal kinds of operands outside ``same`` (the condition of ``select``).
        transposed: reverse rules where they are not the forward ones, which happens between real
            and complex numbers: the transpose of "take the real part" is "add a zero one".
    """
    shared = tuple(range(len(operands))) if same is None else same
    lead = shared[0] if shared else 0

    def aval(*avals: Aval, **params: Any) -> Aval:
        a = avals[lead]
        dtype, shape = a.dtype, a.shape
        for b in avals:
            other = b.shape
            if other != shape and other:
                if shape:
                    shape = _broadcast(name, operands, avals)
                    break
                shape = other
        for i in shared:
            if avals[i].dtype is not dtype and avals[i].dtype != dtype:
                _dtype_mismatch(name, operands, avals)
        if dtype not in legal:
            _illegal_dtype(name, avals, lead, kinds)
        if first is not None and kind_of(avals[0].dtype) not in first:
            _illegal_dtype(name, avals, 0, first)
        if result == "same":
            if shape == a.shape:
                return a
        elif result == "bool":
            dtype = _BOOL
        else:
            dtype = result(*[b.dtype for b in avals], **params)
        out = _new(Aval)
        out.shape, out.dtype, out.weak = shape, dtype, False
        return out

    legal = frozenset(d for d in DTYPES if kind_of(d) in kinds)

    def batch(size: int, args: list[Array], batched: list[bool], params: dict[str, Any]) -> Array:
        rank = max(len(a.shape) - b for a, b in zip(args, batched, strict=True))
        aligned = []
        for a, b in zip(args, batched, strict=True):
            missing = rank + 1 - len(a.shape)
            if b and missing:
                shape = (a.shape[0], *(1,) * missing, *a.shape[1:])
                a = REGISTRY["reshape"](a, shape=shape)
            aligned.append(a)
        out: Array = op(*aligned, **params)
        return out

    def rules(given: Any) -> Any:
        if given is NOT_DIFFERENTIABLE:
            return given
        return tuple(None if p is None else Rule(p, operands) for p in given)

    forward = rules(partials)
    reverse = forward if transposed is None else rules(transposed)
    info = {"domain": domain, "code": code, "kinds": kinds, "shared": shared, "first": first}
    op = Op(name, operands, eager, aval, forward, reverse, batch, family="elementwise", info=info)
    return op


_BOOL = np.dtype(np.bool_)


def _broadcast(name: str, operands: tuple[str, ...], avals: tuple[Aval, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*[a.shape for a in avals])
    except ValueError:
        raise ShapeError(broadcast_message(name, operands, avals)) from None


_SPOKEN = {
    "sub": "subtract", "mul": "multiply", "div": "divide", "pow": "power", "select": "where",
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater",
    "ge": "greater_equal", "shift_left": "left_shift", "shift_right": "right_shift",
    "clamp": "clip",
}  # fmt: skip


def spoken(name: str) -> str:
    """The public function that users know an op by."""
    return _SPOKEN.get(name, name)


def broadcast_message(name: str, operands: tuple[str, ...], avals: tuple[Aval, ...]) -> str:
    """What does not fit, where, and one change that makes it fit."""
    shapes = ", ".join(f"{n} {a.shape}" for n, a in zip(operands, avals, strict=True))
    ranked = sorted(range(len(avals)), key=lambda i: -len(avals[i].shape))
    text = f"{spoken(name)}: shapes do not broadcast: {shapes}."
    for i in ranked:
        for j in ranked:
            if i >= j:
                continue
            a, b = avals[i].shape, avals[j].shape
            for k in range(1, min(len(a), len(b)) + 1):
                if a[-k] != b[-k] and 1 not in (a[-k], b[-k]):
                    text += (
                        f" Counted from the right, dimension {k} is {a[-k]} in {operands[i]} and "
                        f"{b[-k]} in {operands[j]}; they must be equal, or one of them 1."
                    )
                    return text + _broadcast_remedy(operands, i, j, a, b)
    return text


def _broadcast_remedy(
    operands: tuple[str, ...], i: int, j: int, a: tuple[int, ...], b: tuple[int, ...]
) -> str:
    for short, long, name in ((b, a, operands[j]), (a, b, operands[i])):
        if len(short) == 1 and len(long) >= 2 and short[0] in long[:-1]:
            at = len(long) - 1 - long[::-1].index(short[0])
            index = ", ".join([":"] + ["None"] * (len(long) - 1 - at))
            return f" If it runs along axis {at} of the other, write {name}[{index}]."
    for short, name in ((b, operands[i]), (a, operands[j])):
        if len(short) == 1:
            return f" To combine every element with every other, write {name}[..., None]."
    return f" Slice or reshape {operands[i]} or {operands[j]} until those sizes agree."


def _dtype_mismatch(name: str, operands: tuple[str, ...], avals: tuple[Aval, ...]) -> None:
    listed = ", ".join(f"{n} {a.dtype.name}" for n, a in zip(operands, avals, strict=True))
    raise DtypeError(
        f"{name}: operands must have one dtype, got {listed}. Convert one with "
        f"{operands[-1]}.astype({avals[0].dtype.name!r}), or use functorch_lite.numpy, which "
        "promotes."
    )


_KIND_WORDS = {"b": "bool", "i": "integer", "f": "float", "c": "complex"}


def _illegal_dtype(name: str, avals: tuple[Aval, ...], i: int, kinds: str) -> None:
    words = " or ".join(_KIND_WORDS[k] for k in kinds)
    remedy = {"f": "float32", "c": "complex64", "i": "int64", "b": "bool"}[kinds[0]]
    raise DtypeError(
        f"{name}: takes {words} operands, got {avals[i].dtype.name}. Convert first, e.g. "
        f"x.astype({remedy!r})."
    )


# ------------------------------------------------------------------------------ linear, reduction
def linear(
    name: str,
    *,
    eager: Callable[..., Any],
    aval: Callable[..., Any],
    transpose: Callable[..., Any],
    batch: Callable[..., Any],
    **info: Any,
) -> Op:
    """Declare an op that is linear in its only operand ``x``: it is its own forward rule."""

    def jvp(
        primals: list[Array], tangents: list[Array | None], params: dict[str, Any]
    ) -> tuple[Array, Array | None]:
        (t,) = tangents
        return op(*primals, **params), None if t is None else op(t, **params)

    op = Op(name, ("x",), eager, aval, Whole(jvp), (transpose,), batch, family="linear", info=info)
    return op


def reduction(
    name: str,
    *,
    eager: Callable[..., Any],
    jvp: Any,
    vjp: Any,
    result: Any = "same",
    kinds: str = "bifc",
    identity: bool = True,
    **info: Any,
) -> Op:
    """Declare a reduction of ``x`` over the param ``axes``.

    Args:
        name: the op's name.
        eager: ``fn(xp, x, axes)``.
        jvp: one forward rule, or NOT_DIFFERENTIABLE.
        vjp: one reverse rule, or NOT_DIFFERENTIABLE.
        result: ``"same"`` or a dtype.
        kinds: legal dtype kinds.
        identity: whether an empty axis may be reduced.
        info: what tests and code generators want to know.
    """

    def aval(x: Aval, *, axes: tuple[int, ...]) -> Aval:
        check_axes(name, x, axes)
        if kind_of(x.dtype) not in kinds:
            _illegal_dtype(name, (x,), 0, kinds)
        if not identity:
            for axis in axes:
                if x.shape[axis] == 0:
                    raise ShapeError(
                        f"{name}: axis {axis} of shape {x.shape} is empty and {name} has no "
                        "identity element. Concatenate a fallback value first, or guard the call "
                        "by the shape."
                    )
        shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        return make_aval(shape, x.dtype if result == "same" else result)

    def batch(size: int, args: list[Array], batched: list[bool], params: dict[str, Any]) -> Array:
        out: Array = op(args[0], axes=tuple(a + 1 for a in params["axes"]))
        return out

    def rules(rule: Any) -> Any:
        return rule if rule is NOT_DIFFERENTIABLE or isinstance(rule, Whole) else (rule,)

    info["kinds"] = kinds
    op = Op(name, ("x",), eager, aval, rules(jvp), rules(vjp), batch, family="reduction", info=info)
    return op


def check_axes(name: str, x: Aval, axes: tuple[int, ...]) -> None:
    """Raise unless ``axes`` are distinct, sorted-or-not dimensions of x."""
    for axis in axes:
        if not 0 <= axis < len(x.shape):
            raise axis_error(name, axis, x.shape)
    if len(set(axes)) != len(axes):
        raise AxisError(f"{name}: an axis is named twice in {axes}")


def axis_error(name: str, axis: int, shape: tuple[int, ...]) -> AxisError:
    """The error for an axis outside ``shape``."""
    n = len(shape)
    if n == 0:
        return AxisError(f"{name}: axis {axis} given for a scalar, which has no axes")
    return AxisError(
        f"{name}: axis {axis} is out of range for shape {shape} with {n} dimension{'s' * (n > 1)}; "
        f"use {-n} to {n - 1}"
    )
