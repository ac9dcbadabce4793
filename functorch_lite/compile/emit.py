"""A group of equations as a kernel: loops, scratch rows, reductions, stores."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from functorch_lite.compile.elements import BOOL, INT64, Elements, Indices
from functorch_lite.compile.fuse import (
    Access,
    Group,
    NoBuilder,
    Reduction,
    from_rule,
    heavy,
    is_map,
    reduction_of,
    source_indices,
)
from functorch_lite.compile.index import ZERO, Axis, Digit, Index, linear, unravel
from functorch_lite.compile.kernel import (
    Accumulator,
    Buffer,
    Builder,
    Kernel,
    Loop,
    Unplannable,
    Value,
)
from functorch_lite.core.dtypes import float32, highest, is_half, lowest
from functorch_lite.core.graph import Eqn, Var

__all__ = ["Emitted", "Nest", "emit"]

Constants = dict[Var, Any]
FEWEST_LANES = 8


@dataclasses.dataclass(frozen=True)
class Emitted:
    """A kernel and the variables whose buffers are its arguments.

    Attributes:
        in_place: inputs that are read only where the same iteration writes, so that an output may
            take their place.
        work: operations per iteration of the shared loop, roughly.
    """

    kernel: Kernel
    arguments: list[Var]
    in_place: tuple[Var, ...]
    work: int


# ------------------------------------------------------------------------------------------- loops
def divisors(cuts: Iterable[int], total: int) -> list[int]:
    """Those of ``cuts`` that split an axis of ``total`` elements into nested loops."""
    chain: list[int] = []
    for cut in sorted(set(cuts)):
        if 1 < cut < total and total % cut == 0 and cut % (chain[-1] if chain else 1) == 0:
            chain.append(cut)
    return chain


def cuts_of(places: Iterable[Index], axis: Axis) -> set[int]:
    """Where digits of a loop variable begin and end."""
    found = set()
    for index in places:
        for atom in index.atoms():
            if isinstance(atom, Digit) and atom.base is axis:
                found.add(atom.div)
                if atom.mod:
                    found.add(atom.div * atom.mod)
    return found


class Nest:
    """A flat axis as nested loops, outermost first."""

    def __init__(self, total: int, cuts: Iterable[int], name: str) -> None:
        chain = divisors(cuts, total)
        strides = [*reversed(chain), 1]
        sizes = []
        above = total
        for stride in strides:
            sizes.append(above // stride)
            above = stride
        self.axes = [Axis(n, f"{name}{k}") for k, n in enumerate(sizes)]
        self.strides = strides
        flat = ZERO
        for axis, stride in zip(self.axes, strides, strict=True):
            flat = flat + Index.of(axis).scaled(stride)
        self.flat = flat

    def enter(self, b: Builder, shared: bool = True, lane: bool = True) -> list[Loop]:
        """Open the loops: the outermost the caller's if ``shared``, the innermost a lane loop."""
        loops = []
        for k, axis in enumerate(self.axes):
            mine = shared and k == 0
            last = k == len(self.axes) - 1
            kind = "lane" if lane and last else "grid" if mine else "serial"
            loops.append(b.enter(axis, kind, mine))
        return loops

    def leave(self, b: Builder) -> None:
        """Close the loops."""
        for _ in self.axes:
            b.leave()


# ----------------------------------------------------------------------------------------- emitter
class _Emitter:
    def __init__(
        self, group: Group, inlined: Callable[[Var], Eqn | None], constants: Constants
    ) -> None:
        self.group = group
        self.b = Builder()
        self.constants = constants
        self.inlined = inlined
        self.inputs: dict[Var, Buffer] = {}
        self.outputs: dict[Var, Buffer] = {}
        self.given: dict[Var, Value] = {}  # values of the current row
        self.kept: dict[Var, tuple[Buffer, Index]] = {}  # full values computed in an earlier phase
        self.own = {v: e for e in group.roots for v in e.outputs if is_map(e)}
        self.full = ZERO
        self.e = Elements(self.b, self.maker, self.leaf, self.held)

    def maker(self, var: Var) -> Eqn | None:
        """What is computed in place: inlined values and the group's own."""
        return self.own.get(var) or self.inlined(var)

    def held(self, var: Var, indices: Indices) -> Value | None:
        """A value that was computed before, at the current position.

        Values of a row are read nowhere else, as ``fits`` has seen. Those kept in memory are
        computed again where they are wanted at another position, or at one that looks different.
        """
        if var in self.given:
            return self.given[var]
        if var in self.kept and linear(indices, var.aval.shape) == self.full:
            buffer, index = self.kept[var]
            return self.b.load(buffer, index)
        return None

    def leaf(self, var: Var, indices: Indices, mask: Value | None) -> Value:
        """The element of a variable that is not computed here."""
        if var in self.group.level:  # what a group computes is never read from memory
            raise Unplannable(f"{self.group.roots[0].op.name}: a value is not at hand")
        if var in self.constants:
            return self.b.const(self.constants[var], var.aval.dtype)
        buffer = self.inputs.get(var)
        if buffer is None:
            buffer = self.inputs[var] = self.b.buffer(var.aval.dtype, var.aval.size, "in")
        return self.b.load(buffer, linear(indices, var.aval.shape), mask)

    def output(self, var: Var) -> Buffer:
        """The buffer of a result."""
        found = self.outputs.get(var)
        if found is None:
            found = self.outputs[var] = self.b.buffer(var.aval.dtype, var.aval.size, "out")
        return found

    def leave(self, loops: Sequence[Loop]) -> None:
        """Close loops, innermost last in the list."""
        for _ in loops:
            self.b.leave()
        self.e.forget(loops)

    # ------------------------------------------------------------------------------------ groups
    def map(self) -> None:
        """All roots at one flat position."""
        group = self.group
        cuts: set[int] = set()
        for access in group.access.values():
            cuts |= cuts_of(access.places, access.at)
        nest = Nest(group.rows, cuts, "i")
        loops = nest.enter(self.b)
        stores = []
        for eqn in group.roots:
            (v,) = eqn.outputs
            value = from_rule(self.e, eqn, unravel(nest.flat, v.aval.shape))
            if v in group.stored:
                stores.append((v, value))
        for v, value in stores:
            self.b.store(self.output(v), nest.flat, value)
        self.leave(loops)

    def rows(self) -> None:
        """Row by row, in phases that are parted by reductions."""
        group = self.group
        phase, last = self.phases()
        columns = group.columns
        row_cuts: set[int] = set()
        column_cuts: set[int] = set()
        for eqn, access in group.access.items():
            found = cuts_of(access.places, access.at)
            if group.level[eqn.outputs[0]] == "row" and is_map(eqn):
                row_cuts |= found
            else:
                row_cuts |= {c // columns for c in found if c > columns and c % columns == 0}
                column_cuts |= {c for c in found if c < columns}
        outer = Nest(group.rows, row_cuts, "r")
        inner = Nest(columns, column_cuts, "c")
        row, full = outer.flat, outer.flat.scaled(columns) + inner.flat
        self.full = full
        outer_loops = outer.enter(self.b, lane=False) if group.rows > 1 else []
        kept_in = self.plan_rows_kept(phase, last)
        for p in range(last + 1):
            self.row_values(phase, p, row)
            sums = [e for e in group.roots if not is_map(e) and phase[e.outputs[0]] == p + 1]
            stores = [
                v for e in group.roots for v in e.outputs
                if is_map(e) and group.level[v] == "full" and v in group.stored and phase[v] == p
            ]  # fmt: skip
            keep = [v for v, q in kept_in.items() if q == p and v not in stores]
            if not sums and not stores and not keep:
                continue
            accumulators = [self.accumulator(reduction_of(e)) for e in sums]
            inner_loops = inner.enter(self.b, shared=False)
            for eqn, accumulator in zip(sums, accumulators, strict=True):
                r = reduction_of(eqn)
                assert r is not None
                value = self.e.at(r.source, unravel(full, r.source.aval.shape))
                self.b.update(accumulator, self.widened(value, accumulator))
            done = [(v, self.e.at(v, unravel(full, v.aval.shape))) for v in (*keep, *stores)]
            for v, value in done:
                if v in stores:
                    self.b.store(self.output(v), full, value)
                else:
                    scratch = self.b.buffer(v.aval.dtype, columns, "local")
                    self.b.store(scratch, inner.flat, value)
                    self.kept[v] = scratch, inner.flat
            self.leave(inner_loops)
            for v in stores:
                self.kept[v] = self.output(v), full
            for eqn, accumulator in zip(sums, accumulators, strict=True):
                self.finish(eqn, accumulator, inner_loops, row)
        self.row_values(phase, last + 1, row)
        self.leave(outer_loops)

    def phases(self) -> tuple[dict[Var, int], int]:
        """When each root's value is there, and the last phase with a pass over the columns."""
        phase: dict[Var, int] = {}
        last = 0
        for eqn in self.group.roots:
            (v,) = eqn.outputs
            p = max((phase[x] for x, _ in self.group.access[eqn].reads if x in phase), default=0)
            if not is_map(eqn):
                last = max(last, p)
                p += 1
            elif self.group.level[v] == "full":
                last = max(last, p)
            phase[v] = p
        return phase, last

    def plan_rows_kept(self, phase: dict[Var, int], last: int) -> dict[Var, int]:
        """Values worth a scratch row until a later phase, with the phase that makes them."""
        group = self.group
        needed: list[dict[Var, None]] = []
        for p in range(last + 1):
            demands = []
            for eqn in group.roots:
                (v,) = eqn.outputs
                if not is_map(eqn) and phase[v] == p + 1:
                    demands.append(eqn.inputs[0])
                elif (
                    is_map(eqn) and group.level[v] == "full" and phase[v] == p and v in group.stored
                ):
                    demands.append(v)
            needed.append(self.visited(demands))
        kept: dict[Var, int] = {}
        for p in range(last):
            later = set().union(*needed[p + 1 :])
            for v in needed[p]:
                made = self.maker(v)
                worth = made is not None and heavy(made) and v.aval.size == group.size
                if v in later and worth and v not in kept:
                    kept[v] = p
        return kept

    def visited(self, demands: Sequence[Var]) -> dict[Var, None]:
        """The full values that are computed on the way to some."""
        seen: dict[Var, None] = {}

        def maker(var: Var) -> Eqn | None:
            eqn = self.maker(var)
            if eqn is not None:
                seen[var] = None
            return eqn

        null = NoBuilder()
        e = Elements(null, maker, lambda var, indices, mask: null.none)
        here = Index.of(Axis(self.group.size, "i"))
        for v in demands:
            e.at(v, unravel(here, v.aval.shape))
        return seen

    def row_values(self, phase: dict[Var, int], p: int, row: Index) -> None:
        """Roots that have one value a row and are there before phase ``p``."""
        for eqn in self.group.roots:
            (v,) = eqn.outputs
            if self.group.level[v] == "row" and is_map(eqn) and phase[v] == p:
                self.given[v] = self.e.at(v, unravel(row, v.aval.shape))
                if v in self.group.stored:
                    self.b.store(self.output(v), row, self.given[v])

    def reduce(self) -> None:
        """Reductions whose terms lie apart, one or several results at a time."""
        group = self.group
        first = group.roots[0]
        access = group.access[first]
        outer_cuts: set[int] = set()
        inner_cuts: set[int] = set()
        for a in group.access.values():
            outer_cuts |= cuts_of(a.places, a.at)
            if a.terms is not None:
                inner_cuts |= cuts_of(a.places, a.terms)
        outer = Nest(group.rows, outer_cuts, "o")
        inner = Nest(group.columns, inner_cuts, "k")
        across = lanes_across(access, outer, inner)
        outer_loops = outer.enter(self.b, lane=across)
        sums = [e for e in group.roots if not is_map(e)]
        for batch in (sums,) if not any("arg" in e.op.name for e in sums) else [[e] for e in sums]:
            self.reduce_terms(batch, outer, inner, not across)
        for eqn in group.roots:
            (v,) = eqn.outputs
            if is_map(eqn):
                self.given[v] = self.e.at(v, unravel(outer.flat, v.aval.shape))
                if v in group.stored:
                    self.b.store(self.output(v), outer.flat, self.given[v])
        self.leave(outer_loops)

    def reduce_terms(self, sums: list[Eqn], outer: Nest, inner: Nest, lane: bool) -> None:
        """The loops over the terms of some reductions."""
        positions = [e for e in sums if "arg" in e.op.name]
        accumulators = [self.accumulator(reduction_of(e)) for e in sums]
        places = [self.b.accumulator("assign", INT64, -1) for _ in positions]
        loops = inner.enter(self.b, False, lane and not positions)
        for k, (eqn, accumulator) in enumerate(zip(sums, accumulators, strict=True)):
            r = reduction_of(eqn)
            assert r is not None
            o, i = unravel(outer.flat, r.outer_shape), unravel(inner.flat, r.inner_shape)
            indices, mask = source_indices(self.e, eqn, o, i)
            if mask is None:
                value = self.widened(self.e.at(r.source, indices), accumulator)
            else:
                value = self.widened(self.e.where(mask, r.source, indices), accumulator)
                identity = self.b.const(accumulator.init, accumulator.dtype)
                value = self.b.value("select", (mask, value, identity), accumulator.dtype)
            if positions:
                self.position(eqn, accumulator, places[k], value, mask, indices)
            else:
                self.b.update(accumulator, value)
        self.leave(loops)
        for k, (eqn, accumulator) in enumerate(zip(sums, accumulators, strict=True)):
            self.finish(eqn, places[k] if positions else accumulator, loops, outer.flat)

    def position(
        self, eqn: Eqn, best: Accumulator, place: Accumulator, value: Value, mask: Value | None,
        indices: Indices,
    ) -> None:  # fmt: skip
        """Keep the place of the extremum: the first of equal ones, and a NaN before all others."""
        b = self.b
        have, at = b.peek(best), b.peek(place)
        greater = eqn.op.name == "window_argmax"
        batch = eqn.params["batch_dims"]
        shape = eqn.inputs[0].aval.shape
        here = b.index(linear(indices[batch:], shape[batch:]), INT64)
        zero = b.const(0, INT64)
        better = b.value("gt" if greater else "lt", (value, have), BOOL)
        empty = b.value("lt", (at, zero), BOOL)
        better = b.value("bitwise_or", (better, empty), BOOL)
        if value.dtype.kind not in "iub":
            better = b.value("bitwise_or", (better, b.value("isnan", (value,), BOOL)), BOOL)
        if mask is not None:
            better = b.value("bitwise_and", (better, mask), BOOL)
        combine = "maximum" if greater else "minimum"
        b.update(best, b.value(combine, (have, value), value.dtype))
        b.update(place, b.value("select", (better, here, at), INT64))

    # ------------------------------------------------------------------------------- reductions
    def accumulator(self, r: Reduction | None) -> Accumulator:
        """Where the terms of a reduction are combined; 16-bit sums in float32."""
        assert r is not None
        dtype = r.source.aval.dtype
        if r.op in ("add", "mul"):
            wide = float32 if is_half(dtype) else dtype
            return self.b.accumulator(r.op, wide, 0 if r.op == "add" else 1)
        if r.op in ("bitwise_and", "bitwise_or"):
            return self.b.accumulator(r.op, dtype, r.op == "bitwise_and")
        extreme = lowest(dtype) if r.op in ("maximum", "argmax") else highest(dtype)
        op = "assign" if r.op.startswith("arg") else r.op
        return self.b.accumulator(op, dtype, extreme)

    def widened(self, value: Value, accumulator: Accumulator) -> Value:
        """A term in the dtype of its accumulator."""
        if value.dtype == accumulator.dtype:
            return value
        return self.b.value("cast", (value,), accumulator.dtype, (accumulator.dtype,))

    def finish(
        self, eqn: Eqn, accumulator: Accumulator, loops: Sequence[Loop], position: Index
    ) -> None:
        """Take the result of a reduction, round it, and store it if others need it."""
        (v,) = eqn.outputs
        value = self.b.result(accumulator, loops)
        if value.dtype != v.aval.dtype:
            value = self.b.value("cast", (value,), v.aval.dtype, (v.aval.dtype,))
        self.given[v] = value
        if v in self.group.stored:
            self.b.store(self.output(v), position, value)


def lanes_across(access: Access, outer: Nest, inner: Nest) -> bool:
    """Whether to compute several results at a time rather than several terms."""
    results = terms = 0
    assert access.terms is not None
    for _, index in access.reads:
        for atom, coef in index.terms.items():
            base, div = (atom.base, atom.div) if isinstance(atom, Digit) else (atom, 1)
            if abs(coef) == 1 and div == 1:
                results += base is access.at
                terms += base is access.terms
    n, k = outer.axes[-1].extent, inner.axes[-1].extent
    if min(n, k) < FEWEST_LANES <= max(n, k):
        return n > k
    if results != terms:
        return results > terms and n > 1 or k <= 1
    return n >= k or k < 4


def emit(
    group: Group, inlined: Callable[[Var], Eqn | None], constants: Constants
) -> Emitted | None:
    """The kernel of a group; None where there is nothing to compute.

    Args:
        group: any but a ``call``.
        inlined: gives the equation of a variable that is written out inside its consumers.
        constants: values of scalars that are known.
    """
    if all(v.aval.size == 0 for v in group.stored):
        return None
    emitter = _Emitter(group, inlined, constants)
    getattr(emitter, {"map": "map", "row": "rows", "reduce": "reduce"}[group.kind])()
    names = ", ".join(dict.fromkeys(e.op.name for e in group.roots))
    kernel = emitter.b.kernel(names)
    owner = {b: v for v, b in (*emitter.inputs.items(), *emitter.outputs.items())}
    in_place: list[Var] = []
    if group.kind == "map":
        reads = [
            (x, index == Index.of(a.at)) for a in group.access.values() for x, index in a.reads
        ]
        in_place = [v for v in emitter.inputs if all(here for x, here in reads if x is v)]
    emitter.e.close()
    per_iteration = max(1, group.size // max(kernel.extent, 1))
    work = per_iteration * max(1, count_values(kernel.body))
    return Emitted(kernel, [owner[b] for b in kernel.buffers], tuple(in_place), work)


def count_values(body: Sequence[Any]) -> int:
    """Number of values in the innermost loops."""
    loops = [s for s in body if isinstance(s, Loop)]
    if not loops:
        return sum(isinstance(s, Value) for s in body)
    return sum(count_values(loop.body) for loop in loops)
