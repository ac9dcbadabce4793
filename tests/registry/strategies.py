"""Random operands and params for every op: empty, scalar and size-1 shapes, every dtype.

Shapes and params come from hypothesis; values from a generator that hypothesis seeds, inside the
op's domain. An op without a strategy here draws from its samples with fresh values, so a new op is
covered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from functorch_lite.core.op import REGISTRY, Op
from functorch_lite.testing.samples_elementwise import draw
from functorch_lite.testing.samples_window import elements_of_windows
from tests.registry.cases import Case, Raw, cases, dtypes, fresh_cases

Shape = tuple[int, ...]
Plan = tuple[list[Any], dict[str, Any]]
"""Makers of the operands (functions of dtype and generator), and params."""

EXAMPLES = 3


def _values(shape: Shape, domain: Any = (-2.0, 2.0)) -> Callable[..., np.ndarray]:
    return lambda dtype, rng: draw(rng, shape, dtype, domain)


def _integers(shape: Shape, low: int = 0, high: int = 4) -> Callable[..., np.ndarray]:
    return lambda dtype, rng: np.asarray(rng.integers(low, high, shape), np.int64)


def _shapes(least: int = 0, most: int = 3, side: int = 0) -> st.SearchStrategy[Shape]:
    return hnp.array_shapes(min_dims=least, max_dims=most, min_side=side, max_side=4)


def _axes(rank: int, least: int = 0) -> st.SearchStrategy[tuple[int, ...]]:
    """Distinct axes in increasing order."""
    if rank == 0:
        return st.just(())
    chosen = st.sets(st.integers(0, rank - 1), min_size=least)
    return chosen.map(sorted).map(tuple)


# ---------------------------------------------------------------------------------- plans by family
def _broadcast(shape: Shape, draw_from: Any) -> Shape:
    """A shape that broadcasts to ``shape``."""
    kept = draw_from(st.integers(0, len(shape)))
    tail = shape[len(shape) - kept :]
    return tuple(1 if draw_from(st.booleans()) and draw_from(st.booleans()) else n for n in tail)


def _elementwise(op: Op, draw_from: Any, params: dict[str, Any]) -> Plan:
    shape = draw_from(_shapes())
    count = len(op.operands)
    shapes = [_broadcast(shape, draw_from) for _ in range(count)]
    shapes[draw_from(st.integers(0, count - 1))] = shape
    domain = op.info["domain"]
    spans = domain if isinstance(domain[0], tuple) else (domain,) * count
    shared = op.info["shared"]
    other = _integers if op.info["first"] == "i" else _bools
    return [
        _values(s, d) if i in shared else other(s)
        for i, (s, d) in enumerate(zip(shapes, spans, strict=True))
    ], params


def _bools(shape: Shape) -> Callable[..., np.ndarray]:
    return lambda dtype, rng: np.asarray(rng.integers(0, 2, shape), np.bool_)


def _reduction(op: Op, draw_from: Any, params: Any) -> Plan:
    needs_elements = op.name in ("reduce_max", "reduce_min")
    shape = draw_from(_shapes(side=1 if needs_elements else 0))
    return [_values(shape)], {"axes": draw_from(_axes(len(shape)))}


def _along_axis(op: Op, draw_from: Any, params: dict[str, Any]) -> Plan:
    shape = draw_from(_shapes(1, side=0 if "reverse" in params else 1))
    new = {"axis": draw_from(st.integers(0, len(shape) - 1))}
    return [_values(shape)], new | (
        {"reverse": draw_from(st.booleans())} if "reverse" in params else {}
    )


def _reshape(op: Op, draw_from: Any, params: Any) -> Plan:
    shape = draw_from(_shapes())
    order = [n for n in shape if n != 1] + [1] * draw_from(st.integers(0, 2))
    flat = [int(np.prod(shape))]
    return [_values(shape)], {"shape": tuple(draw_from(st.permutations(order or flat)))}


def _transpose(op: Op, draw_from: Any, params: Any) -> Plan:
    shape = draw_from(_shapes(most=4))
    return [_values(shape)], {"perm": tuple(draw_from(st.permutations(range(len(shape)))))}


def _broadcast_to(op: Op, draw_from: Any, params: Any) -> Plan:
    shape = draw_from(_shapes(most=4))
    return [_values(_broadcast(shape, draw_from))], {"shape": shape}


def _concatenate(op: Op, draw_from: Any, params: Any) -> Plan:
    shape = draw_from(_shapes(1))
    axis = draw_from(st.integers(0, len(shape) - 1))
    sizes = draw_from(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    parts = [(*shape[:axis], n, *shape[axis + 1 :]) for n in sizes]
    return [_values(p) for p in parts], {"axis": axis}


def _pad(op: Op, draw_from: Any, params: Any) -> Plan:
    shape = draw_from(_shapes())
    config = []
    for n in shape:
        inner = draw_from(st.integers(0, 2))
        size = n + max(n - 1, 0) * inner
        low = draw_from(st.integers(-size, 2))
        config.append((low, draw_from(st.integers(-size - min(low, 0), 2)), inner))
    return [_values(shape), _values(())], {"config": tuple(config)}


def _flip(op: Op, draw_from: Any, params: Any) -> Plan:
    shape = draw_from(_shapes())
    return [_values(shape)], {"axes": draw_from(_axes(len(shape)))}


def _slice(op: Op, draw_from: Any, params: Any) -> Plan:
    shape = draw_from(_shapes())
    start = tuple(draw_from(st.integers(0, n)) for n in shape)
    stop = tuple(draw_from(st.integers(a, n)) for a, n in zip(start, shape, strict=True))
    step = tuple(draw_from(st.integers(1, 3)) for _ in shape)
    return [_values(shape)], {"start": start, "stop": stop, "step": step}


def _dynamic_slice(op: Op, draw_from: Any, params: Any) -> Plan:
    shape = draw_from(_shapes())
    sizes = tuple(draw_from(st.integers(0, n)) for n in shape)
    starts = [_integers((), -1, n + 2) for n in shape]
    return [_values(shape), *starts], {"sizes": sizes}


def _dynamic_update_slice(op: Op, draw_from: Any, params: Any) -> Plan:
    (x, *starts), params = _dynamic_slice(op, draw_from, params)
    return [x, _values(params["sizes"]), *starts], {}


def _gather(op: Op, draw_from: Any, params: Any) -> Plan:
    shape = draw_from(_shapes(1, side=1))
    axes = tuple(draw_from(st.permutations(draw_from(_axes(len(shape), 1)))))
    at = draw_from(_shapes(most=2))
    spill = draw_from(st.integers(0, 1))
    indices = [_integers(at, -spill, shape[a] + spill) for a in axes]
    mode = draw_from(st.sampled_from(["clip", "drop"]))
    return [_values(shape), *indices], {"axes": axes, "mode": mode, "_": (shape, at)}


def _gather_plan(op: Op, draw_from: Any, params: Any) -> Plan:
    makers, params = _gather(op, draw_from, params)
    return makers, {k: v for k, v in params.items() if k != "_"}


def _scatter(op: Op, draw_from: Any, params: Any) -> Plan:
    (x, *indices), params = _gather(op, draw_from, params)
    shape, at = params.pop("_")
    block = at + tuple(n for i, n in enumerate(shape) if i not in params["axes"])
    return [x, _values(block), *indices], params


def _dot_general(op: Op, draw_from: Any, params: Any) -> Plan:
    sizes = st.integers(0, 3)
    batch, contract, free_x, free_y = (draw_from(st.lists(sizes, max_size=n)) for n in (1, 2, 2, 1))
    roles = [("b", i, n) for i, n in enumerate(batch)] + [
        ("c", i, n) for i, n in enumerate(contract)
    ]
    x = draw_from(st.permutations(roles + [("f", i, n) for i, n in enumerate(free_x)]))
    y = draw_from(st.permutations(roles + [("f", i, n) for i, n in enumerate(free_y)]))

    def dims(role: str, count: int) -> tuple[tuple[int, ...], ...]:
        find = [{(r, i): d for d, (r, i, _) in enumerate(side)} for side in (x, y)]
        return tuple(tuple(side[role, i] for i in range(count)) for side in find)

    makers = [_values(tuple(n for _, _, n in side)) for side in (x, y)]
    return makers, {"contract": dims("c", len(contract)), "batch": dims("b", len(batch))}


def _conv(op: Op, draw_from: Any, params: Any) -> Plan:
    ndim = draw_from(st.integers(0, 2))
    sizes, strides, x_dilation, w_dilation, kernel = (
        tuple(draw_from(st.lists(st.integers(least, 3), min_size=ndim, max_size=ndim)))
        for least in (0, 1, 1, 1, 1)
    )
    padding = []
    for n, d in zip(sizes, x_dilation, strict=True):
        spread = (n - 1) * d + 1 if n else 0
        low = draw_from(st.integers(-spread, 3))
        padding.append((low, draw_from(st.integers(-spread - min(low, 0), 3))))
    groups, batch, channels, outputs = (draw_from(st.integers(0, 2)) for _ in range(4))
    makers = [
        _values((groups, batch, channels, *sizes)), _values((groups, outputs, channels, *kernel)),
    ]  # fmt: skip
    return makers, {
        "strides": strides, "padding": tuple(padding), "x_dilation": x_dilation,
        "w_dilation": w_dilation,
    }  # fmt: skip


def _sort(op: Op, draw_from: Any, params: Any) -> Plan:
    shape = draw_from(_shapes(1))
    count = draw_from(st.integers(1, 3))
    params = {"axis": draw_from(st.integers(0, len(shape) - 1))}
    params["num_keys"] = draw_from(st.integers(1, count))
    return [_values(shape)] * count, params


def _window(op: Op, draw_from: Any, params: dict[str, Any]) -> Plan:
    shape = draw_from(_shapes())
    fixed = draw_from(st.integers(0, len(shape))) if "batch_dims" in params else 0

    def each(low: int, high: int, still: int) -> tuple[int, ...]:
        moving = len(shape) - fixed
        return (*(still,) * fixed, *(draw_from(st.integers(low, high)) for _ in range(moving)))

    padding = tuple(zip(each(-1, 2, 0), each(-1, 2, 0), strict=True))
    new: dict[str, Any] = {"window": each(1, 3, 1), "strides": each(1, 3, 1), "padding": padding}
    new |= {"base_dilation": each(1, 2, 1), "window_dilation": each(1, 2, 1)}
    if op.name in ("window_max", "window_min"):  # an empty window gives an infinity
        windows = elements_of_windows(shape, **new)
        assume(all(windows[where] for where in np.ndindex(windows.shape)))
    return [_values(shape)], new | ({"batch_dims": fixed} if "batch_dims" in params else {})


def _barrier(op: Op, draw_from: Any, params: Any) -> Plan:
    return [_values(s) for s in draw_from(st.lists(_shapes(), min_size=1, max_size=3))], {}


def _full(op: Op, draw_from: Any, params: dict[str, Any]) -> Plan:
    return [], {**params, "shape": draw_from(_shapes())}


def _iota(op: Op, draw_from: Any, params: dict[str, Any]) -> Plan:
    shape = draw_from(_shapes(1))
    return [], {**params, "shape": shape, "axis": draw_from(st.integers(0, len(shape) - 1))}


_AXIS = ("argmax", "argmin", "cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp")
_SCATTERS = ("scatter", "scatter_add", "scatter_mul", "scatter_min", "scatter_max")
_WINDOWS = ("window_sum", "window_max", "window_min", "window_argmax", "window_argmin")
PLANS: dict[str, Callable[[Op, Any, dict[str, Any]], Plan]] = {
    **dict.fromkeys(_AXIS, _along_axis),
    **dict.fromkeys(_SCATTERS, _scatter),
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    "concatenate": _concatenate,
    "pad": _pad,
    "flip": _flip,
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "gather": _gather_plan,
    "dot_general": _dot_general,
    "conv": _conv,
    "sort": _sort,
    **dict.fromkeys(_WINDOWS, _window),
    "optimization_barrier": _barrier,
    "full": _full,
    "iota": _iota,
}
# Their operands are bits, counts or words that only their samples know how to draw.
_FROM_SAMPLES = {"shift_left", "shift_right", "pow", "threefry2x32", "isnan", "isinf", "isfinite"}


def _plan_for(op: Op) -> Callable[[Op, Any, dict[str, Any]], Plan] | None:
    if op.name in _FROM_SAMPLES:
        return None
    if op.family == "elementwise":
        return _elementwise
    return _reduction if op.family == "reduction" else PLANS.get(op.name)


@st.composite
def random_cases(draw_from: Any, name: str, only: Any = None) -> Case:
    """A case of an op with random shapes, dtype, params and values, and two more examples.

    Args:
        draw_from: supplied by hypothesis.
        name: registered name.
        only: a dtype, or None for any legal one.
    """
    op = REGISTRY[name]
    dtype = only if only is not None else draw_from(st.sampled_from(dtypes(name)))
    seed = draw_from(st.integers(0, 2**32 - 1))
    plan = _plan_for(op)
    found = fresh_cases(name, dtype, seed) if plan is None else cases(name, dtype)
    assume(
        found
    )  # the samples leave out what an op takes in name only, such as dot_general of bool
    sample = found[draw_from(st.integers(0, len(found) - 1))]
    if plan is None:
        return sample
    makers, params = plan(op, draw_from, sample.params)
    rng = np.random.default_rng(seed)
    drawn: list[Raw] = [tuple(m(dtype, rng) for m in makers) for _ in range(EXAMPLES)]
    return Case(op, drawn[0], params, tuple(drawn[1:]))
