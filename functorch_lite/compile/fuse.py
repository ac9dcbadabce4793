"""Which equations become one kernel.

Every equation whose elements can be computed one by one is either written out inside its consumers
or is a *root*, a value that some kernel computes. Roots are collected in groups that share loops:

- ``map``: all of one size, computed at the same flat position;
- ``row``: the flat position is row * columns + column; values of a row, which come from reductions
  over its columns, may be used by what follows, in the same kernel;
- ``reduce``: reductions over axes that are not the last, and what follows at the same position;
- ``call``: one equation that is no loop over elements.

A value joins a group if it reads what the group computes at the same position only, and if no
other group has to run between.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from functorch_lite.compile.elements import (
    AXIS_REDUCTIONS,
    VIEWS,
    Elements,
    has_rule,
    windowed,
)
from functorch_lite.compile.index import Axis, Index, linear, unravel
from functorch_lite.compile.kernel import Builder, Value
from functorch_lite.compile.product import Product, product_of
from functorch_lite.core.aval import StackAval
from functorch_lite.core.dtypes import float0, is_complex
from functorch_lite.core.graph import Eqn, Graph, Var
from functorch_lite.core.rewrite import has_effect

__all__ = [
    "REDUCTIONS",
    "Access",
    "Group",
    "NoBuilder",
    "Reduction",
    "from_rule",
    "fuse",
    "heavy",
    "is_map",
    "reduction_of",
    "source_indices",
]

CHEAP = 6
"""Values that cost no more operations than this are computed again by each consumer."""
SMALL = 64
"""Values of at most so many elements join a group of their size without reading what it reads."""
LONGEST_ROW = 1 << 15
"""Longest row that a kernel keeps while it passes over it several times."""

_HEAVY = {
    "div": 4, "sqrt": 4, "rsqrt": 6, "reciprocal": 4, "remainder": 8, "fmod": 8, "floor_divide": 8,
    "exp": 12, "exp2": 12, "expm1": 16, "log": 14, "log2": 14, "log10": 14, "log1p": 16,
    "logistic": 16, "logaddexp": 30, "pow": 40, "cbrt": 16, "sin": 20, "cos": 20, "tan": 24,
    "asin": 16, "acos": 16, "atan": 16, "atan2": 20, "hypot": 10, "sinh": 16, "cosh": 16,
    "tanh": 16, "asinh": 20, "acosh": 20, "atanh": 20, "erf": 20, "erfc": 24, "erfinv": 24,
    "threefry2x32": 70, "gather": 4, "dynamic_slice": 4, "pad": 3, "concatenate": 6,
}  # fmt: skip
REDUCTIONS = {
    **AXIS_REDUCTIONS, "window_sum": "add", "window_max": "maximum", "window_min": "minimum",
    "window_argmax": "argmax", "window_argmin": "argmin",
}  # fmt: skip
WIDEST_CONCATENATION = 4
LARGEST_KERNEL = 1000
"""Operations per position from which on nothing joins a group: code grows faster than it gains."""
DEEPEST = 60
"""Longest chain that is written out at once: each step is a call inside a call."""
SHORTEST = 4


def heavy(eqn: Eqn) -> bool:
    """Whether an op costs more than a pass through the cache."""
    return _HEAVY.get(eqn.op.name, 1) >= 4 and eqn.op.name not in ("gather", "dynamic_slice")


@dataclasses.dataclass(frozen=True)
class Reduction:
    """How a reduction meets its operand: ``outer`` results times ``inner`` terms.

    Attributes:
        rows: whether the terms of a result lie together, at ``result * inner + term``.
    """

    op: str
    source: Var
    outer_shape: tuple[int, ...]
    inner_shape: tuple[int, ...]
    rows: bool

    @property
    def outer(self) -> int:
        """Number of results."""
        return math.prod(self.outer_shape)

    @property
    def inner(self) -> int:
        """Number of terms of a result."""
        return math.prod(self.inner_shape)


def is_short(eqn: Eqn, r: Reduction) -> bool:
    """Whether a reduction has so few terms that they are written out."""
    return 0 < r.inner <= SHORTEST and r.outer > 1 and eqn.op.name in AXIS_REDUCTIONS


def reduction_of(eqn: Eqn) -> Reduction | None:
    """The equation as a reduction, if it is one."""
    op = REDUCTIONS.get(eqn.op.name)
    if op is None:
        return None
    (x,) = eqn.inputs
    shape = x.aval.shape
    if eqn.op.name.startswith("window"):
        return Reduction(op, x, eqn.outputs[0].aval.shape, tuple(eqn.params["window"]), False)
    axes = sorted(eqn.params["axes"])
    outer = tuple(n for i, n in enumerate(shape) if i not in axes)
    inner = tuple(shape[i] for i in axes)
    return Reduction(op, x, outer, inner, axes == list(range(len(outer), len(shape))))


def source_indices(
    e: Elements, eqn: Eqn, outer: Sequence[Index], inner: Sequence[Index]
) -> tuple[tuple[Index, ...], Value | None]:
    """Where a reduction finds a term, and whether there is one (None: always)."""
    if eqn.op.name.startswith("window"):
        return windowed(e, eqn.inputs[0], tuple(outer), tuple(inner), eqn.params)
    axes = eqn.params["axes"]
    parts, terms = iter(outer), iter(inner)
    shape = eqn.inputs[0].aval.shape
    return tuple(next(terms) if i in axes else next(parts) for i in range(len(shape))), None


@dataclasses.dataclass(frozen=True)
class Access:
    """What a root reads, in terms of its flat position.

    Attributes:
        reads: variables with the flat position of the element.
        places: all indices that the root computes with.
        at, terms: the loop variables in them; ``terms`` counts the terms of a reduction.
    """

    reads: list[tuple[Var, Index]]
    places: list[Index]
    at: Axis
    terms: Axis | None


@dataclasses.dataclass(eq=False)
class Group:
    """Roots that one kernel computes.

    Attributes:
        kind: ``map``, ``row``, ``reduce`` or ``call``.
        rows, columns: of a ``row`` group; a ``map`` group has one column, a ``reduce`` group as
            many rows as results and as many columns as terms.
        roots: in an order in which they may be computed.
        level: per root's variable, ``full`` (at every position) or ``row``.
        reads: variables that are read from buffers.
        stored: variables that others need.
        cost: operations per position, roughly.
    """

    kind: str
    rows: int
    columns: int
    roots: list[Eqn]
    number: int
    level: dict[Var, str] = dataclasses.field(default_factory=dict)
    reads: set[Var] = dataclasses.field(default_factory=set)
    stored: list[Var] = dataclasses.field(default_factory=list)
    access: dict[Eqn, Access] = dataclasses.field(default_factory=dict)
    ancestors: int = 0
    cost: int = 0

    @property
    def size(self) -> int:
        """Number of positions."""
        return self.rows * self.columns


class NoBuilder(Builder):
    """Makes no kernel; for finding out what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.none = Value("none", (), None, None, frozenset())  # type: ignore[arg-type]
        self.places: list[Index] = []

    def value(self, *args: object, **kwargs: object) -> Value:
        return self.none

    def index(self, index: Index, dtype: object) -> Value:
        self.places.append(index)
        return self.none


Reads = list[tuple[Var, Index]]


class _Fusion:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.maker: dict[Var, Eqn] = {v: e for e in graph.eqns for v in e.outputs}
        self.users: dict[Var, list[Eqn]] = {}
        self.products = {e: p for e in graph.eqns if (p := native_product(e, self.maker.get))}
        self.sums = sums_of(graph, self.products)
        self.summed = {product.out for _, product in self.sums.values()}
        for eqn in graph.eqns:
            if eqn.outputs and eqn.outputs[0] in self.summed:
                continue
            for v in dict.fromkeys(self.inputs_of(eqn)):
                self.users.setdefault(v, []).append(eqn)
        self.outputs = set(graph.outputs)
        self.position = {id(e): i for i, e in enumerate(graph.eqns)}
        self.inline: set[Var] = set()
        self.cost: dict[Var, int] = {}
        self.depth: dict[Var, int] = {}
        self.groups: list[Group] = []
        self.effect: Group | None = None
        self.group_of: dict[Var, Group] = {}
        self.readers: dict[Var, list[Group]] = {}

    def inputs_of(self, eqn: Eqn) -> Sequence[Var]:
        """What an equation reads; a matrix product looks through the views before it."""
        addend, product = self.sums.get(eqn) or (None, self.products.get(eqn))
        if product is None:
            return eqn.inputs
        bases = product.x.base, product.y.base
        return bases if addend is None else (addend, *bases)

    # --------------------------------------------------------------------------------- decisions
    def choose_inline(self) -> None:
        """Decide which values are written out inside their consumers."""
        for eqn in self.graph.eqns:
            if not is_map(eqn) or eqn in self.sums:
                continue
            (v,) = eqn.outputs
            own = 0 if eqn.op.name in VIEWS else _HEAVY.get(eqn.op.name, 1)
            self.cost[v] = own + sum(self.cost.get(x, 0) for x in eqn.inputs if x in self.inline)
            if eqn.op.family == "elementwise" or eqn.op.name in ("broadcast_to", "gather"):
                for x in eqn.inputs:  # an operand that is read more often than it has elements
                    if x in self.inline and self.cost[x] > 2 and 0 < x.aval.size < v.aval.size:
                        self.inline.discard(x)
                        self.cost[v] -= self.cost[x]
            inputs = [x for x in eqn.inputs if x in self.inline]
            depth = 1 + max((self.depth[x] for x in inputs), default=0)
            self.depth[v] = depth if depth < DEEPEST else 0
            users = self.users.get(v, [])
            if depth >= DEEPEST:
                continue
            if v in self.outputs or not all(self.is_loop(u) for u in users):
                continue
            if len(users) > 1 and self.cost[v] > CHEAP:
                if eqn.op.name in VIEWS and len(eqn.inputs) == 1:
                    x = eqn.inputs[0]
                    if x in self.inline:
                        self.inline.discard(x)
                        self.cost[v] = 0
                else:
                    continue
            if self.cost[v] > CHEAP and any(_rereads(u, v) for u in users):
                continue
            self.inline.add(v)

    def is_loop(self, eqn: Eqn) -> bool:
        """Whether a kernel computes an equation element by element."""
        if eqn in self.sums:
            return False
        return is_map(eqn) or reduction_of(eqn) is not None and plain(eqn)

    def inlined(self, var: Var) -> Eqn | None:
        """The equation to write out for a variable, if it is."""
        return self.maker[var] if var in self.inline else None

    # ------------------------------------------------------------------------------------- reads
    def access(self, eqn: Eqn, at: Axis, terms: Axis | None) -> Access:
        """What an equation reads for the result at flat position ``at``."""
        found: dict[tuple[Var, Index], None] = {}

        def leaf(var: Var, indices: tuple[Index, ...], mask: Value | None) -> Value:
            found[var, linear(indices, var.aval.shape)] = None
            return builder.none

        builder = NoBuilder()
        e = Elements(builder, self.inlined, leaf)
        reduction = None if is_map(eqn) else reduction_of(eqn)
        here = Index.of(at)
        if reduction is None:
            from_rule(e, eqn, unravel(here, eqn.outputs[0].aval.shape))
        elif terms is None:
            e.at(reduction.source, unravel(here, reduction.source.aval.shape))
        else:
            outer = unravel(here, reduction.outer_shape)
            inner = unravel(Index.of(terms), reduction.inner_shape)
            e.at(reduction.source, source_indices(e, eqn, outer, inner)[0])
        reads = list(found)
        return Access(reads, [*builder.places, *(i for _, i in reads)], at, terms)

    # ------------------------------------------------------------------------------------ groups
    def new_group(
        self, kind: str, rows: int, columns: int, eqn: Eqn, level: str, access: Access | None
    ) -> None:
        """A group of one root."""
        group = Group(kind, rows, columns, [], len(self.groups))
        self.groups.append(group)
        self.add(group, eqn, level, access)
        if kind == "call" and has_effect(eqn):  # effects keep their order
            if self.effect is not None:
                group.ancestors |= self.effect.ancestors | 1 << self.effect.number
            self.effect = group

    def add(self, group: Group, eqn: Eqn, level: str, access: Access | None) -> None:
        """Put a root into a group."""
        group.roots.append(eqn)
        group.cost += self.root_cost(eqn)
        if access is not None:
            group.access[eqn] = access
        needed = 0
        names = self.inputs_of(eqn) if access is None else (v for v, _ in access.reads)
        for var in dict.fromkeys(names):
            maker = self.group_of.get(var)
            if maker is not None and maker is not group:
                needed |= maker.ancestors | 1 << maker.number
            if maker is not group:
                group.reads.add(var)
                self.readers.setdefault(var, []).append(group)
        for var in eqn.outputs:
            group.level[var] = level
            self.group_of[var] = group
        if needed & ~group.ancestors:
            group.ancestors |= needed
            bit = 1 << group.number
            for other in self.groups:
                if other.ancestors & bit:
                    other.ancestors |= group.ancestors

    def root_cost(self, eqn: Eqn) -> int:
        """Operations per position that a root adds."""
        if eqn.outputs and eqn.outputs[0] in self.cost:
            return self.cost[eqn.outputs[0]]
        return 1 + sum(self.cost.get(x, 0) for x in eqn.inputs if x in self.inline)

    def may_join(self, group: Group, reads: Reads) -> bool:
        """Whether nothing that the root needs has to wait for the group."""
        bit = 1 << group.number
        for var, _ in reads:
            maker = self.group_of.get(var)
            if maker is not None and maker is not group and maker.ancestors & bit:
                return False
        return True

    def fits(self, group: Group, reads: Reads, at: Axis, level: str) -> bool:
        """Whether all that is read of the group's own values is read at the same position."""
        here = Index.of(at)
        row = here if level == "row" else here.digit(group.columns, 0)
        for var, index in reads:
            if self.group_of.get(var) is not group:
                continue
            if group.kind == "map" or group.kind == "reduce":
                if index != here:
                    return False
            elif group.level[var] == "row":
                if index != row:
                    return False
            elif level == "row" or index != here:
                return False
        return True

    def candidates(self, reads: Reads, size: int) -> list[Group]:
        """Groups that make what is read, then groups that read the same, the latest first."""
        makers = {g.number: g for v, _ in reads if (g := self.group_of.get(v)) is not None}
        sharing = {
            g.number: g for v, _ in reads if v.aval.size > 1 for g in self.readers.get(v, ())[-4:]
        }
        if size <= SMALL:
            for g in self.groups[-12:]:
                if g.kind == "map" and g.size == size or g.kind == "row" and g.rows == size:
                    sharing[g.number] = g
        ordered = sorted(makers, reverse=True)
        ordered += [n for n in sorted(sharing, reverse=True) if n not in makers]
        found = {**sharing, **makers}
        return [
            found[n] for n in ordered if found[n].kind != "call" and found[n].cost < LARGEST_KERNEL
        ]

    def place(self, eqn: Eqn) -> None:
        """Find a group for a root, or make one."""
        reduction = None if is_map(eqn) else reduction_of(eqn)
        if reduction is None:
            self.place_map(eqn)
        elif reduction.rows:
            self.place_rows(eqn, reduction)
        else:
            self.place_reduction(eqn, reduction)

    def place_map(self, eqn: Eqn) -> None:
        size = eqn.outputs[0].aval.size
        access = self.access(eqn, Axis(size, "i"), None)
        reads = access.reads
        for group in self.candidates(reads, size):
            if not self.may_join(group, reads):
                continue
            uses_rows = any(
                self.group_of.get(v) is group and group.level[v] == "row" for v, _ in reads
            )
            full = ["full"] if group.kind != "reduce" and group.size == size else []
            if group.columns > LONGEST_ROW and uses_rows:
                full = []
            if group.kind == "row" or group.kind == "reduce" and uses_rows:
                full += ["row"] if group.rows == size else []
            for level in full:
                if self.fits(group, reads, access.at, level):
                    self.add(group, eqn, level, access)
                    return
        self.new_group("map", size, 1, eqn, "full", access)

    def place_rows(self, eqn: Eqn, r: Reduction) -> None:
        access = self.access(eqn, Axis(r.source.aval.size, "i"), None)
        reads = access.reads
        for group in self.candidates(reads, r.source.aval.size):
            if group.size != access.at.extent or not self.may_join(group, reads):
                continue
            was = group.rows, group.columns, group.kind
            if group.kind == "map" and r.inner <= LONGEST_ROW:
                group.rows, group.columns, group.kind = r.outer, r.inner, "row"
            elif group.kind != "row" or (group.rows, group.columns) != (r.outer, r.inner):
                continue
            later = any(self.group_of.get(v) is group and group.level[v] == "row" for v, _ in reads)
            if self.fits(group, reads, access.at, "full") and not (later and r.inner > LONGEST_ROW):
                self.add(group, eqn, "row", access)
                return
            group.rows, group.columns, group.kind = was
        self.new_group("row", r.outer, r.inner, eqn, "row", access)

    def place_reduction(self, eqn: Eqn, r: Reduction) -> None:
        access = self.access(eqn, Axis(r.outer, "o"), Axis(r.inner, "k"))
        reads = access.reads
        for group in self.candidates(reads, 0):
            first = group.roots[0]
            if (
                group.kind == "reduce"
                and not first.op.name.startswith("window")
                and first.params == eqn.params
                and first.inputs[0].aval.shape == r.source.aval.shape
                and all(self.group_of.get(v) is not group for v, _ in reads)
                and self.may_join(group, reads)
            ):
                self.add(group, eqn, "row", access)
                return
        self.new_group("reduce", r.outer, r.inner, eqn, "row", access)

    def finish(self) -> list[Group]:
        """Groups in an order in which they may run, with what each stores."""
        for group in self.groups:
            group.roots.sort(key=lambda e: self.position[id(e)])
            for eqn in group.roots:
                for v in eqn.outputs:
                    if group.kind == "call" or v in self.outputs or self._read_elsewhere(v, group):
                        group.stored.append(v)
        return sorted(self.groups, key=lambda g: (g.ancestors.bit_count(), g.number))

    def _read_elsewhere(self, v: Var, group: Group) -> bool:
        return any(g is not group for g in self.readers.get(v, ()))


def from_rule(e: Elements, eqn: Eqn, indices: tuple[Index, ...]) -> Value:
    """The element of an equation's result by its rule."""
    from_maker = e._maker
    (out,) = eqn.outputs
    e._maker = lambda v: eqn if v is out else from_maker(v)
    try:
        return e.at(out, indices)
    finally:
        e._maker = from_maker


def _rereads(user: Eqn, v: Var) -> bool:
    """Whether a consumer reads elements more than once each."""
    if user.op.name.startswith("window"):
        return True
    return user.op.name in ("gather", "broadcast_to") and user.outputs[0].aval.size > v.aval.size


def is_map(eqn: Eqn) -> bool:
    """Whether an equation's elements can be written out one by one."""
    if eqn.op.name == "concatenate" and len(eqn.inputs) > WIDEST_CONCATENATION:
        return False
    reduction = reduction_of(eqn)
    if reduction is not None and not is_short(eqn, reduction):
        return False
    return has_rule(eqn) and plain(eqn)


def plain(eqn: Eqn) -> bool:
    """Whether all values are arrays of real numbers."""
    return not any(
        is_complex(v.aval.dtype) or v.aval.dtype == float0 or isinstance(v.aval, StackAval)
        for v in (*eqn.inputs, *eqn.outputs)
    )


def native_product(eqn: Eqn, maker: Callable[[Var], Eqn | None]) -> Product | None:
    """The equation as a product that a library computes."""
    if eqn.op.name != "dot_general" or is_complex(eqn.inputs[0].aval.dtype):
        return None
    return product_of(eqn, maker)


def sums_of(graph: Graph, products: dict[Eqn, Product]) -> dict[Eqn, tuple[Var, Product]]:
    """Additions of a product that nothing else needs: the library adds while it multiplies.

    Only carried values and results of products are added to: they are stored anyhow, while
    anything else would be computed by the kernel that adds.
    """
    made = {p.out: p for p in products.values()}
    count: dict[Var, int] = {}
    for eqn in graph.eqns:
        for v in eqn.inputs:
            count[v] = count.get(v, 0) + 1
    for v in graph.outputs:
        count[v] = count.get(v, 0) + 1
    given = {*graph.inputs, *made}
    found: dict[Eqn, tuple[Var, Product]] = {}
    for eqn in graph.eqns:
        if eqn.op.name != "add":
            continue
        for addend, v in (eqn.inputs, eqn.inputs[::-1]):
            product = made.get(v)
            if (
                product is not None
                and count[v] == 1
                and addend is not v
                and addend in given
                and addend.aval.shape == v.aval.shape
                and not any(p.out is addend for _, p in found.values())
            ):
                found[eqn] = addend, product
                break
    return found


@dataclasses.dataclass(frozen=True)
class Fused:
    """A graph's kernels and calls.

    Attributes:
        groups: in an order in which they may run.
        inlined: gives the equation of a variable that is written out inside its consumers.
        products: matrix products by equation.
        sums: additions of a product to something, as that and the product.
    """

    groups: list[Group]
    inlined: Callable[[Var], Eqn | None]
    products: dict[Eqn, Product]
    sums: dict[Eqn, tuple[Var, Product]]


def fuse(graph: Graph) -> Fused:
    """Group the equations of an optimised and decomposed graph."""
    fusion = _Fusion(graph)
    fusion.choose_inline()
    for eqn in graph.eqns:
        if eqn.outputs and (eqn.outputs[0] in fusion.inline or eqn.outputs[0] in fusion.summed):
            continue
        if fusion.is_loop(eqn):
            fusion.place(eqn)
        else:
            fusion.new_group("call", 1, 1, eqn, "full", None)
    return Fused(fusion.finish(), fusion.inlined, fusion.products, fusion.sums)
