"""A table of a network's layers: shapes, parameters, work; found without running it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import functorch_lite as fl
from functorch_lite import random, tree
from functorch_lite.nn.layer import Layer

__all__ = ["Summary", "SummaryRow", "summary"]

# Elementwise ops that compute nothing with floating-point numbers.
_FREE = frozenset(
    ("bitcast", "cast", "complex", "conj", "imag", "real", "stop_gradient", "threefry2x32")
)
_ONE_PER_OPERAND = frozenset(
    ("argmax", "argmin", "cumlogsumexp", "cummax", "cummin", "cumprod", "cumsum")
)
_SCATTERS = frozenset(("scatter_add", "scatter_max", "scatter_min", "scatter_mul"))
_WINDOWS = frozenset(("window_argmax", "window_argmin", "window_max", "window_min", "window_sum"))
_NAME_WIDTH = 44


@dataclasses.dataclass(frozen=True)
class SummaryRow:
    """One call of a layer.

    Attributes:
        name: the layer's.
        depth: how many layers it is inside of, 0 for the network itself.
        output: pytree of ``ShapeDtypeStruct``.
        params: number of elements of its parameters, those of the layers inside included.
        state: the same of its state.
        flops: floating-point operations of the call, the layers inside included.
    """

    name: str
    depth: int
    output: Any
    params: int
    state: int
    flops: int


@dataclasses.dataclass(frozen=True)
class Summary:
    """What :func:`summary` found; prints as a table.

    Attributes:
        rows: a row for every call of a layer in the order of the calls; the first is the network.
        total_params: elements of all parameters.
        param_bytes: bytes of all parameters.
        total_state: elements of the state.
        total_flops: floating-point operations of one call.
        output: pytree of ``ShapeDtypeStruct``.
        at_least: whether a loop whose length is data counts as one round.
    """

    rows: tuple[SummaryRow, ...]
    total_params: int
    param_bytes: int
    total_state: int
    total_flops: int
    output: Any
    at_least: bool

    def __str__(self) -> str:
        # The network itself is the totals, unless it is a single layer.
        shown = self.rows[1:] or self.rows
        head = ("layer", "output", "parameters", "state", "FLOPs")
        lines = [
            (
                "  " * max(row.depth - 1, 0) + _short(row.name, row.depth),
                _shapes(row.output),
                *(f"{n:,}" for n in (row.params, row.state, row.flops)),
            )
            for row in shown
        ]
        flops = f"{self.total_flops:,}" + (" at least" if self.at_least else "")
        totals = (f"{self.total_params:,}", f"{self.total_state:,}", flops)
        foot = ("total", _shapes(self.output), *totals)
        widths = [max(map(len, column)) for column in zip(head, *lines, foot, strict=True)]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))

        def text(line: tuple[str, ...]) -> str:
            left = [cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True)]
            right = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
            return "  ".join([*left, *right]).rstrip()

        table = [text(head), rule, *map(text, lines), rule, text(foot)]
        return "\n".join([*table, f"parameters take {self.param_bytes:,} bytes"])

    __repr__ = __str__


def summary(
    layer: Layer, params: Any, x: Any, state: Any = None, *, train: bool = False
) -> Summary:
    """A table of the layers of a network, with shapes, parameters and floating-point operations.

    The network is staged, not run: no arithmetic is done and no memory taken, whatever its size.
    Layers inside are found wherever a layer calls the ``apply`` of one of its ``children``.

    FLOPs are counted in the graph.  A product or convolution counts two for each pair of numbers
    that it multiplies and adds (padding included; eight if they are complex), an elementwise
    operation one for each element of its result, a reduction one for each element that it reads, a
    window one for each element in it.  Comparisons, casts, random bits, integers and what moves
    elements count nothing.  A ``scan`` counts its rounds, a ``cond`` its larger branch; of a
    ``while_loop``, one round.

    Args:
        layer: the network.
        params: its parameters, or ``ShapeDtypeStruct`` for them; None takes the shapes that
            ``layer.init`` makes.
        x: its input, or ``ShapeDtypeStruct`` for it; a pytree, if the layer takes one.
        state: its state, if it has one; None takes the shapes that ``layer.init`` makes.
        train: whether to look at the call in training, with a key where one is taken.

    Returns:
        Summary: prints as a table, and has ``rows`` and totals.

    Raises:
        TypeError: ``layer`` is no layer.
        ShapeError, TreeError: the layer's own, for an input or parameters that do not fit.

    >>> from functorch_lite import nn
    >>> net = nn.chain(nn.Linear(64, 32), nn.relu, nn.Linear(32, 10))
    >>> found = summary(net, None, fl.ShapeDtypeStruct((5, 64), "float32"))
    >>> print(found)
    layer           output      parameters  state   FLOPs
    -----------------------------------------------------
    Linear(64, 32)  f32[5, 32]       2,080      0  20,640
    relu            f32[5, 32]           0      0     160
    Linear(32, 10)  f32[5, 10]         330      0   3,250
    -----------------------------------------------------
    total           f32[5, 10]       2,410      0  24,050
    parameters take 9,640 bytes
    >>> found.total_params, found.total_flops
    (2410, 24050)
    """
    if not isinstance(layer, Layer):
        raise TypeError(
            f"nn.summary: expected a layer; got {type(layer).__name__}. "
            "Remedy: nn.chain(f) makes a layer of a function f."
        )
    if params is None or (layer.stateful and state is None):
        made = fl.eval_shape(layer.init, random.key(0))
        made_params, made_state = made if layer.stateful else (made, None)
        params = made_params if params is None else params
        state = made_state if state is None else state
    args = (params, x, state) if layer.stateful else (params, x)
    kwargs: dict[str, Any] = {}
    if "train" in layer.takes:
        kwargs["train"] = train
    if "key" in layer.takes:
        kwargs["key"] = fl.ShapeDtypeStruct((2,), "uint32") if train else None
    with _recorded(layer) as calls:
        _stage(layer.apply, args, kwargs)
    counter = _Counter()
    rows = tuple(
        SummaryRow(
            call.layer.name,
            call.depth,
            call.output,
            _elements(call.args[0]),
            _elements(call.args[2]) if call.layer.stateful and len(call.args) > 2 else 0,
            counter.graph(_stage(call.apply, call.args, call.kwargs)),
        )
        for call in calls
    )
    return Summary(
        rows,
        _elements(params),
        sum(math.prod(s.shape) * s.dtype.itemsize for s in tree.leaves(_structs(params))),
        _elements(state),
        rows[0].flops,
        rows[0].output,
        counter.at_least,
    )


@dataclasses.dataclass
class _Call:
    layer: Layer
    apply: Callable[..., Any]
    depth: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any = None


@contextlib.contextmanager
def _recorded(layer: Layer) -> Iterator[list[_Call]]:
    """The calls that this thread makes of a layer and of the layers inside it.

    Layers are shared objects, so for as long as this lasts each has an ``apply`` that notes its
    arguments; other threads' calls pass through it.
    """
    calls: list[_Call] = []
    thread = threading.get_ident()
    depth = 0

    def noting(inner: Layer, apply: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(apply)
        def noted(*args: Any, **kwargs: Any) -> Any:
            nonlocal depth
            if threading.get_ident() != thread:
                return apply(*args, **kwargs)
            call = _Call(inner, apply, depth, _structs(args), _structs(kwargs))
            calls.append(call)
            depth += 1
            try:
                out = apply(*args, **kwargs)
            finally:
                depth -= 1
            call.output = _structs(out[0] if inner.stateful else out)
            return out

        return noted

    with _PATCHING:
        found = _layers(layer)
        was = [(inner, inner.apply) for inner in found]
        try:
            for inner, apply in was:
                inner.apply = noting(inner, apply)
            yield calls
        finally:
            for inner, apply in was:
                inner.apply = apply


_PATCHING = threading.RLock()


def _layers(layer: Layer) -> list[Layer]:
    """A layer and those inside it, each once."""
    found: dict[int, Layer] = {}
    todo = [layer]
    while todo:
        one = todo.pop()
        if id(one) not in found:
            found[id(one)] = one
            todo.extend(one.children)
    return list(found.values())


def _stage(apply: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> fl.Graph:
    """The graph of a call; what is True or False in it is decided, not traced."""
    fixed = {name: value for name, value in kwargs.items() if isinstance(value, bool)}
    traced = {name: value for name, value in kwargs.items() if name not in fixed}
    return fl.make_graph(lambda args, traced: apply(*args, **traced, **fixed))(args, traced)


def _structs(x: Any) -> Any:
    """A tree with shapes in the place of its arrays."""

    def struct(leaf: Any) -> Any:
        if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype"):
            return leaf
        return fl.ShapeDtypeStruct(leaf.shape, leaf.dtype)

    return tree.map(struct, x)


def _elements(x: Any) -> int:
    return sum(math.prod(getattr(leaf, "shape", ())) for leaf in tree.leaves(x))


class _Counter:
    """Counts floating-point operations of graphs."""

    def __init__(self) -> None:
        self.at_least = False

    def graph(self, graph: fl.Graph) -> int:
        """Of a graph and of those inside it."""
        return sum(map(self.equation, graph.eqns))

    def equation(self, eqn: Any) -> int:
        """Of one equation."""
        name, params = eqn.op.name, eqn.params
        inner = [
            self.graph(item)
            for value in params.values()
            for item in (value if isinstance(value, tuple) else (value,))
            if isinstance(item, fl.Graph)
        ]
        if inner:
            rounds = params["length"] if name == "scan" else 1
            if name == "while_loop" or rounds is None:
                self.at_least, rounds = True, 1
            return max(inner) if name == "cond" else sum(inner) * rounds
        if not eqn.inputs or not eqn.outputs:
            return 0
        operand, result = eqn.inputs[0].aval, eqn.outputs[0].aval
        if name in _ONE_PER_OPERAND or eqn.op.family == "reduction":
            return operand.size if _inexact(operand) else 0
        if not _inexact(result) and name not in _WINDOWS:
            return 0
        if name == "dot_general":
            contracted = math.prod(operand.shape[axis] for axis in params["contract"][0])
            return _pair(result) * result.size * contracted
        if name == "conv":
            return _conv(operand, eqn.inputs[1].aval, result, params)
        if name in _WINDOWS:
            return result.size * math.prod(params["window"]) if _inexact(operand) else 0
        if name in _SCATTERS:
            return int(eqn.inputs[-1].aval.size)
        if eqn.op.family == "elementwise" and name not in _FREE:
            return result.size
        return 0


def _conv(x: Any, w: Any, out: Any, params: dict[str, Any]) -> int:
    """Of a convolution of [groups, batch, channels, ...] with [groups, out, channels, ...]."""
    taps = math.prod(w.shape[3:])
    if any(step > 1 for step in params["x_dilation"]):
        # A transposed convolution: every element of x meets every tap, no inserted zero does.
        return _pair(out) * x.size * w.shape[1] * taps
    return _pair(out) * out.size * w.shape[2] * taps


def _pair(aval: Any) -> int:
    """Operations that multiply two numbers and add the product."""
    return 8 if aval.dtype.kind == "c" else 2


def _inexact(aval: Any) -> bool:
    return aval.dtype.kind not in "iub"


def _short(name: str, depth: int) -> str:
    width = max(_NAME_WIDTH - 2 * depth, 12)
    return name if len(name) <= width else name[: width - 1] + "…"


def _shapes(output: Any) -> str:
    leaves = [
        f"{_dtype(leaf.dtype)}{list(leaf.shape)}" if hasattr(leaf, "shape") else repr(leaf)
        for leaf in tree.leaves(output)
    ]
    more = f", {len(leaves) - 3} more" if len(leaves) > 3 else ""
    return ", ".join(leaves[:3]) + more


def _dtype(dtype: Any) -> str:
    if dtype.name in ("bool", "bfloat16"):
        return "bf16" if dtype.name == "bfloat16" else "bool"
    return f"{dtype.kind}{dtype.itemsize * 8}"
