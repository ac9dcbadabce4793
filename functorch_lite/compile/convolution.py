"""Convolutions as matrix products of patches, one block of patches at a time.

A block holds the patches of one example, or of one channel of all examples, whichever makes the
better matrices; it stays in cache between the kernel that writes it and the product that reads it.
"""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.compile.elements import Elements, placed
from functorch_lite.compile.emit import Emitted, Nest
from functorch_lite.compile.index import Index, linear, unravel
from functorch_lite.compile.kernel import Builder, Value
from functorch_lite.compile.steps import Clear, Launch, Multiply, Point, Repeat, Slot, Step
from functorch_lite.core.aval import make_aval
from functorch_lite.core.dtypes import is_float
from functorch_lite.core.graph import Eqn

__all__ = ["convolution"]

NARROW = 32
"""Columns below which a product per example is worth less than one per channel."""


class _Shape:
    """Sizes of a convolution ``x[G, N, C, *S], w[G, O, C, *K] -> out[G, N, O, *P]``."""

    def __init__(self, eqn: Eqn) -> None:
        x, w = eqn.inputs
        self.params = eqn.params
        self.dtype = x.aval.dtype
        self.groups, self.examples, self.channels = x.aval.shape[:3]
        self.outputs = w.aval.shape[1]
        self.sizes, self.kernel = x.aval.shape[3:], w.aval.shape[3:]
        self.places = eqn.outputs[0].aval.shape[3:]
        self.size, self.taps, self.count = map(math.prod, (self.sizes, self.kernel, self.places))


def convolution(planner: Any, eqn: Eqn) -> bool:
    """Plan a convolution; False for dtypes without a library."""
    if eqn.op.name != "conv":
        return False
    dtype = eqn.outputs[0].aval.dtype
    if not is_float(dtype) or dtype.itemsize < 4:
        return False
    s = _Shape(eqn)
    x, w = [planner.place(v) for v in eqn.inputs]
    out = planner.place(eqn.outputs[0])
    if 0 in (s.channels, s.examples, s.outputs, s.groups) or not s.size:
        planner.steps.append(Clear(out))
        return True
    by_channel = s.count < NARROW and s.taps * s.examples > s.count * s.channels
    for g in range(s.groups):
        parts = [_part(planner, slot, g, s.groups) for slot in (x, w, out)]
        (_by_channel if by_channel else _by_example)(planner, s, *parts)
    return True


def _part(planner: Any, slot: Slot, g: int, groups: int) -> Slot:
    """The memory of one group."""
    if groups == 1:
        return slot
    part = pointer(slot, slot.aval.shape[1:])
    planner.steps.append(Point(part, slot, 0, g * part.nbytes))
    return part


def pointer(slot: Slot, shape: tuple[int, ...]) -> Slot:
    """A pointer into a slot."""
    return Slot("pointer", make_aval(shape, slot.aval.dtype), behind=(slot,))


def _by_example(planner: Any, s: _Shape, x: Slot, w: Slot, out: Slot) -> None:
    """For each example the patches ``[C K, P]``, and ``w[O, C K]`` times them."""
    depth = s.channels * s.taps
    row, result = pointer(x, (s.channels, *s.sizes)), pointer(out, (s.outputs, *s.places))
    steps: list[Step] = [
        Point(row, x, row.nbytes),
        Point(result, out, result.nbytes),
    ]
    if _is_plain(s):
        patches = row
    else:
        patches = Slot("arena", make_aval((depth, s.count), s.dtype))
        steps.append(_patches(s, row, patches, (s.channels,), (), s.size))
    steps.append(
        Multiply(
            s.dtype,
            s.outputs,
            s.count,
            depth,
            1,
            (w, 0, depth, False, 0),
            (patches, 0, s.count, False, 0),
            (result, 0, s.count, False, 0),
        )  # fmt: skip
    )
    planner.steps.append(Repeat(s.examples, False, steps))


def _by_channel(planner: Any, s: _Shape, x: Slot, w: Slot, out: Slot) -> None:
    """For each channel the patches ``[K, N P]`` of all examples, added up over the channels."""
    columns = s.examples * s.count
    row = pointer(x, (s.examples * s.channels * s.size - (s.channels - 1) * s.size,))
    taps = pointer(w, (s.taps,))
    total = Slot("arena", make_aval((s.outputs, columns), s.dtype))
    patches = Slot("arena", make_aval((s.taps, columns), s.dtype))
    steps: list[Step] = [
        Point(row, x, s.size * s.dtype.itemsize),
        Point(taps, w, s.taps * s.dtype.itemsize),
        _patches(s, row, patches, (), (s.examples,), s.channels * s.size),
        Multiply(
            s.dtype, s.outputs, columns, s.taps, 1, (taps, 0, s.channels * s.taps, False, 0),
            (patches, 0, columns, False, 0), (total, 0, columns, False, 0), True,
        ),
    ]  # fmt: skip
    planner.steps += [Clear(total), Repeat(s.channels, False, steps)]
    b = Builder()
    held = b.buffer(s.dtype, total.aval.size, "in")
    written = b.buffer(s.dtype, total.aval.size, "out")
    shape = (s.examples, s.outputs, s.count)
    nest = _nest(shape)
    nest.enter(b)
    n, o, p = unravel(nest.flat, shape)
    b.store(written, nest.flat, b.load(held, linear((o, n, p), (s.outputs, s.examples, s.count))))
    nest.leave(b)
    planner.steps.append(Launch(Emitted(b.kernel("transpose"), [], (), 2 * s.count), [total, out]))


def _is_plain(s: _Shape) -> bool:
    """Whether the patches are the elements themselves."""
    p = s.params
    return (
        s.taps == 1
        and s.sizes == s.places
        and all(n == 1 for n in (*p["strides"], *p["x_dilation"]))
        and all(pair == (0, 0) for pair in p["padding"])
    )


def _patches(
    s: _Shape, x: Slot, patches: Slot, before: tuple[int, ...], after: tuple[int, ...], step: int
) -> Launch:
    """The kernel that writes ``patches[*before, *K, *after, *P]``; the one of ``before`` and
    ``after`` that is there counts parts of x that lie ``step`` elements apart.
    """
    b = Builder()
    held = b.buffer(s.dtype, x.aval.size, "in")
    written = b.buffer(s.dtype, patches.aval.size, "out")
    e = Elements(b, lambda v: None, lambda v, i, m: b.const(0, s.dtype))
    shape = (*before, *s.kernel, *after, *s.places)
    nest = _nest(shape)
    nest.enter(b)
    indices = unravel(nest.flat, shape)
    lead, ndim = len(before), len(s.kernel)
    taps, places = indices[lead : lead + ndim], indices[lead + ndim + len(after) :]
    part = indices[0] if before else indices[ndim]
    at: list[Index] = []
    mask: Value | None = None
    p = s.params
    for k, o, n, stride, (low, _), dx, dw in zip(
        taps, places, s.sizes, p["strides"], p["padding"], p["x_dilation"], p["w_dilation"],
        strict=True,
    ):  # fmt: skip
        index, inside = placed(e, o.scaled(stride) + k.scaled(dw) + (-low), dx, n)
        at.append(index)
        mask = e.both(mask, inside)
    e.close()
    position = part.scaled(step) + linear(tuple(at), s.sizes)
    b.store(written, nest.flat, b.load(held, position, mask))
    nest.leave(b)
    kernel = b.kernel("patches")
    return Launch(Emitted(kernel, [], (), 2 * patches.aval.size // kernel.extent), [x, patches])


def _nest(shape: tuple[int, ...]) -> Nest:
    """One loop per axis."""
    return Nest(math.prod(shape), [math.prod(shape[k:]) for k in range(1, len(shape))], "i")
