"""From a graph to steps: kernels, library calls, loops, and where each array lives."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.compile.control import CONTROL, copy_stack
from functorch_lite.compile.convolution import convolution
from functorch_lite.compile.decompose import decompose
from functorch_lite.compile.emit import emit
from functorch_lite.compile.fuse import Fused, Group, fuse
from functorch_lite.compile.kernel import Unplannable
from functorch_lite.compile.passes import optimise
from functorch_lite.compile.product import Product
from functorch_lite.compile.special import special, target
from functorch_lite.compile.steps import (
    Branch,
    Copy,
    Host,
    Launch,
    Multiply,
    Slot,
    Step,
    While,
    all_steps,
    bodies,
    used_slots,
)
from functorch_lite.core.aval import StackAval
from functorch_lite.core.graph import Eqn, Graph, Var

__all__ = ["Plan", "plan"]

ALIGN = 64


@dataclasses.dataclass(frozen=True)
class Plan:
    """A program over slots.

    Attributes:
        arena_bytes: memory for everything between inputs and outputs.
        slots: all slots, in the order of their numbers.
        donations: per output, by number, the input whose memory it may take, if that is given up.
    """

    inputs: list[Slot]
    outputs: list[Slot]
    steps: list[Step]
    slots: list[Slot]
    arena_bytes: int
    donations: dict[int, int]


class _Planner:
    def __init__(self) -> None:
        self.donations: dict[Slot, Slot] = {}

    # ------------------------------------------------------------------------------------- graphs
    def graph(
        self, graph: Graph, inputs: Sequence[Slot], outputs: Sequence[Slot],
        pairs: dict[Slot, Slot] | None = None,
    ) -> tuple[list[Step], set[Slot]]:  # fmt: skip
        """The steps that compute a graph from slots into slots.

        Args:
            pairs: per output slot, the input slot whose memory may be written instead.

        Returns:
            the steps, and the output slots whose result lies in the paired input instead.
        """
        graph = decompose(optimise(graph))
        return _GraphPlanner(self, graph, inputs, outputs, pairs or {}).run()


class _GraphPlanner:
    """Plans one graph.

    Attributes:
        slot: per variable, where it lives.
        owner: per memory, the variable whose value it holds last.
    """

    def __init__(
        self, planner: _Planner, graph: Graph, inputs: Sequence[Slot], outputs: Sequence[Slot],
        pairs: dict[Slot, Slot],
    ) -> None:  # fmt: skip
        self.planner = planner
        self.graph = graph
        self.fused: Fused = fuse(graph)
        self.steps: list[Step] = []
        self.pairs = pairs
        self.swapped: set[Slot] = set()
        self.constants = {
            v: c._data.reshape(-1)[0]
            for v, c in graph.consts.items()
            if v.aval.size == 1 and not isinstance(v.aval, StackAval)
        }
        self.slot: dict[Var, Slot] = dict(zip(graph.inputs, inputs, strict=True))
        for v, c in graph.consts.items():
            if not isinstance(v.aval, StackAval):
                self.slot[v] = Slot("const", v.aval, np.ascontiguousarray(c._data))
            elif c._data.items is None:
                self.slot[v] = Slot("zeros", v.aval)
            else:
                raise Unplannable("a stack from outside")
        self.fixed = set(self.slot)
        self.owner: dict[Slot, Var] = {}
        self.outputs = outputs
        for v, slot in zip(graph.outputs, outputs, strict=True):
            if v not in self.slot:
                self.slot[v] = slot
        self.last_use = self.uses()

    def uses(self) -> dict[Var, int]:
        """Per variable, the number of the last group that reads it."""
        found: dict[Var, int] = {}
        for i, group in enumerate(self.fused.groups):
            for v in group.reads:
                found[v] = i
        for v in self.graph.outputs:
            found[v] = len(self.fused.groups)
        return found

    def run(self) -> tuple[list[Step], set[Slot]]:
        """Plan all groups in order."""
        for i, group in enumerate(self.fused.groups):
            if group.kind == "call":
                self.call(group.roots[0], i)
            else:
                self.launch(group, i)
        done: set[Slot] = set()
        for v, slot in zip(self.graph.outputs, self.outputs, strict=True):
            if self.slot[v] is not slot and slot not in done and slot not in self.swapped:
                if slot.kind == "tape":
                    self.steps += copy_stack(slot, self.slot[v])
                else:
                    self.steps.append(Copy(slot, self.slot[v]))
            done.add(slot)
        return self.steps, self.swapped

    def place(self, v: Var) -> Slot:
        """Where a variable lives; new memory if it has none yet."""
        found = self.slot.get(v)
        if found is None:
            kind = "tape" if isinstance(v.aval, StackAval) else "arena"
            found = self.slot[v] = Slot(kind, v.aval)
            self.owner[found] = v
        return found

    # -------------------------------------------------------------------------------------- steps
    def launch(self, group: Group, number: int) -> None:
        """A kernel."""
        emitted = emit(group, self.fused.inlined, self.constants)
        if emitted is None:
            return
        for v in emitted.arguments:
            if v in group.stored:
                (self.donate if v in self.slot else self.reuse)(v, emitted.in_place, number)
        self.steps.append(Launch(emitted, [self.place(v) for v in emitted.arguments]))

    def reuse(self, v: Var, candidates: Sequence[Var], number: int) -> None:
        """Let a result take the memory of an operand that nobody needs any more."""
        for x in candidates:
            slot = self.slot.get(x)
            if (
                slot is not None
                and slot.kind == "arena"
                and x not in self.fixed
                and self.last_use.get(x) == number
                and x.aval.nbytes == v.aval.nbytes
                and x.aval.dtype == v.aval.dtype
                and self.owner.get(slot.shares or slot) is x
            ):
                memory = slot.shares or slot
                self.slot[v] = Slot("arena", v.aval, shares=memory)
                self.owner[memory] = v
                return

    def donate(self, v: Var, candidates: Sequence[Var], number: int) -> None:
        """Note that a result of the program may take the memory of an operand of the program."""
        for x in candidates:
            if x.aval.shape == v.aval.shape and self.may_donate(x, v, number):
                self.planner.donations[self.slot[v]] = self.slot[x]
                return

    def may_donate(self, x: Var, v: Var, number: int) -> bool:
        """Whether an operand of the program is needed no more when a result is written."""
        slot, out = self.slot.get(x), self.slot.get(v)
        return (
            slot is not None
            and out is not None
            and (slot.kind, out.kind) == ("input", "output")
            and x.aval.dtype == v.aval.dtype
            and self.last_use.get(x) == number
            and slot not in self.planner.donations.values()
            and sum(other is slot for other in self.slot.values()) == 1
        )

    def call(self, eqn: Eqn, number: int) -> None:
        """An equation that is no loop over elements."""
        added = self.fused.sums.get(eqn)
        if added is not None:
            addend, product = added
            alone = addend not in (product.x.base, product.y.base)
            out = target(self, addend, eqn.outputs[0], number, alone)
            self.product(product, out, True)
            return
        unadded = self.fused.products.get(eqn)
        if unadded is not None:
            self.product(unadded, self.place(unadded.out), False)
            return
        native = CONTROL.get(eqn.op.name)
        if native is not None and native(self, eqn):
            return
        if any(isinstance(v.aval, StackAval) for v in (*eqn.inputs, *eqn.outputs)):
            raise Unplannable(f"{eqn.op.name} of a stack")
        if not special(self, eqn, number) and not convolution(self, eqn):
            inputs = [self.place(v) for v in eqn.inputs]
            self.steps.append(Host(eqn, inputs, [self.place(v) for v in eqn.outputs]))

    def product(self, p: Product, out: Slot, add: bool) -> None:
        """Matrix products; batch dimensions beyond the last are written out."""
        *outer, inner = p.batch or (1,)
        x, y = self.place(p.x.base), self.place(p.y.base)
        size = out.aval.dtype
        strides = [*p.x.batch] or [0], [*p.y.batch] or [0]
        lead = p.m * p.n
        for at in np.ndindex(*outer):
            dx = sum(i * s for i, s in zip(at, strides[0][:-1], strict=True))
            dy = sum(i * s for i, s in zip(at, strides[1][:-1], strict=True))
            flat = int(np.ravel_multi_index(at, outer)) if outer else 0
            self.steps.append(
                Multiply(
                    size,
                    p.m,
                    p.n,
                    p.k,
                    inner,
                    (x, p.x.offset + dx, p.x.lead, p.x.transposed, strides[0][-1]),
                    (y, p.y.offset + dy, p.y.lead, p.y.transposed, strides[1][-1]),
                    (out, flat * inner * lead, max(p.n, 1), False, lead),
                    add,
                )  # fmt: skip
            )

    def results(self, outs: Sequence[Var], found: Sequence[Slot]) -> None:
        """Let variables be what pointers point to after a loop."""
        for v, slot in zip(outs, found, strict=True):
            if v in self.slot:
                self.steps.append(Copy(self.slot[v], slot))
            else:
                self.slot[v] = slot


# ------------------------------------------------------------------------------------------- memory
def _walk(
    steps: Sequence[Step], clock: list[int], first: dict[Slot, int], last: dict[Slot, int]
) -> None:
    """Note when each slot is used first and last; inside a loop it lives as long as the loop."""
    for step in steps:
        clock[0] += 1
        begin = clock[0]
        _note(used_slots(step), begin, begin, first, last)
        if isinstance(step, Branch):
            for body in step.bodies:
                _walk(body, clock, first, last)
            continue
        seen_first: dict[Slot, int] = {}
        seen_last: dict[Slot, int] = {}
        for body in bodies(step):
            _walk(body, clock, seen_first, seen_last)
        end = clock[0]
        for slot, at in seen_first.items():
            outside = slot in first
            _note(
                [slot], begin if outside else at, end if outside else seen_last[slot], first, last
            )
        if isinstance(step, While):
            _note([step.flag], begin, end, first, last)


def _note(slots: Any, begin: int, end: int, first: dict[Slot, int], last: dict[Slot, int]) -> None:
    for slot in slots:
        first[slot] = min(first.get(slot, begin), begin)
        last[slot] = max(last.get(slot, end), end)
        if slot.behind:
            _note(slot.behind, begin, end, first, last)
        if slot.shares is not None:
            _note([slot.shares], begin, end, first, last)


def _allocate(steps: Sequence[Step]) -> int:
    """Give arena slots offsets such that those in use at one time do not overlap."""
    first: dict[Slot, int] = {}
    last: dict[Slot, int] = {}
    _walk(steps, [0], first, last)
    own = [s for s in first if s.kind == "arena" and s.shares is None]
    slots = sorted(own, key=lambda s: (first[s], -s.nbytes))
    free: list[tuple[int, int]] = []  # (offset, bytes), sorted by offset
    active: list[tuple[int, int, int]] = []  # (last, offset, bytes)
    total = 0
    for slot in slots:
        now = first[slot]
        for item in [a for a in active if a[0] < now]:
            active.remove(item)
            free.append((item[1], item[2]))
        free = _merged(free)
        size = max(ALIGN, -(-slot.nbytes // ALIGN) * ALIGN)
        fit = min((f for f in free if f[1] >= size), key=lambda f: f[1], default=None)
        if fit is None:
            if free and free[-1][0] + free[-1][1] == total:
                offset = free.pop()[0]
            else:
                offset = total
            total = max(total, offset + size)
        else:
            offset = fit[0]
            free.remove(fit)
            if fit[1] > size:
                free.append((offset + size, fit[1] - size))
        slot.offset = offset
        active.append((last[slot], offset, size))
    for slot in first:
        if slot.shares is not None:
            slot.offset = slot.shares.offset
    return total


def _merged(free: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring free ranges as one."""
    found: list[tuple[int, int]] = []
    for offset, size in sorted(free):
        if found and found[-1][0] + found[-1][1] == offset:
            found[-1] = found[-1][0], found[-1][1] + size
        else:
            found.append((offset, size))
    return found


def plan(graph: Graph) -> Plan:
    """The program of a graph.

    Raises:
        Unplannable: it uses stacks in ways that compiled programs have no place for.
    """
    if any(isinstance(a, StackAval) for a in (*graph.in_avals, *graph.out_avals)):
        raise Unplannable("a stack that enters or leaves the program")
    planner = _Planner()
    inputs = [Slot("input", v.aval) for v in graph.inputs]
    outputs = [Slot("output", v.aval) for v in graph.outputs]
    steps, _ = planner.graph(graph, inputs, outputs)
    total = _allocate(steps)
    seen = dict.fromkeys([*inputs, *outputs])
    for step in all_steps(steps):
        for slot in used_slots(step):
            for s in (slot, *slot.behind):
                seen.setdefault(s)
    order = ("input", "output", "const", "arena", "pointer")
    slots = sorted((s for s in seen if s.kind in order), key=lambda s: order.index(s.kind))
    slots = [*inputs, *outputs, *[s for s in slots if s.kind in order[2:]]]
    for i, slot in enumerate(slots):
        slot.number = i
    donations = {out.number: x.number for out, x in planner.donations.items()}
    donations = {out - len(inputs): x for out, x in donations.items()}
    return Plan(inputs, outputs, steps, slots, total, donations)
