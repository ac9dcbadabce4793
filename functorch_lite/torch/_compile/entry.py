"""One compiled call: the program of a recording, and how to run it on other tensors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from functorch_lite.core.trace import state
from functorch_lite.torch._compile.guards import Call
from functorch_lite.torch._compile.outputs import Outputs, leaves_of
from functorch_lite.torch._compile.program import Program
from functorch_lite.torch._compile.recording import Draw, Recording
from functorch_lite.torch._compile.symbol import symbol_of
from functorch_lite.torch._core import engine
from functorch_lite.torch._core.autocast import Kept
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import Node, Saved, attach, edge_of, freed_error
from functorch_lite.torch._core.op import fresh
from functorch_lite.torch._core.order import as_laid
from functorch_lite.torch._core.tensor import Tensor, Version, make, version
from functorch_lite.transforms.call import program_of

__all__ = ["Entry", "NotAsAssumed"]


class NotAsAssumed(Exception):
    """A value in the call was not what the recording had taken it to be."""


class CompiledFunctionBackward(Node):
    """The node of a compiled call.

    Attributes:
        program: its graphs.
        operands: tensors, as they were.
        kept: what the backward graph begins with.
        again: runs the call eagerly once more; the results that gradients arrive at.
    """

    __slots__ = ("again", "kept", "operands", "program")

    program: Program
    again: Any
    operands: Sequence[Saved]
    kept: Sequence[Saved]

    def backward(self, grads: list[Tensor | None]) -> list[Tensor | None]:
        if all(g is None for g in grads):
            return [None] * len(self.edges)
        if self.freed:
            raise freed_error()
        program = self.program
        cts = [
            make(np.zeros(*meta)) if g is None else g
            for g, meta in zip(grads, self.metas, strict=True)
        ]
        found = self._recorded(cts) if mode.enabled else self._plain(cts)
        results: list[Tensor | None] = [None] * len(self.edges)
        for i, g in zip(program.reached, found, strict=True):
            results[i] = g if self.edges[i] is not None else None
        return results

    def _plain(self, cts: Sequence[Tensor]) -> list[Tensor]:
        assert self.program.backward is not None
        datas = [s.raw(self) for s in self.kept] + [g._np for g in cts]
        found = state.run(program_of(self.program.backward), *datas)
        return [fresh(d, cts) for d in found]

    def _recorded(self, cts: Sequence[Tensor]) -> Sequence[Tensor | None]:
        """The same with a graph of its own: that of the eager call, which runs again."""
        for s in self.operands:
            s.raw(self)  # complains if it has changed
        roots = self.again()
        starts: list[Any] = [(edge_of(t), g) for t, g in zip(roots, cts, strict=True)]
        edges: list[Any] = [self.edges[i] for i in self.program.reached]
        return engine.run(starts, True, True, edges)

    def release(self) -> None:
        self.freed = True
        self.kept = self.operands = ()
        self.again = None


class Entry:
    """A compiled call.

    Args:
        recording: of a call that has just run, still current.
        out: what it returned.
        given: the tensors that the guards know.

    Attributes:
        program: its graphs.
    """

    def __init__(self, recording: Recording, out: Any, given: Sequence[Tensor]) -> None:
        outputs = Outputs(recording, out, given)
        self._recipe = outputs.recipe
        self._writes = [slot for slot, _ in outputs.writes]
        with recording.library("the result"):
            others = [symbol_of(twin).value for _, twin in outputs.writes]
            self._layouts = [_layout(t) for t in outputs.roots]
            self.program = Program(recording, outputs.roots, others)
        graph = self.program.forward
        # A result that is an operand or a constant would be somebody else's memory.
        owned = {*graph.inputs, *graph.consts}
        self._copied = [v in owned for v in graph.outputs[: self.program.count]]
        self._inputs = list(recording.inputs)
        self._slots = [i for i in self._inputs if not isinstance(i, Draw)]
        self._draws = [i for i in self._inputs if isinstance(i, Draw)]
        self.leaves = [outputs.leaves[i] for i in self.program.asked]

    def run(self, call: Call) -> Any:
        """The result of a call of the same kind.

        Raises:
            NotAsAssumed: it has to run eagerly; nothing has happened yet.
        """
        given, program = call.tensors, self.program
        if self._writes:
            self._check_memory(given)
        streams = [(d.engine, d.engine.state()) for d in self._draws]
        operands = [make(i.draw()) if isinstance(i, Draw) else given[i] for i in self._inputs]
        found = state.run(program_of(program.forward), *[t._np for t in operands])
        if program.checked and found[program.count - 1]:
            for stream, was in streams:
                stream.set_state(was)
            raise NotAsAssumed
        roots = []
        for data, copied, like in zip(found, self._copied, self._layouts, strict=False):
            made = fresh(np.array(data) if copied else data, operands)
            if like is not None:
                made._np = as_laid(made._np, np.lib.stride_tricks.as_strided(made._np, *like))
            roots.append(made)
        if program.backward is not None:
            written = [given[s] for s in self._writes]
            before = [(t, t._np.copy(), version(t).count) for t in written]
            node = self._attach(operands, found, roots, before)
            node.again = partial(call_again, self, call, streams, before, Kept())
        for slot, new in zip(self._writes, found[len(roots) :], strict=False):
            t = given[slot]
            t._np[...] = new
            version(t).count += 1
        return self._recipe.build(given, roots)

    def _attach(
        self, operands: Sequence[Tensor], found: Any, roots: Sequence[Tensor], before: Any
    ) -> CompiledFunctionBackward:
        """Record the call."""
        program = self.program
        reached = set(program.reached)
        node = CompiledFunctionBackward(
            [edge_of(t) if i in reached else None for i, t in enumerate(operands)]
        )
        node.program = program
        for nr, i in enumerate(program.asked):
            attach(roots[i], node, nr)
        numbers = {i: nr for nr, i in enumerate(program.asked)}
        # What the call itself is about to write to is kept as it was.
        copies = {id(t): array for t, array, _ in before}
        node.operands = [
            Saved(None, copies[id(t)], None) if id(t) in copies else Saved(t, t._np, version(t))
            for t in operands
        ]
        kept = []
        for at in program.places:
            i = at - len(operands)
            if i < 0:
                kept.append(node.operands[at])
            elif i < len(roots):
                t = roots[i]
                kept.append(Saved(None, t._np, version(t), numbers.get(i, -1)))
            else:
                kept.append(Saved(None, found[i], None))
        node.kept = kept
        return node

    def _check_memory(self, given: Sequence[Tensor]) -> None:
        """Refuse to write to memory that another operand is a view of."""
        written = [given[s]._version_of for s in self._writes if given[s]._version_of is not None]
        memories = {id(v) for v in written}
        others = {id(given[s]._version_of) for s in self._slots if s not in self._writes}
        if memories & others or len(memories) < len(written):
            raise NotAsAssumed
        # Memory that is shared with ``data`` or with NumPy has no common count of writes.
        owners: dict[int, list[int]] = {}
        for s in self._slots:
            owners.setdefault(_owner(given[s]._np), []).append(s)
        for group in owners.values():
            if len(group) > 1 and self._overlap(given, group):
                raise NotAsAssumed

    def _overlap(self, given: Sequence[Tensor], slots: Sequence[int]) -> bool:
        """Whether one of some operands is written to where another one lies."""
        return any(
            a != b and np.may_share_memory(given[a]._np, given[b]._np)
            for a in slots if a in self._writes for b in slots
        )  # fmt: skip


def _owner(array: Any) -> int:
    """Which object an array's memory belongs to."""
    base = array.base
    while base is not None:
        array, base = base, getattr(base, "base", None)
    return id(array)


def call_again(
    entry: Entry, call: Call, streams: Sequence[Any], before: Sequence[tuple[Tensor, Any, int]],
    autocast: Kept,
) -> list[Tensor]:  # fmt: skip
    """Run a call eagerly that has run compiled, for the graph that it leaves.

    Args:
        streams: generators and the states that the call began with.
        before: tensors that it wrote to, their values before, and how often those were written.
        autocast: as it was.

    Returns:
        the results of the program that have gradients.

    Raises:
        RuntimeError: the state of the program is another one by now.
    """
    with autocast:
        holds = call.holds()
    if not holds:
        raise RuntimeError(
            f"torch.compile: the second derivative of {call.state.name} needs the function to run "
            "again, but what it depends on has changed since (flags, attributes, closures or "
            "argument containers). Remedy: differentiate before changing it, or leave out "
            "torch.compile"
        )
    now = [(stream, stream.state()) for stream, _ in streams]
    after = [(t, t._np.copy(), version(t)) for t, _, _ in before]
    try:
        for stream, was in streams:
            stream.set_state(was)
        for t, values, _ in before:
            # The graph counts the writes of this run alone: outside there are none.
            t._version_of = Version()
            t._np[...] = values
        with autocast:
            found = leaves_of(call.run())
    finally:
        for stream, was in now:
            stream.set_state(was)
        for (t, values, counter), (_, _, count) in zip(after, before, strict=True):
            t._np[...] = values
            if counter.count != count + 1:
                version(t).count += 1  # others have written since: not what this graph kept
            t._version_of = counter
    chosen = [found[i] for i in entry.leaves]
    return [t if t._view is None else t._view.base for t in chosen]


def _layout(t: Tensor) -> Any:
    """Shape and strides of a result that does not lie row by row in memory."""
    symbol = symbol_of(t)
    return None if symbol.flags.c_contiguous else (symbol.shape, symbol.strides)
