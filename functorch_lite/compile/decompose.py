"""Ops written in terms of simpler ones before kernels are made.

Positions of extrema become two reductions. A reduction with few results and many terms becomes two,
the first over blocks of a fixed size, so that threads share it and the order of its sums depends on
nothing but the shape.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.compile.elements import AXIS_REDUCTIONS
from functorch_lite.core.array import wrap
from functorch_lite.core.aval import StackAval, make_aval
from functorch_lite.core.dtypes import float0, float32, is_complex, is_float, is_inexact
from functorch_lite.core.graph import Eqn, Graph, Var
from functorch_lite.core.op import REGISTRY, output_avals
from functorch_lite.core.rewrite import dead_code

__all__ = ["decompose"]

SPLIT_TERMS = 1 << 15
"""Reductions of at least so many terms a result are split, if there are few results."""
FEW_RESULTS = 32
BLOCK = 1 << 13
TINY_PRODUCT = 1 << 14
"""Multiplications up to which a product is a sum in a kernel and no call."""


class _Writer:
    """Appends equations."""

    def __init__(self, graph: Graph) -> None:
        self.eqns: list[Eqn] = []
        self.consts = dict(graph.consts)
        self.swap: dict[Var, Var] = {}

    def emit(self, name: str, *inputs: Var, outputs: Sequence[Var] = (), **params: Any) -> Var:
        """Apply an op; returns its result."""
        op = REGISTRY[name]
        if not outputs:
            avals = output_avals(op, op.aval(*[v.aval for v in inputs], **params))
            outputs = [Var(a) for a in avals]
        self.eqns.append(Eqn(op, inputs, outputs, params, None))
        return outputs[0]

    def view(self, x: Var, perm: tuple[int, ...], shape: tuple[int, ...]) -> Var:
        """Transpose, then reshape."""
        if perm != tuple(range(len(perm))):
            x = self.emit("transpose", x, perm=perm)
        return x if x.aval.shape == shape else self.emit("reshape", x, shape=shape)

    def cast(self, x: Var, dtype: np.dtype[Any]) -> Var:
        """x in another dtype."""
        return x if x.aval.dtype == dtype else self.emit("cast", x, dtype=dtype)

    def const(self, value: Any, dtype: np.dtype[Any]) -> Var:
        """A scalar constant."""
        var = Var(make_aval((), dtype))
        self.consts[var] = wrap(np.array(value, dtype))
        return var


def decompose(graph: Graph) -> Graph:
    """The same function without barriers, positions of extrema and long reductions."""
    w = _Writer(graph)
    for eqn in graph.eqns:
        inputs = [w.swap.get(v, v) for v in eqn.inputs]
        eqn = Eqn(eqn.op, inputs, eqn.outputs, eqn.params, eqn.source)
        rule = _RULES.get(eqn.op.name)
        if not _empty(w, eqn) and (rule is None or not rule(w, eqn)):
            w.eqns.append(eqn)
    outs = [w.swap.get(v, v) for v in graph.outputs]
    return _transposed_products(Graph(graph.inputs, w.eqns, outs, w.consts, graph.name))


def _transposed_products(graph: Graph) -> Graph:
    """A product of which only the transpose is needed, as the product of the transposes."""
    maker = {e.outputs[0]: e for e in graph.eqns if e.op.name == "dot_general"}
    if not maker:
        return graph
    uses = Counter([*graph.outputs, *(v for e in graph.eqns for v in e.inputs)])
    w = _Writer(graph)
    for eqn in graph.eqns:
        product = maker.get(eqn.inputs[0]) if eqn.op.name == "transpose" else None
        ndim = len(eqn.params["perm"]) if product is not None else 0
        swapped = (*range(ndim - 2), ndim - 1, ndim - 2)
        if product is None or eqn.params["perm"] != swapped or uses[eqn.inputs[0]] != 1:
            w.eqns.append(eqn)
            continue
        x, y = product.inputs
        if is_complex(x.aval.dtype):
            w.eqns.append(eqn)
            continue
        x, y = w.emit("transpose", x, perm=swapped), w.emit("transpose", y, perm=swapped)
        w.emit("dot_general", y, x, outputs=eqn.outputs, **product.params)
    return dead_code(Graph(graph.inputs, w.eqns, graph.outputs, w.consts, graph.name))


_IDENTITIES = {"reduce_sum": 0, "reduce_prod": 1, "reduce_and": True, "reduce_or": False,
               "dot_general": 0}  # fmt: skip


def _empty(w: _Writer, eqn: Eqn) -> bool:
    """Results without elements, and sums without terms, need no computation."""
    if eqn.op.multi or eqn.op.family in ("higher-order", "host", "collective"):
        return False
    (out,) = eqn.outputs
    value: Any = 0
    if out.aval.size:
        if eqn.op.name not in _IDENTITIES or eqn.inputs[0].aval.size:
            return False
        value = _IDENTITIES[eqn.op.name]
    if isinstance(out.aval, StackAval) or out.aval.dtype == float0:
        return False
    w.emit("full", outputs=eqn.outputs, shape=out.aval.shape, dtype=out.aval.dtype, value=value)
    return True


def _barrier(w: _Writer, eqn: Eqn) -> bool:
    w.swap.update(zip(eqn.outputs, eqn.inputs, strict=True))
    return True


def _position(reduce: str) -> Callable[[_Writer, Eqn], bool]:
    def rule(w: _Writer, eqn: Eqn) -> bool:
        (x,), axis = eqn.inputs, eqn.params["axis"]
        shape = x.aval.shape
        if 0 in shape:
            return False
        kept = (*shape[:axis], 1, *shape[axis + 1 :])
        best = w.emit("reshape", w.emit(reduce, x, axes=(axis,)), shape=kept)
        best = w.emit("broadcast_to", best, shape=shape)
        found = w.emit("eq", x, best)
        if is_inexact(x.aval.dtype):
            found = w.emit("bitwise_or", found, w.emit("isnan", x))
        int64 = np.dtype(np.int64)
        place = w.emit("iota", shape=shape, dtype=int64, axis=axis)
        beyond = w.const(shape[axis] - 1, int64)
        place = w.emit("select", found, place, beyond)
        w.emit("reduce_min", place, outputs=eqn.outputs, axes=(axis,))
        return True

    return rule


def _split(w: _Writer, eqn: Eqn) -> bool:
    (x,), axes = eqn.inputs, eqn.params["axes"]
    shape, dtype = x.aval.shape, x.aval.dtype
    results = eqn.outputs[0].aval.size
    if axes and x.aval.size == results:
        w.emit("reshape", x, outputs=eqn.outputs, shape=eqn.outputs[0].aval.shape)
        return True
    if not results or is_complex(dtype):
        return False
    terms = x.aval.size // results
    axes = tuple(sorted(axes))
    joined = axes and axes == tuple(range(axes[0], axes[0] + len(axes)))
    if not joined or terms < SPLIT_TERMS or results > FEW_RESULTS and axes[-1] == len(shape) - 1:
        return False
    if results > 4096:
        return False
    lead, tail = shape[: axes[0]], shape[axes[-1] + 1 :]
    block = BLOCK if not math.prod(tail) > 1 else max(64, BLOCK // math.prod(tail))
    count = terms // block
    if count < 2:
        return False
    whole = next((c for c in range(count, count // 2, -1) if terms % c == 0), 0)
    name = eqn.op.name
    if dtype.itemsize == 2 and dtype.kind not in "iu":
        return False
    at = len(lead)
    flat = w.emit("reshape", x, shape=(*lead, terms, *tail))
    if whole:
        blocks = w.emit("reshape", flat, shape=(*lead, whole, terms // whole, *tail))
        parts = w.emit(name, blocks, axes=(at + 1,))
        w.emit(name, parts, outputs=eqn.outputs, axes=(at,))
        return True
    main = _window(w, flat, at, 0, count * block)
    blocks = w.emit("reshape", main, shape=(*lead, count, block, *tail))
    total = w.emit(name, w.emit(name, blocks, axes=(at + 1,)), axes=(at,))
    rest = w.emit(name, _window(w, flat, at, count * block, terms), axes=(at,))
    w.emit(AXIS_REDUCTIONS[name], total, rest, outputs=eqn.outputs)
    return True


def _product(w: _Writer, eqn: Eqn) -> bool:
    """Products in normal form; tiny ones, and those of dtypes without a library, as sums."""
    x, y = eqn.inputs
    dtype = x.aval.dtype
    if is_complex(dtype):
        return False
    (cx, cy), (bx, by) = eqn.params["contract"], eqn.params["batch"]
    fx = tuple(i for i in range(x.aval.ndim) if i not in cx and i not in bx)
    fy = tuple(i for i in range(y.aval.ndim) if i not in cy and i not in by)
    batch = tuple(x.aval.shape[i] for i in bx)
    m, n, k = (math.prod(v.aval.shape[i] for i in axes) for v, axes in ((x, fx), (y, fy), (x, cx)))
    left = w.view(x, (*bx, *fx, *cx), (*batch, m, k))
    right = w.view(y, (*by, *cy, *fy), (*batch, k, n))
    shape = eqn.outputs[0].aval.shape
    work = math.prod(batch) * m * n * k
    wide = is_float(dtype) and dtype.itemsize >= 4
    nb = len(batch)
    if work <= TINY_PRODUCT or min(m, n, k) == 1 or dtype.kind in "iu":
        acc = dtype if wide or not is_float(dtype) else float32
        left, right = w.cast(left, acc), w.cast(right, acc)
        terms = w.emit(
            "mul",
            w.emit("reshape", left, shape=(*batch, m, k, 1)),
            w.emit("reshape", right, shape=(*batch, 1, k, n)),
        )
        out = w.cast(w.emit("reduce_sum", terms, axes=(nb + 1,)), dtype)
    elif is_float(dtype):
        acc = dtype if wide else float32
        dims = ((nb + 1,), (nb,)), (tuple(range(nb)),) * 2
        left, right = w.cast(left, acc), w.cast(right, acc)
        if wide and shape == (*batch, m, n):
            w.emit("dot_general", left, right, outputs=eqn.outputs, contract=dims[0], batch=dims[1])
            return True
        out = w.cast(w.emit("dot_general", left, right, contract=dims[0], batch=dims[1]), dtype)
    else:
        return False
    w.emit("reshape", out, outputs=eqn.outputs, shape=shape)
    return True


def _branch_index(w: _Writer, eqn: Eqn) -> bool:
    index, *rest = eqn.inputs
    int64 = np.dtype(np.int64)
    if index.aval.dtype == int64:
        return False
    if index.aval.dtype == np.dtype(np.uint64):
        top = w.const(len(eqn.params["branches"]), index.aval.dtype)
        index = w.emit("minimum", index, top)
    index = w.cast(index, int64)
    w.eqns.append(Eqn(eqn.op, [index, *rest], eqn.outputs, eqn.params, eqn.source))
    return True


def _window(w: _Writer, x: Var, axis: int, begin: int, end: int) -> Var:
    """``x[begin:end]`` along an axis."""
    shape = x.aval.shape
    start = tuple(begin if i == axis else 0 for i in range(len(shape)))
    stop = tuple(end if i == axis else n for i, n in enumerate(shape))
    return w.emit("slice", x, start=start, stop=stop, step=(1,) * len(shape))


_RULES: dict[str, Callable[[_Writer, Eqn], bool]] = {
    "optimization_barrier": _barrier,
    "argmax": _position("reduce_max"),
    "argmin": _position("reduce_min"),
    "dot_general": _product,
    "cond": _branch_index,
    **dict.fromkeys(AXIS_REDUCTIONS, _split),
}
