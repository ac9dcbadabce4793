"""Kernels that write into part of an array, or carry a value along an axis.

``dynamic_update_slice`` and scatters write into the operand itself where nothing else needs it, and
into a copy otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from functorch_lite.compile.elements import BOOL, INT64, Elements, Indices, shifted_block
from functorch_lite.compile.emit import Emitted, Nest
from functorch_lite.compile.fuse import plain
from functorch_lite.compile.index import Axis, Index, linear, unravel
from functorch_lite.compile.kernel import Buffer, Builder, Value
from functorch_lite.compile.steps import Copy, Launch, Slot
from functorch_lite.core.dtypes import is_half
from functorch_lite.core.graph import Eqn, Var

__all__ = ["special"]

_SCATTERS = {
    "scatter": None, "scatter_add": "add", "scatter_mul": "mul", "scatter_min": "minimum",
    "scatter_max": "maximum",
}  # fmt: skip
_RUNNING = {
    "cumsum": ("add", 0), "cumprod": ("mul", 1), "cummax": ("maximum", None),
    "cummin": ("minimum", None),
}  # fmt: skip


class _Writer:
    """A kernel over stored variables."""

    def __init__(self, planner: Any) -> None:
        self.planner = planner
        self.b = Builder()
        self.buffers: dict[Var, Buffer] = {}
        self.slots: list[Slot] = []
        self.e = Elements(self.b, lambda v: None, self.leaf)

    def leaf(self, var: Var, indices: Indices, mask: Value | None) -> Value:
        """An element of a stored variable."""
        if var in self.planner.constants:
            return self.b.const(self.planner.constants[var], var.aval.dtype)
        buffer = self.buffers.get(var)
        if buffer is None:
            buffer = self.buffers[var] = self.buffer(self.planner.place(var), "in")
        return self.b.load(buffer, linear(indices, var.aval.shape), mask)

    def buffer(self, slot: Slot, role: str) -> Buffer:
        """A slot as a buffer of the kernel."""
        self.slots.append(slot)
        return self.b.buffer(slot.aval.dtype, slot.aval.size, role)

    def done(self, label: str, work: int) -> None:
        """Append the kernel to the program."""
        self.e.close()
        kernel = self.b.kernel(label)
        emitted = Emitted(kernel, [], (), max(1, work // max(kernel.extent, 1)))
        self.planner.steps.append(Launch(emitted, self.slots))


def special(planner: Any, eqn: Eqn, number: int) -> bool:
    """Plan an equation by a kernel of its own; False if there is none for it."""
    name = eqn.op.name
    if not plain(eqn):
        return False
    dtype: Any = eqn.outputs[0].aval.dtype if eqn.outputs else None
    if eqn.outputs and eqn.outputs[0].aval.size == 0:
        planner.place(eqn.outputs[0])
        return (
            name in _SCATTERS or name in _RUNNING or name in ("concatenate", "dynamic_update_slice")
        )
    if name == "concatenate":
        _concatenate(planner, eqn)
    elif name == "dynamic_update_slice":
        _update(planner, eqn, number)
    elif name in _SCATTERS and not (_SCATTERS[name] in ("add", "mul") and _odd(dtype)):
        _scatter(planner, eqn, number)
    elif name in _RUNNING and not (is_half(dtype) and name in ("cumsum", "cumprod")):
        _running(planner, eqn)
    else:
        return False
    return True


def _odd(dtype: Any) -> bool:
    return is_half(dtype) or dtype.kind == "b"


def target(planner: Any, x: Var, out: Var, number: int, alone: bool = True) -> Slot:
    """Memory for ``out`` that holds ``x`` and may be written: its own if nothing else needs it."""
    slot: Slot | None = planner.slot.get(x)
    wanted: Slot | None = planner.slot.get(out)
    if alone and slot is not None and planner.last_use.get(x) == number:
        only = sum(other is slot for other in planner.slot.values()) == 1
        if wanted is not None and only and planner.pairs.get(wanted) is slot:
            planner.swapped.add(wanted)
            planner.slot[out] = slot
            return slot
        memory = slot.shares or slot
        if wanted is None and planner.owner.get(memory) is x:
            planner.slot[out] = slot
            planner.owner[memory] = out
            return slot
    found: Slot = planner.place(out)
    if alone and planner.may_donate(x, out, number):
        planner.planner.donations[found] = slot
    planner.steps.append(Copy(found, planner.place(x)))
    return found


def _concatenate(planner: Any, eqn: Eqn) -> None:
    """Each operand into its part of the result."""
    (out,), axis = eqn.outputs, eqn.params["axis"]
    whole: Slot = planner.place(out)
    shape = out.aval.shape
    begin = 0
    for x in eqn.inputs:
        size = x.aval.shape[axis]
        if x.aval.size:
            if math.prod(shape[:axis]) == 1:
                offset = begin * math.prod(shape[axis + 1 :]) * out.aval.dtype.itemsize
                planner.steps.append(Copy(whole, planner.place(x), offset))
            else:
                w = _Writer(planner)
                target_buffer = w.buffer(whole, "out")
                inner = math.prod(x.aval.shape[axis:])
                nest = Nest(x.aval.size, [inner], "i")
                nest.enter(w.b)
                indices = unravel(nest.flat, x.aval.shape)
                value = w.e.at(x, indices)
                moved = tuple(i + begin if k == axis else i for k, i in enumerate(indices))
                w.b.store(target_buffer, linear(moved, shape), value)
                nest.leave(w.b)
                w.done("concatenate", x.aval.size)
        begin += size


def _update(planner: Any, eqn: Eqn, number: int) -> None:
    """A block written at run-time starts."""
    x, update, *starts = eqn.inputs
    slot = target(planner, x, eqn.outputs[0], number, eqn.inputs.count(x) == 1)
    if update.aval.size == 0:
        return
    w = _Writer(planner)
    out = w.buffer(slot, "out")
    sizes = update.aval.shape
    nest = Nest(update.aval.size, _suffixes(sizes), "i")
    nest.enter(w.b)
    indices = unravel(nest.flat, sizes)
    value = w.e.at(update, indices)
    place = shifted_block(w.e, starts, indices, x.aval.shape, sizes)
    w.b.store(out, linear(place, x.aval.shape), value)
    nest.leave(w.b)
    w.done("dynamic_update_slice", update.aval.size)


def _suffixes(sizes: tuple[int, ...]) -> list[int]:
    return [math.prod(sizes[k:]) for k in range(1, len(sizes))]


def _scatter(planner: Any, eqn: Eqn, number: int) -> None:
    """Updates one after the other, each a block of lanes."""
    x, update, *arrays = eqn.inputs
    axes, shape = eqn.params["axes"], x.aval.shape
    slot = target(planner, x, eqn.outputs[0], number, eqn.inputs.count(x) == 1)
    if update.aval.size == 0 or any(shape[a] == 0 for a in axes):
        return
    w = _Writer(planner)
    out = w.buffer(slot, "inout")
    b = w.b
    grid = arrays[0].aval.shape
    count = math.prod(grid)
    rest = tuple(n for i, n in enumerate(shape) if i not in axes)
    outer = b.enter(Axis(count, "p"), "serial")
    at = unravel(Index.of(outer.axis), grid)
    found: dict[int, Index] = {}
    mask: Value | None = None
    for axis, array in zip(axes, arrays, strict=True):
        found[axis], raw = w.e.clipped(array, at, shape[axis])
        if eqn.params["mode"] == "drop":
            mask = w.e.both(mask, b.value("in_range", (raw,), BOOL, shape[axis]))
    inner = Nest(math.prod(rest), _suffixes(rest), "i")
    inner.enter(b, shared=False)
    block = iter(unravel(inner.flat, rest))
    place = tuple(found[i] if i in found else next(block) for i in range(len(shape)))
    position = linear(place, shape)
    value = w.e.at(update, (*at, *unravel(inner.flat, rest)))
    op = _SCATTERS[eqn.op.name]
    if op is not None:
        have = b.fresh_load(out, position)
        value = b.value(op, (have, value), x.aval.dtype)
    b.store(out, position, value, mask)
    inner.leave(b)
    b.leave()
    w.done(eqn.op.name, update.aval.size)


def _running(planner: Any, eqn: Eqn) -> None:
    """A reduction that stores what it has after each term."""
    (x,), (out,) = eqn.inputs, eqn.outputs
    axis, shape = eqn.params["axis"], x.aval.shape
    op, start = _RUNNING[eqn.op.name]
    lead, n, tail = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
    w = _Writer(planner)
    b = w.b
    target_buffer = w.buffer(planner.place(out), "out")
    rows = b.enter(Axis(lead, "r"), "grid", True)
    lanes = b.enter(Axis(tail, "i"), "lane")
    position: Callable[[Index], Index] = lambda k: (  # noqa: E731
        Index.of(rows.axis).scaled(n * tail) + k.scaled(tail) + Index.of(lanes.axis)
    )
    first = Index.number(n - 1 if eqn.params["reverse"] else 0)
    running = b.accumulator("assign", x.aval.dtype, 0 if start is None else start)
    along = b.enter(Axis(n, "k"), "serial")
    k = Index.of(along.axis)
    k = k.scaled(-1) + (n - 1) if eqn.params["reverse"] else k
    value = w.e.at(x, unravel(position(k), shape))
    have = b.peek(running)
    if start is None:  # the first term is its own extremum
        at_first = b.value("eq", (b.index(k, INT64), b.index(first, INT64)), BOOL)
        value = b.value("select", (at_first, value, b.value(op, (have, value), value.dtype)),
                        value.dtype)  # fmt: skip
    else:
        value = b.value(op, (have, value), value.dtype)
    b.update(running, value)
    b.store(target_buffer, position(k), value)
    for _ in range(3):
        b.leave()
    w.done(eqn.op.name, x.aval.size)
