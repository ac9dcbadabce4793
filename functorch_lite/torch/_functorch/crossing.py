"""Ways of tensors into a ``vmap`` and out of it, as operations with gradients.

Inside, a tensor has the sizes of one lane; outside, all lanes lie along its first dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.core.array import wrap
from functorch_lite.core.trace import state
from functorch_lite.torch._compile.symbol import fresh_symbol, value_of
from functorch_lite.torch._core import engine
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import (
    Edge,
    Node,
    attach,
    edge_of,
    freed_error,
    needs_grad,
)
from functorch_lite.torch._core.op import fresh
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make
from functorch_lite.torch._functorch.lane_trace import LaneTrace, LaneTracer
from functorch_lite.torch._functorch.levels import behind, is_over, records
from functorch_lite.torch._meta.symbol import MetaSymbol

if TYPE_CHECKING:
    from functorch_lite.torch._functorch.lanes import Lanes

__all__ = ["is_lane", "leave", "lift", "lower", "owner"]


class LiftBackward0(Node):
    """The node of a tensor that has entered; outside, the gradient has all lanes again.

    Attributes:
        lanes: the ``vmap``.
    """

    __slots__ = ("lanes",)

    lanes: Lanes

    def backward(self, grads: list[Tensor | None]) -> list[Tensor | None]:
        return [None if grads[0] is None else lower(self.lanes, grads[0])]


class LowerBackward0(Node):
    """The node of a tensor that has left while the function still runs."""

    __slots__ = ("lanes",)

    lanes: Lanes

    def backward(self, grads: list[Tensor | None]) -> list[Tensor | None]:
        return [None if grads[0] is None else lift(self.lanes, grads[0])]


def is_lane(lanes: Lanes, t: Any) -> bool:
    """Whether a tensor varies from lane to lane, or has been made of one that does."""
    if not isinstance(t, Tensor) or not is_symbol(t._np):
        return False
    symbol: Any = t._np
    return symbol.recording is lanes or lanes.trace.owns(symbol.storage.value)


def owner(t: Tensor) -> Lanes | None:
    """The innermost ``vmap`` in which a tensor varies; None if in none."""
    if not is_symbol(t._np):
        return None
    value = value_of(t._np)
    return value._trace.lanes if isinstance(value, LaneTracer) else None


def _recorded(t: Tensor) -> Edge | None:
    """Where the gradient of a tensor that crosses goes, or under ``no_grad`` only its tangent."""
    if not needs_grad(t) or not records():
        return None
    if mode.enabled:
        return edge_of(t)
    if engine.inside.current is not None or not mode.forward.moves(t):
        return None
    return edge_of(behind(t))


def lift(lanes: Lanes, t: Tensor) -> Tensor:
    """One lane of a tensor whose first dimension is the lanes."""
    value = value_of(t._np) if is_symbol(t._np) else wrap(t._np)
    symbol: Any = fresh_symbol(lanes, _lifted(lanes, value))  # type: ignore[arg-type]
    out = make(symbol)
    edge = _recorded(t)
    if edge is not None:
        node = LiftBackward0([edge])
        node.lanes = lanes
        attach(out, node)
    return out


def lower(lanes: Lanes, t: Tensor) -> Tensor:
    """All lanes of a tensor, along its first dimension."""
    out = _raw(lanes, t)
    edge = _recorded(t)
    if edge is not None:
        node = LowerBackward0([edge])
        node.lanes = lanes
        attach(out, node)
    return out


def _raw(lanes: Lanes, t: Tensor) -> Tensor:
    """The same outside of the graph."""
    within = _within(lanes)
    with lanes.current():
        value = _lowered(lanes, value_of(t._np), within)
    data = value._data
    if data.__class__ is MetaSymbol:
        data = data.laid_out()
    # The core's arrays may run backwards, which no tensor does.
    return fresh(data if is_symbol(data) else np.ascontiguousarray(data), ())


def _within(lanes: Lanes) -> set[LaneTrace]:
    """The traces of the calls of ``vmap`` within one that runs."""
    found: set[LaneTrace] = set()
    trace: Any = state.trace
    while trace.__class__ is LaneTrace and trace is not lanes.trace:
        found.add(trace)
        trace = trace.parent
    return found if trace is lanes.trace else set()


def _lifted(lanes: Lanes, value: Any) -> Any:
    """One lane of a value whose first axis is the lanes; a gradient may vary further within."""
    if value.__class__ is LaneTracer and value._trace in _within(lanes):
        return value._trace.tracer(_lifted(lanes, fnp.moveaxis(value.value, 1, 0)))
    return lanes.trace.tracer(value)


def _lowered(lanes: Lanes, value: Any, within: set[LaneTrace]) -> Any:
    """All lanes of a value, which may vary in calls of ``vmap`` within."""
    if value.__class__ is LaneTracer and value._trace in within:
        return value._trace.tracer(fnp.moveaxis(_lowered(lanes, value.value, within), 1, 0))
    return lanes.trace.lower(value)


class VmapBackward0(Node):
    """The node of a call of ``vmap``: it goes back through the function's own graph.

    Attributes:
        lanes: the ``vmap``.
        roots: edges of the results, inside.
        ends: edges at which the gradients leave.
        mapped: of each of these, whether it belongs to a mapped argument.
    """

    __slots__ = ("ends", "lanes", "mapped", "roots")

    lanes: Lanes
    roots: Sequence[Edge]
    ends: Sequence[Edge]
    mapped: Sequence[bool]

    def backward(self, grads: list[Tensor | None]) -> list[Tensor | None]:
        if self.freed:
            raise freed_error()
        lanes = self.lanes
        pairs = zip(self.roots, grads, strict=True)
        starts = [(root, lift(lanes, g)) for root, g in pairs if g is not None]
        with lanes:
            found = engine.run(starts, True, mode.enabled, self.ends, stop=True)
        outs = iter(leave(lanes, [g for g in found if g is not None]))
        made: list[Tensor | None] = []
        for g, mapped in zip(found, self.mapped, strict=True):
            out = None if g is None else next(outs)
            # All lanes have used what is not mapped.
            made.append(out if out is None or mapped else out.sum(0))
        return made

    def release(self) -> None:
        self.freed = True
        self.roots = self.ends = ()


def leave(lanes: Lanes, tensors: Sequence[Tensor]) -> list[Tensor]:
    """All lanes of results, once the function has returned."""
    made: list[Tensor] = []
    roots: list[Edge] = []
    recorded: list[Tensor] = []
    for t in tensors:
        edge = edge_of(t) if records() and needs_grad(t) else None
        inside = edge is not None and lanes.made(edge[0])
        if not inside and not is_lane(lanes, t):
            made.append(t.unsqueeze(0).expand(lanes.size, *t._np.shape))
            continue
        out = _raw(lanes, t)
        made.append(out)
        if edge is not None:
            roots.append(edge)
            recorded.append(out)
    if not roots:
        return made
    ends, edges, mapped = _ends(lanes, roots)
    if ends:
        node = VmapBackward0(edges)
        node.lanes, node.roots, node.ends, node.mapped = lanes, roots, ends, mapped
        for nr, out in enumerate(recorded):
            attach(out, node, nr)
    return made


def _ends(lanes: Lanes, roots: Sequence[Edge]) -> tuple[list[Edge], list[Edge | None], list[bool]]:
    """Where gradients leave a graph.

    Returns:
        the edges, where each of them leads to outside, and whether it is a mapped argument's.
    """
    ends: dict[Edge, tuple[Edge | None, bool]] = {}
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        edge = stack.pop()
        node = edge[0]
        if lanes.made(node):
            if node not in seen:
                seen.add(node)
                stack.extend(e for e in node.edges if e is not None)
        elif edge not in ends and not is_over(node):
            entered = isinstance(node, LiftBackward0) and node.lanes is lanes
            ends[edge] = (node.edges[0], True) if entered else (edge, False)
    return list(ends), [e for e, _ in ends.values()], [m for _, m in ends.values()]
