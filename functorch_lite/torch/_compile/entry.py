"""One compiled call: the program of a recording, and how to run it on other tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.core.array import Array
from functorch_lite.core.trace import state
from functorch_lite.torch._compile.outputs import Outputs
from functorch_lite.torch._compile.program import Program
from functorch_lite.torch._compile.recording import Draw, Recording
from functorch_lite.torch._compile.symbol import symbol_of
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import Node, Saved, attach, edge_of, freed_error
from functorch_lite.torch._core.op import Composite, fresh
from functorch_lite.torch._core.order import as_laid
from functorch_lite.torch._core.tensor import Tensor, make, version
from functorch_lite.transforms.call import call_graph, program_of

__all__ = ["Entry", "NotAsAssumed"]


class NotAsAssumed(Exception):
    """A value in the call was not what the recording had taken it to be."""


class CompiledFunctionBackward(Node):
    """The node of a compiled call.

    Attributes:
        program: its graphs.
        operands: tensors, as they were.
        kept: what the backward graph begins with.
    """

    __slots__ = ("kept", "operands", "program")

    program: Program
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

    def _recorded(self, cts: Sequence[Tensor]) -> Sequence[Tensor]:
        """The same as an operation on gradients and operands."""
        program, count = self.program, len(cts)
        backward = program.backward
        assert backward is not None

        def f(*given: Array) -> tuple[Array, ...]:
            arrays = given[count:]
            have = [*arrays, *call_graph(program.forward, arrays)]
            return tuple(call_graph(backward, [*[have[i] for i in program.places], *given[:count]]))

        operands = [s.get(self) for s in self.operands]
        made: Sequence[Tensor] = Composite("CompiledFunctionBackwardBackward", f)([*cts, *operands])
        return made

    def release(self) -> None:
        self.freed = True
        self.kept = self.operands = ()


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
        self._roots = len(outputs.roots)

    def run(self, given: Sequence[Tensor]) -> Any:
        """The result of a call with other tensors of the same kinds.

        Raises:
            NotAsAssumed: it has to run eagerly; nothing has happened yet.
        """
        if self._writes:
            self._check_memory(given)
        before = [(d.engine, d.engine.state()) for d in self._draws] if self.program.checked else []
        operands = [make(i.draw()) if isinstance(i, Draw) else given[i] for i in self._inputs]
        found = state.run(program_of(self.program.forward), *[t._np for t in operands])
        if self.program.checked and found[self.program.count - 1]:
            for engine, was in before:
                engine.set_state(was)
            raise NotAsAssumed
        roots = []
        for data, copied, like in zip(found, self._copied, self._layouts, strict=False):
            made = fresh(np.array(data) if copied else data, operands)
            if like is not None:
                made._np = as_laid(made._np, np.lib.stride_tricks.as_strided(made._np, *like))
            roots.append(made)
        if self.program.backward is not None:
            self._attach(operands, found, roots)
        for slot, new in zip(self._writes, found[self._roots :], strict=False):
            t = given[slot]
            t._np[...] = new
            version(t).count += 1
        return self._recipe.build(given, roots)

    def _attach(self, operands: Sequence[Tensor], found: Any, roots: Sequence[Tensor]) -> None:
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
        node.operands = [Saved(t, t._np, version(t)) for t in operands]
        kept = []
        for at in program.places:
            i = at - len(operands)
            if i < 0:
                kept.append(node.operands[at])
            elif i < self._roots:
                t = roots[i]
                kept.append(Saved(None, t._np, version(t), numbers.get(i, -1)))
            else:
                kept.append(Saved(None, found[i], None))
        node.kept = kept

    def _check_memory(self, given: Sequence[Tensor]) -> None:
        """Refuse to write to memory that another operand is a view of."""
        written = [given[s]._version_of for s in self._writes if given[s]._version_of is not None]
        memories = {id(v) for v in written}
        others = {id(given[s]._version_of) for s in self._slots if s not in self._writes}
        if memories & others or len(memories) < len(written):
            raise NotAsAssumed


def _layout(t: Tensor) -> Any:
    """Shape and strides of a result that does not lie row by row in memory."""
    symbol = symbol_of(t)
    return None if symbol.flags.c_contiguous else (symbol.shape, symbol.strides)
