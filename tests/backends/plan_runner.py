"""Carries out the plan of a graph on NumPy memory, its kernels by the check of their language.

Memory starts as garbage, so that what is read before it is written shows in the results; slots
that the plan lets share memory do share it.
"""

from __future__ import annotations

import numpy as np

from functorch_lite.compile import check
from functorch_lite.compile.passes import optimise
from functorch_lite.compile.plan import plan
from functorch_lite.compile.steps import (
    Branch,
    Clear,
    Copy,
    Free,
    Host,
    Keep,
    Launch,
    Multiply,
    Point,
    Push,
    Repeat,
    Reserve,
    Swap,
    While,
)
from functorch_lite.core.aval import StackAval

GARBAGE = 0xA5


class Place:
    """Bytes of some memory, from an offset on."""

    def __init__(self, memory, offset=0):
        self.memory, self.offset = memory, offset

    def array(self, dtype, size):
        """A flat array over the bytes."""
        end = self.offset + size * dtype.itemsize
        return self.memory[self.offset : end].view(dtype)


class PlanRunner:
    """A plan with its memory.

    Attributes:
        kernels: those that ran, checked, in order.
    """

    def __init__(self, graph):
        self.plan = plan(optimise(graph))
        self.kernels = []
        self.checked = set()

    def __call__(self, *datas):
        made = self.plan
        arena = np.full(made.arena_bytes + 64, GARBAGE, np.uint8)
        self.places = {}
        self.tapes = {}
        for slot in made.slots:
            if slot.kind == "arena":
                self.places[slot] = Place(arena, slot.offset)
            elif slot.kind == "const":
                self.places[slot] = Place(raw_bytes(slot.value))
            elif slot.kind == "output":
                self.places[slot] = Place(np.full(max(slot.nbytes, 8), GARBAGE, np.uint8))
        for slot, data in zip(made.inputs, datas, strict=True):
            self.places[slot] = Place(raw_bytes(data))
        before = [self.places[s].memory.copy() for s in made.inputs]
        with np.errstate(all="ignore"):
            self.steps(made.steps, None)
        for slot, old in zip(made.inputs, before, strict=True):
            assert np.array_equal(old, self.places[slot].memory), "an input was written to"
        return tuple(
            self.places[s].array(s.aval.dtype, s.aval.size).reshape(s.aval.shape)
            for s in made.outputs
        )

    # ---------------------------------------------------------------------------------- the steps
    def steps(self, steps, counter):
        """All steps; pointers with a stride follow the counter."""
        for step in steps:
            getattr(self, type(step).__name__.lower())(step, counter)

    def launch(self, step, counter):
        kernel = step.emitted.kernel
        if id(kernel) not in self.checked:
            self.checked.add(id(kernel))
            check.verify(kernel)
            self.kernels.append(kernel)
        arrays = [
            self.places[slot].array(buffer.dtype, buffer.size)
            for slot, buffer in zip(step.slots, kernel.buffers, strict=True)
        ]
        check.run(kernel, arrays)

    def multiply(self, step, counter):
        for b in range(step.batch):
            x = self.matrix(step.x, b, step.m, step.k, step.dtype)
            y = self.matrix(step.y, b, step.k, step.n, step.dtype)
            out = self.matrix(step.out, b, step.m, step.n, step.dtype)
            out[...] = x @ y + out if step.add else x @ y

    def matrix(self, where, batch, rows, columns, dtype):
        """A matrix inside a slot, by its strides."""
        slot, offset, lead, transposed, stride = where
        start = offset + batch * stride
        reach = (columns - 1, rows - 1) if transposed else (rows - 1, columns - 1)
        size = start + (reach[0] * lead + reach[1] + 1 if min(rows, columns) else 0)
        flat = self.places[slot].array(dtype, size)[start:]
        steps = (1, lead) if transposed else (lead, 1)
        return np.lib.stride_tricks.as_strided(
            flat, (rows, columns), tuple(n * dtype.itemsize for n in steps)
        )

    def copy(self, step, counter):
        n, byte = step.source.nbytes, np.dtype(np.uint8)
        target = self.places[step.out]
        if n and target.memory is self.places[step.source].memory:
            low, high = sorted((target.offset + step.offset, self.places[step.source].offset))
            assert low == high or low + n <= high, "a copy between memory that overlaps"
        data = self.places[step.source].array(byte, n).copy()
        Place(target.memory, target.offset + step.offset).array(byte, n)[:] = data

    def clear(self, step, counter):
        self.places[step.out].array(np.dtype(np.uint8), step.out.nbytes)[:] = 0

    def point(self, step, counter):
        at = step.offset + (step.stride * counter if step.stride else 0)
        if step.out.kind == "tape":
            self.tapes[step.out] = self.tapes[step.source][counter]
        elif step.source.kind == "tape":
            self.places[step.out] = Place(self.tapes[step.source][counter])
        else:
            place = self.places[step.source]
            self.places[step.out] = Place(place.memory, place.offset + at)

    def swap(self, step, counter):
        places = self.places
        places[step.a], places[step.b] = places[step.b], places[step.a]

    def host(self, step, counter):
        given = [
            self.places[s].array(v.aval.dtype, v.aval.size).reshape(v.aval.shape).copy()
            for s, v in zip(step.inputs, step.eqn.inputs, strict=True)
        ]
        made = step.eqn.op.eager(*given, **step.eqn.params)
        outs = made if step.eqn.op.multi else (made,)
        for s, v, value in zip(step.outputs, step.eqn.outputs, outs, strict=True):
            self.places[s].array(v.aval.dtype, v.aval.size)[:] = np.asarray(value).reshape(-1)

    def repeat(self, step, counter):
        count = len(self.tapes[step.count]) if not isinstance(step.count, int) else step.count
        for i in reversed(range(count)) if step.reverse else range(count):
            self.steps(step.body, i)

    def branch(self, step, counter):
        index = int(self.places[step.index].array(np.dtype(np.int64), 1)[0])
        self.steps(step.bodies[min(max(index, 0), len(step.bodies) - 1)], counter)

    def free(self, step, counter):
        self.tapes[step.tape] = []

    def push(self, step, counter):
        if step.source.kind == "tape":
            self.tapes[step.tape].append(self.tapes.pop(step.source))
            return
        n = step.source.nbytes
        self.tapes[step.tape].append(self.places[step.source].array(np.dtype(np.uint8), n).copy())

    def keep(self, step, counter):
        self.tapes[step.tape][counter] = self.tapes.pop(step.source)

    def reserve(self, step, counter):
        count = step.count if isinstance(step.count, int) else len(self.tapes[step.count])
        nested, n = step.like.kind == "tape", step.like.nbytes
        self.tapes[step.tape] = [
            [] if nested else np.full(n, GARBAGE, np.uint8) for _ in range(count)
        ]


def _while(self, step, counter):
    while True:
        self.steps(step.test, counter)
        if not self.places[step.flag].array(np.dtype(np.uint8), 1)[0]:
            return
        self.steps(step.body, counter)


setattr(PlanRunner, "while", _while)
STEPS = {
    Branch, Clear, Copy, Free, Host, Keep, Launch, Multiply, Point, Push, Repeat, Reserve, Swap,
    While,
}  # fmt: skip


def raw_bytes(data):
    """A copy of an array as bytes, with room behind so that views of it are aligned."""
    data = np.ascontiguousarray(data).reshape(-1)
    found = np.zeros(max(data.nbytes, 8), np.uint8)
    found[: data.nbytes] = data.view(np.uint8)
    return found


def has_stacks(graph):
    """Whether stacks go in or out, which no plan takes."""
    return any(isinstance(a, StackAval) for a in (*graph.in_avals, *graph.out_avals))
