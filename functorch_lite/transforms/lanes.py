"""Lanes of a vmapped ``while_loop``: masks, and inputs for the lanes that have finished."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from functorch_lite.core.graph import Graph, evaluate
from functorch_lite.ops import (
    argmax,
    dynamic_slice,
    floor_divide,
    reduce_or,
    remainder,
    reshape,
    select,
)
from functorch_lite.ops.families import const
from functorch_lite.transforms.stage import stage

__all__ = ["mask_like", "safe_body"]


def mask_like(running: Any, x: Any, lanes: tuple[int, ...]) -> Any:
    """The running lanes, with axes of size 1 behind so that they broadcast with ``x``."""
    return reshape(running, shape=(*lanes, *(1,) * (len(x.shape) - len(lanes))))


def safe_body(params: dict[str, Any]) -> Graph:
    """The body of a loop with lanes, in which a finished lane computes what a running one does.

    Its results are dropped by the loop; what counts is that they are finite where the running
    lane's are.
    """
    body: Graph = params["body"]
    condition: Graph = params["cond"]
    lanes: tuple[int, ...] = params["lanes"]
    mapped = params["mapped"]
    if 0 in lanes:
        return body  # no lane ever runs
    key = ("safe", id(condition), lanes, mapped)
    if key in body.memo:
        found: Graph = body.memo[key][1]
        return found

    def step(*args: Any) -> Sequence[Any]:
        (running,) = evaluate(condition, args)
        flat = reshape(running, shape=(math.prod(lanes),))
        first = argmax(flat, axis=0)
        every = (True,) * len(lanes)
        masks = [*mapped, *[every] * (len(args) - len(mapped))]
        return evaluate(
            body, [_replaced(x, running, first, lanes, m) for x, m in zip(args, masks, strict=True)]
        )

    graph = stage(step, body.in_avals, body.name)
    graph.name = body.name
    # The condition is kept beside what belongs to it, so that its id stays its own.
    body.memo[key] = condition, graph
    return graph


def _replaced(
    x: Any, running: Any, first: Any, lanes: tuple[int, ...], own: tuple[bool, ...]
) -> Any:
    """``x`` with the values of the first running lane in place of those of finished lanes.

    Args:
        x: a value with the lane axes that ``own`` says, in front.
        running: which lanes run, bool of shape ``lanes``.
        first: position of a running lane in the flattened lanes.
        lanes: sizes of the lane axes.
        own: which lane axes ``x`` has.
    """
    if not any(own):
        return x
    missing = tuple(i for i, has in enumerate(own) if not has)
    mask = reduce_or(running, axes=missing) if missing else running
    rest = x.shape[len(mask.shape) :]
    row, stride = first, math.prod(lanes)
    starts = []
    for n, has in zip(lanes, own, strict=True):
        stride //= n
        if has:
            at = floor_divide(row, const(stride, row.dtype))
            starts.append(remainder(at, const(n, row.dtype)))
    zero = const(0, first.dtype)
    sizes = (*(1,) * len(starts), *rest)
    one = dynamic_slice(x, *starts, *[zero] * len(rest), sizes=sizes)
    return select(reshape(mask, shape=(*mask.shape, *(1,) * len(rest))), x, one)
