"""Samples and references of the ops that hold graphs: what only a layer that stages can make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.aval import Aval
from functorch_lite.core.graph import Graph
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops import (
    add,
    cast,
    concatenate,
    cos,
    floor,
    lt,
    mul,
    neg,
    reduce_sum,
    reshape,
    sin,
    sub,
    tanh,
)
from functorch_lite.ops import slice as slice_
from functorch_lite.ops.families import const
from functorch_lite.transforms.callbacks import VMAP_METHODS, Host
from functorch_lite.transforms.custom import Rules
from functorch_lite.transforms.stage import stage

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
INT64, BOOL = np.dtype(np.int64), np.dtype(np.bool_)
Sample = tuple[tuple[np.ndarray, ...], dict[str, Any]]


def _graph(name: str, f: Callable[..., Sequence[Any]], *avals: Aval) -> Graph:
    graph = stage(f, avals, f"the sample {name}")
    graph.name = name
    return graph


def _draw(rng: np.random.Generator, dtype: np.dtype[Any], *shape: int) -> np.ndarray:
    return rng.uniform(-2, 2, shape).astype(dtype)


def _int(value: int) -> np.ndarray:
    return np.array(value, INT64)


# -------------------------------------------------------------------- call, checkpoint, custom_call
def _body(x: Any, y: Any) -> tuple[Any, ...]:
    return mul(sin(x), y), reduce_sum(add(cos(y), x), axes=(0,)), floor(y)


def _body_reference(x: np.ndarray, y: np.ndarray, **_: Any) -> tuple[np.ndarray, ...]:
    return np.sin(x) * y, (np.cos(y) + x).sum(0), np.floor(y)


@cache
def _body_graph(dtype: np.dtype[Any]) -> Graph:
    return _graph("body", _body, Aval((3,), dtype), Aval((2, 3), dtype))


def _body_operands(dtype: np.dtype[Any], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    return _draw(rng, dtype, 3), _draw(rng, dtype, 2, 3)


def _call(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    return [(_body_operands(dtype, rng), {"graph": _body_graph(dtype)})]


def _dots(op: Any, *avals: Aval, **params: Any) -> bool:
    return bool(op.name == "sin")


def _checkpoint(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    return [
        (
            _body_operands(dtype, rng),
            {"graph": _body_graph(dtype), "prevent_cse": cse, "policy": policy},
        )
        for cse, policy in ((True, None), (False, None), (True, _dots))
    ]


class Product(Rules):
    """x sin(y), and y's integer part, with a derivative by hand."""

    label = "the sample product"

    def __init__(self, reverse: bool) -> None:
        self.reverse = reverse

    def primal(self, args: Sequence[Any]) -> list[Any]:
        x, y = args
        return [mul(x, sin(y)), floor(y)]

    def jvp(self, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        (x, y), (dx, dy) = args, tangents
        terms = [mul(dx, sin(y))] if dx is not None else []
        terms += [mul(dy, mul(x, cos(y)))] if dy is not None else []
        return self.primal(args), [terms[0] if len(terms) == 1 else add(*terms), None]

    def fwd(self, args: Sequence[Any], wants: Sequence[bool]) -> tuple[list[Any], Any]:
        x, y = args
        return self.primal(args), (sin(y), mul(x, cos(y)))

    def bwd(self, residuals: Any, cts: Sequence[Any]) -> list[Any]:
        by_x, by_y = residuals
        ct = cts[0]
        return [None, None] if ct is None else [mul(ct, by_x), mul(ct, by_y)]


RULES = {reverse: Product(reverse) for reverse in (False, True)}


@cache
def _product_graph(dtype: np.dtype[Any], n_consts: int) -> Graph:
    """The function, behind captured integers that it does not look at."""
    rules = RULES[False]
    avals = [*[Aval((), INT64)] * n_consts, *[Aval((2, 3), dtype)] * 2]
    return _graph("product", lambda *xs: rules.primal(xs[n_consts:]), *avals)


def _custom(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    return [
        (
            (*[_int(n)] * n, _draw(rng, dtype, 2, 3), _draw(rng, dtype, 2, 3)),
            {"graph": _product_graph(dtype, n), "rules": rules, "n_consts": n},
        )
        for rules in RULES.values()
        for n in (0, 1)
    ]


def _custom_reference(*args: np.ndarray, **_: Any) -> tuple[np.ndarray, ...]:
    x, y = args[-2:]
    return x * np.sin(y), np.floor(y)


# --------------------------------------------------------------------------------------------- cond
def _branch_sum(x: Any, y: Any, n: Any) -> Any:
    return add(mul(x, x), y), mul(n, n)


def _branch_wave(x: Any, y: Any, n: Any) -> Any:
    return mul(sin(x), cos(y)), n


def _branch_flat(x: Any, y: Any, n: Any) -> Any:
    return y, add(n, n)


@cache
def _branches(dtype: np.dtype[Any]) -> tuple[Graph, ...]:
    avals = [Aval((2, 3), dtype), Aval((2, 3), dtype), Aval((), INT64)]
    named = (("sum", _branch_sum), ("wave", _branch_wave), ("flat", _branch_flat))
    return tuple(_graph(name, f, *avals) for name, f in named)


def _cond(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    found = []
    for low, high in ((0, 3), (-2, 0), (2, 5), (1, 2)):
        index = np.array(rng.integers(low, high), np.int32)
        operands = (_draw(rng, dtype, 2, 3), _draw(rng, dtype, 2, 3), _int(int(rng.integers(1, 5))))
        found.append(((index, *operands), {"branches": _branches(dtype)}))
    return found


def _cond_reference(index: Any, x: Any, y: Any, n: Any, **_: Any) -> tuple[np.ndarray, ...]:
    i = min(max(int(index), 0), 2)
    return ((x * x + y, n * n), (np.sin(x) * np.cos(y), n), (y, n + n))[i]


# --------------------------------------------------------------------------------------------- scan
def _step(w: Any, h: Any, n: Any, x: Any) -> Any:
    """A carry with weights, one that counts, a result per step, one that does not vary."""
    new = tanh(add(mul(h, w), x))
    return new, add(n, const(1, INT64)), mul(new, cast(n, dtype=x.dtype)), sin(w)


@cache
def _step_graph(dtype: np.dtype[Any]) -> Graph:
    few = Aval((2, 3), dtype)
    return _graph("step", _step, few, few, Aval((), INT64), few)


@cache
def _swap_graph(dtype: np.dtype[Any]) -> Graph:
    return _graph("swap", lambda a, b: (mul(b, b), sin(a)), Aval((), dtype), Aval((), dtype))


def _scan(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    found: list[Sample] = []
    for length, reverse in ((3, False), (3, True), (1, False), (0, False)):
        args = (
            _draw(rng, dtype, 2, 3), _draw(rng, dtype, 2, 3), _int(int(rng.integers(5))),
            _draw(rng, dtype, length, 2, 3),
        )  # fmt: skip
        found.append((args, {
            "body": _step_graph(dtype), "n_consts": 1, "n_carry": 2, "length": length,
            "reverse": reverse,
        }))  # fmt: skip
    pair = (_draw(rng, dtype), _draw(rng, dtype))
    found.append((pair, {
        "body": _swap_graph(dtype), "n_consts": 0, "n_carry": 2, "length": 3, "reverse": False,
    }))  # fmt: skip
    return found


def _scan_reference(*args: np.ndarray, **params: Any) -> tuple[np.ndarray, ...]:
    if params["body"].name == "swap":
        a, b = args
        for _ in range(3):
            a, b = b * b, np.sin(a)
        return a, b
    w, h, n, xs = args
    rows: list[Any] = [None] * len(xs)
    flat = [np.sin(w)] * len(xs)
    for i in range(len(xs))[:: -1 if params["reverse"] else 1]:
        h, before, n = np.tanh(h * w + xs[i]), n, n + 1
        rows[i] = h * before.astype(xs.dtype)
    empty = np.zeros((0, 2, 3), xs.dtype)
    return h, n, np.stack(rows) if rows else empty, np.stack(flat) if flat else empty


# --------------------------------------------------------------------------------------- while_loop
@cache
def _while_graphs(dtype: np.dtype[Any], lanes: tuple[int, ...], own: bool) -> tuple[Graph, Graph]:
    """Condition and body; ``own`` says whether the constant has the axes of the lanes."""
    const_, few = Aval((*lanes * own, 3), dtype), Aval((*lanes, 2, 3), dtype)
    count = Aval(lanes, INT64)

    def more(a: Any, x: Any, y: Any, i: Any, n: Any) -> Any:
        return (lt(i, n),)

    def step(a: Any, x: Any, y: Any, i: Any, n: Any) -> Any:
        if lanes and own:
            a = reshape(a, shape=(*lanes, 1, 3))
        return sin(add(mul(x, a), y)), sub(y, mul(x, a)), add(i, const(1, INT64)), n

    avals = (const_, few, few, count, count)
    return _graph("more", more, *avals), _graph("step", step, *avals)


def _while(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    found = []
    for low, high, lanes, own in (
        (0, 4, (), False), (2, 3, (), False), (0, 1, (), False), (0, 4, (2,), True),
        (0, 4, (2,), False), (1, 3, (2, 1), False),
    ):  # fmt: skip
        condition, body = _while_graphs(dtype, lanes, own)
        mapped = ((own,) * len(lanes),)
        params = {"cond": condition, "body": body, "n_consts": 1, "lanes": lanes, "mapped": mapped}
        draws = [_draw(rng, dtype, *lanes * own, 3), *[_draw(rng, dtype, *lanes, 2, 3)] * 2]
        counts = np.zeros(lanes, INT64), np.asarray(rng.integers(low, high, lanes), INT64)
        found.append(((*draws, *counts), params))
    return found


def _while_reference(
    a: Any, x: Any, y: Any, i: Any, n: Any, *, lanes: Any, mapped: Any, **_: Any
) -> tuple[np.ndarray, ...]:
    x, y, i = x.copy(), y.copy(), i.copy()
    for at in np.ndindex(lanes):
        w = a[at] if mapped[0] and mapped[0][0] else a
        for _ in range(int(n[at])):
            x[at], y[at] = np.sin(x[at] * w + y[at]), y[at] - x[at] * w
            i[at] += 1
    return x, y, i, n


# ------------------------------------------------------------------------------------ linear_solve
def _triangle(a: Any, x: Any, lower: bool) -> Any:
    """The matrix [[3, a], [0, 3]] or its transpose by x, for each row of two."""
    first, second = (
        reshape(slice_(x, start=(0, i), stop=(3, i + 1), step=(1, 1)), shape=(3,)) for i in (0, 1)
    )
    three = const(3, x.dtype)
    top, bottom = mul(first, three), mul(second, three)
    if lower:
        bottom = add(bottom, mul(a, first))
    else:
        top = add(top, mul(a, second))
    rows = (reshape(v, shape=(3, 1)) for v in (top, bottom))
    return concatenate(*rows, axis=1)


def _substituted(a: Any, b: Any, lower: bool) -> tuple[Any, ...]:
    """The solution of the same system, and an integer beside it."""
    first, second = (
        reshape(slice_(b, start=(0, i), stop=(3, i + 1), step=(1, 1)), shape=(3,)) for i in (0, 1)
    )
    third = const(1 / 3, b.dtype)
    if lower:
        first = mul(first, third)
        second = mul(sub(second, mul(a, first)), third)
    else:
        second = mul(second, third)
        first = mul(sub(first, mul(a, second)), third)
    rows = (reshape(v, shape=(3, 1)) for v in (first, second))
    return concatenate(*rows, axis=1), floor(a)


@cache
def _system_graphs(dtype: np.dtype[Any]) -> dict[str, Graph]:
    avals = Aval((3,), dtype), Aval((3, 2), dtype)
    made: dict[str, Graph] = {}
    for matrix, program, lower in (("matvec", "solve", False), ("vecmat", "transpose_solve", True)):
        made[matrix] = _graph(matrix, lambda a, x, w=lower: (_triangle(a, x, w),), *avals)
        made[program] = _graph(program, lambda a, b, w=lower: _substituted(a, b, w), *avals)
    return made


def _system(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    params = {**_system_graphs(dtype), "n_consts": 1}
    return [((_draw(rng, dtype, 3), _draw(rng, dtype, 3, 2)), params)]


def _system_reference(a: np.ndarray, b: np.ndarray, **_: Any) -> tuple[np.ndarray, ...]:
    matrix = np.zeros((3, 2, 2)) + 3 * np.eye(2)
    matrix[:, 0, 1] = a
    return np.linalg.solve(matrix, b[..., None])[..., 0].astype(b.dtype), np.floor(a)


# ---------------------------------------------------------------------------------- pure_callback
def _spread(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A function of NumPy arrays that works on leading axes too."""
    return np.sin(x) * y[..., :1], (x + y).astype(np.float64)


def _callback(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    found = []
    for method in VMAP_METHODS:
        args = _draw(rng, dtype, 2, 3), _draw(rng, dtype, 2, 3)
        host = Host(_spread, tree.structure(((0, 0), {})))
        avals = (Aval((2, 3), dtype), Aval((2, 3), FLOAT64))
        found.append((args, {"callback": host, "avals": avals, "vmap_method": method}))
    return found


def _callback_reference(x: np.ndarray, y: np.ndarray, **_: Any) -> tuple[np.ndarray, ...]:
    return (np.sin(x) * y[:, :1]).astype(x.dtype), (x + y).astype(np.float64)


def _for_effect(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    return [((_draw(rng, dtype, 2),), {"callback": Host(np.sum, tree.structure(((0,), {})))})]


# ------------------------------------------------------------------------------------------- errors
def _f(*shape: int, dtype: Any = FLOAT64) -> Aval:
    return Aval(shape, dtype)


def _wrong() -> dict[str, list[Any]]:
    branches = _branches(FLOAT64)
    count = _f(dtype=INT64)
    odd = (*branches[:2], _graph("odd", lambda x, y, n: (x, n), _f(3), _f(2, 3), count))
    scan_params = _scan(FLOAT64, np.random.default_rng(0))[0][1]
    condition, body = _while_graphs(FLOAT64, (), False)
    loop = {"cond": condition, "body": body, "n_consts": 1, "lanes": (), "mapped": ((),)}
    several = (_f(3), _f(2, 3), _f(2, 3), count, count)
    number = _graph("number", lambda a, x, y, i, n: (neg(x),), *several)
    return {
        "call": [],
        "pure_callback": [],
        "debug_callback": [],
        "checkpoint": [],
        "custom_call": [],
        "linear_solve": [
            ((_f(3), _f(3)), {**_system_graphs(FLOAT64), "n_consts": 1}, ShapeError,
             "the graph takes (f64[3], f64[3,2]), got (f64[3], f64[3])"),
        ],
        "cond": [
            ((_f(2, dtype=INT64), _f(2, 3), _f(2, 3), count), {"branches": branches}, ShapeError,
             "must be a scalar, got shape (2,)"),
            ((_f(), _f(2, 3), _f(2, 3), count), {"branches": branches}, DtypeError, "got float64"),
            ((_f(dtype=INT64), _f(2, 3), _f(2, 3), count), {"branches": odd}, ShapeError,
             "branch 2 takes (f64[3], f64[2,3], i64[])"),
        ],
        "scan": [
            ((_f(2, 3), _f(2, 3), count, _f(2, 2, 3)), scan_params, ShapeError,
             "expected 3 along axis 0"),
            ((_f(2, 3), _f(2, 3), count, _f(3, 5)), scan_params, ShapeError, "a step takes"),
        ],
        "while_loop": [
            ((_f(3), _f(2, 3), _f(2, 3), count, _f(4, dtype=INT64)), loop, ShapeError,
             "condition takes"),
            (several, {**loop, "cond": number}, DtypeError, "expected one bool"),
        ],
    }  # fmt: skip


_ERRORS = _wrong()
_TABLE: dict[str, tuple[Any, Any]] = {
    "call": (_call, _body_reference),
    "checkpoint": (_checkpoint, _body_reference),
    "custom_call": (_custom, _custom_reference),
    "cond": (_cond, _cond_reference),
    "scan": (_scan, _scan_reference),
    "while_loop": (_while, _while_reference),
    "linear_solve": (_system, _system_reference),
    "pure_callback": (_callback, _callback_reference),
    "debug_callback": (_for_effect, lambda x, callback: ()),
}
HIGHER_ORDER: dict[str, dict[str, Any]] = {
    name: {
        "samples": samples,
        "reference": reference,
        "errors": _ERRORS[name],
        "dtypes": (FLOAT32, FLOAT64),
    }
    for name, (samples, reference) in _TABLE.items()
}
