"""What one element of an op's result is, in terms of elements of its operands.

A rule gets the index of an element and asks for the operands' elements, so that any chain of such
ops is one expression: broadcasts, transposes, slices, pads and gathers are arithmetic on indices.
Ops without a rule here are planned as kernels or calls of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.compile.index import ZERO, Computed, Index, linear, unravel
from functorch_lite.compile.kernel import Builder, Value
from functorch_lite.core.dtypes import float32, is_float, is_half
from functorch_lite.core.graph import Eqn, Var

__all__ = ["AXIS_REDUCTIONS", "INT64", "VIEWS", "Elements", "has_rule", "windowed"]

INT64 = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)
Indices = tuple[Index, ...]
Rule = Callable[["Elements", Eqn, Indices], Value]

VIEWS = frozenset({
    "reshape", "transpose", "broadcast_to", "slice", "flip", "stop_gradient", "checkpoint_name",
    "full", "iota",
})  # fmt: skip
"""Ops that compute nothing: repeating them costs no more than the access."""


class Elements:
    """Writes elements of variables into a kernel.

    Args:
        builder: the kernel.
        maker: the equation that defines a variable, for those to be computed in place.
        leaf: gives the element of every other variable: ``leaf(var, indices, mask)``.
        held: gives elements that the kernel has already, ``held(var, indices)``, or None.
    """

    def __init__(
        self,
        builder: Builder,
        maker: Callable[[Var], Eqn | None],
        leaf: Callable[[Var, Indices, Value | None], Value],
        held: Callable[[Var, Indices], Value | None] | None = None,
    ) -> None:
        self._held = held
        self.b = builder
        self._maker = maker
        self._leaf = leaf
        self.mask: Value | None = None
        self._memo: dict[Any, Value] = {}

    def at(self, var: Var, indices: Indices) -> Value:
        """The element of a variable at ``indices``, one per dimension."""
        key = (var, indices, self.mask)
        found = self._memo.get(key)
        if found is None and self.mask is not None:  # what is known everywhere is known here
            found = self._memo.get((var, indices, None))
        if found is None:
            if self._held is not None:
                found = self._held(var, indices)
            if found is None:
                eqn = self._maker(var)
                if eqn is None:
                    found = self._leaf(var, indices, self.mask)
                else:
                    found = RULES[eqn.op.name](self, eqn, indices)
            self._memo[key] = found
        return found

    def forget(self, loops: Sequence[Any]) -> None:
        """Drop what was computed inside loops that are closed."""
        closed = set(loops)
        self._memo = {k: v for k, v in self._memo.items() if not (v.deps & closed)}

    def close(self) -> None:
        """Let go of the functions given, which may refer to this object."""
        del self._maker, self._leaf, self._held
        self._memo.clear()

    def where(self, mask: Value, var: Var, indices: Indices) -> Value:
        """The element where ``mask`` holds, which must imply that ``indices`` are inside."""
        outer = self.mask
        self.mask = mask if outer is None else self.b.value("bitwise_and", (outer, mask), BOOL)
        try:
            return self.at(var, indices)
        finally:
            self.mask = outer

    def compare(self, op: str, index: Index, number: int) -> Value:
        """A comparison of an index with a number."""
        return self.b.value(op, (self.b.index(index, INT64), self.b.const(number, INT64)), BOOL)

    def both(self, left: Value | None, right: Value | None) -> Value | None:
        """The conjunction of conditions; None is true."""
        if left is None or right is None:
            return right if left is None else left
        return self.b.value("bitwise_and", (left, right), BOOL)

    def inside(self, index: Index, size: int) -> Value | None:
        """Whether an index lies in an axis; None if it always does."""
        low = self.compare("ge", index, 0) if index.lo < 0 else None
        high = self.compare("lt", index, size) if index.hi >= size else None
        return self.both(low, high)

    def clipped(self, var: Var, indices: Indices, size: int) -> tuple[Index, Value]:
        """An element of an index array, clamped to 0 … size - 1, and the element itself."""
        raw = self.at(var, indices)
        value = self.b.value("clip_index", (raw,), INT64, size)
        return Index.of(Computed(value, 0, max(size - 1, 0))), raw


# ----------------------------------------------------------------------------------- elementwise
def _aligned(indices: Indices, shape: tuple[int, ...]) -> Indices:
    """The element of an operand of ``shape`` that meets one of the broadcast result."""
    offset = len(indices) - len(shape)
    return tuple(ZERO if n == 1 else i for i, n in zip(indices[offset:], shape, strict=True))


def _elementwise(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    args = tuple([e.at(v, _aligned(indices, v.aval.shape)) for v in eqn.inputs])
    attrs = tuple(eqn.params.values()) or None
    return e.b.value(eqn.op.name, args, eqn.outputs[0].aval.dtype, attrs)


def _same(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    return e.at(eqn.inputs[0], indices)


def _full(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    return e.b.const(eqn.params["value"], eqn.outputs[0].aval.dtype)


def _iota(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    return e.b.index(indices[eqn.params["axis"]], eqn.outputs[0].aval.dtype)


# ---------------------------------------------------------------------------------------- movement
def _reshape(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    (x,) = eqn.inputs
    position = linear(indices, eqn.outputs[0].aval.shape)
    return e.at(x, unravel(position, x.aval.shape))


def _transpose(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    perm = eqn.params["perm"]
    moved: list[Index] = [ZERO] * len(perm)
    for i, axis in enumerate(perm):
        moved[axis] = indices[i]
    return e.at(eqn.inputs[0], tuple(moved))


def _broadcast_to(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    return e.at(eqn.inputs[0], _aligned(indices, eqn.inputs[0].aval.shape))


def _slice(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    p = eqn.params
    parts = zip(indices, p["start"], p["step"], strict=True)
    return e.at(eqn.inputs[0], tuple(i.scaled(step) + start for i, start, step in parts))


def _flip(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    shape, axes = eqn.inputs[0].aval.shape, eqn.params["axes"]
    turned = [
        i.scaled(-1) + (n - 1) if k in axes else i
        for k, (i, n) in enumerate(zip(indices, shape, strict=True))
    ]
    return e.at(eqn.inputs[0], tuple(turned))


def _pad(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    x, fill = eqn.inputs
    mask: Value | None = None
    source: list[Index] = []
    for i, n, (low, _, interior) in zip(indices, x.aval.shape, eqn.params["config"], strict=True):
        at, inside = placed(e, i + (-low), interior + 1, n)
        if i.lo == i.hi and not (0 <= at.lo < n and (i.lo - low) % (interior + 1) == 0):
            return e.at(fill, ())  # outside whatever the program does
        if i.lo == i.hi:
            inside = None
        mask = e.both(mask, inside)
        source.append(at)
    if mask is None:
        return e.at(x, tuple(source))
    value = e.where(mask, x, tuple(source)) if x.aval.size else e.at(fill, ())
    return e.b.value("select", (mask, value, e.at(fill, ())), x.aval.dtype)


def placed(e: Elements, at: Index, dilation: int, size: int) -> tuple[Index, Value | None]:
    """The element that lies at place ``at`` of an axis with gaps, and whether there is one."""
    if dilation == 1:
        return at, e.inside(at, size)
    inside = e.inside(at, (size - 1) * dilation + 1)
    shifted = at + dilation * max(0, -(at.lo // dilation))
    rest = shifted.digit(1, dilation)
    on = None if rest == ZERO else e.compare("eq", rest, 0)
    return at.digit(dilation, 0), e.both(inside, on)


def _concatenate(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    axis, dtype = eqn.params["axis"], eqn.outputs[0].aval.dtype
    along = indices[axis]
    result: Value | None = None
    begin = eqn.outputs[0].aval.shape[axis]
    for x in reversed(eqn.inputs):
        size = x.aval.shape[axis]
        begin -= size
        if size == 0 or along.hi < begin or along.lo >= begin + size:
            continue
        at = along + (-begin)
        mask = e.inside(at, size)
        source = tuple(at if k == axis else i for k, i in enumerate(indices))
        value = e.at(x, source) if mask is None else e.where(mask, x, source)
        if result is None or mask is None:
            result = value
        else:
            result = e.b.value("select", (mask, value, result), dtype)
    return e.b.const(0, dtype) if result is None else result


def _gather(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    x, *arrays = eqn.inputs
    axes, ndim = eqn.params["axes"], arrays[0].aval.ndim
    shape = x.aval.shape
    source: list[Index] = [ZERO] * len(shape)
    mask: Value | None = None
    for axis, array in zip(axes, arrays, strict=True):
        source[axis], raw = e.clipped(array, indices[:ndim], shape[axis])
        if eqn.params["mode"] == "drop":
            mask = e.both(mask, e.b.value("in_range", (raw,), BOOL, shape[axis]))
    rest = iter(indices[ndim:])
    for axis in range(len(shape)):
        if axis not in axes:
            source[axis] = next(rest)
    if mask is None:
        return e.at(x, tuple(source))
    zero = e.b.const(0, x.aval.dtype)
    if any(shape[axis] == 0 for axis in axes):
        return zero
    return e.b.value("select", (mask, e.at(x, tuple(source)), zero), x.aval.dtype)


def _dynamic_slice(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    x, *starts = eqn.inputs
    return e.at(x, shifted_block(e, starts, indices, x.aval.shape, eqn.outputs[0].aval.shape))


def shifted_block(
    e: Elements, starts: Sequence[Var], indices: Indices, shape: Sequence[int], sizes: Sequence[int]
) -> Indices:
    """Where an element of a block at run-time ``starts`` lies in an array of ``shape``."""
    found = []
    for start, i, n, size in zip(starts, indices, shape, sizes, strict=True):
        room = n - size + 1
        found.append(i if room == 1 else i + e.clipped(start, (), room)[0])
    return tuple(found)


# ------------------------------------------------------------------------------------------ windows
def windowed(
    e: Elements, x: Var, outer: Indices, inner: Indices, params: dict[str, Any]
) -> tuple[Indices, Value | None]:
    """The element that place ``inner`` of the window of output ``outer`` meets, and if it does."""
    found: list[Index] = []
    mask: Value | None = None
    parts = zip(
        outer, inner, x.aval.shape, params["strides"], params["padding"], params["base_dilation"],
        params["window_dilation"], strict=True,
    )  # fmt: skip
    for o, k, n, stride, (low, _), base, dilation in parts:
        at, inside = placed(e, o.scaled(stride) + k.scaled(dilation) + (-low), base, n)
        found.append(at)
        mask = e.both(mask, inside)
    return tuple(found), mask


def _short_reduction(e: Elements, eqn: Eqn, indices: Indices) -> Value:
    (x,), axes = eqn.inputs, sorted(eqn.params["axes"])
    op, dtype = AXIS_REDUCTIONS[eqn.op.name], x.aval.dtype
    wide = float32 if op in ("add", "mul") and is_half(dtype) else dtype
    sizes = tuple(x.aval.shape[a] for a in axes)
    total: Value | None = None
    for place in np.ndindex(sizes):
        rest, terms = iter(indices), iter(place)
        source = tuple(
            Index.number(next(terms)) if a in axes else next(rest) for a in range(x.aval.ndim)
        )
        value = e.at(x, source)
        if wide != dtype:
            value = e.b.value("cast", (value,), wide, (wide,))
        total = value if total is None else e.b.value(op, (total, value), wide)
    assert total is not None
    return total if wide == dtype else e.b.value("cast", (total,), dtype, (dtype,))


AXIS_REDUCTIONS = {
    "reduce_sum": "add", "reduce_prod": "mul", "reduce_max": "maximum", "reduce_min": "minimum",
    "reduce_and": "bitwise_and", "reduce_or": "bitwise_or",
}  # fmt: skip
"""Reductions over axes, each with the op that combines two terms."""
RULES: dict[str, Rule] = {
    **dict.fromkeys(AXIS_REDUCTIONS, _short_reduction),
    "full": _full,
    "iota": _iota,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    "slice": _slice,
    "flip": _flip,
    "pad": _pad,
    "concatenate": _concatenate,
    "gather": _gather,
    "dynamic_slice": _dynamic_slice,
    "stop_gradient": _same,
    "checkpoint_name": _same,
}


_NO_SCALAR_CODE = frozenset(("nextafter", "complex", "real", "imag"))


def has_rule(eqn: Eqn) -> bool:
    """Whether the elements of an equation's result can be computed one by one, in real numbers."""
    op, name = eqn.op, eqn.op.name
    if name not in RULES:
        if op.family != "elementwise" or name in _NO_SCALAR_CODE or "library" in op.info:
            return False
        RULES[name] = _elementwise
    if name == "pow":
        return is_float(eqn.outputs[0].aval.dtype)
    if name == "bitcast":
        return not any(is_half(v.aval.dtype) for v in (*eqn.inputs, *eqn.outputs))
    return True
