"""Calls of the ops that are not elementwise, with one length that sweeps through the lanes.

``calls(dtype, n, rng, special)`` yields name, function, operands: reductions, scans, sorts,
gathers,
scatters, blocks at run-time places, movement, products and windows along every axis.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from functorch_lite import ops

REDUCED = [
    ("n", (0,)), ("n5", (0,)), ("n5", (1,)), ("5n", (0,)), ("5n", (1,)), ("5n", (0, 1)),
    ("2n3", (1,)), ("2n3", (0, 2)), ("23n", (0,)), ("23n", (1, 2)), ("n11n", (0, 3)),
]  # fmt: skip
SUMS = {"reduce_sum", "cumsum", "dot_general", "window_sum", "scatter_add"}
PRODUCTS = {"reduce_prod", "cumprod", "scatter_mul"}


def data(dtype, shape, rng, special=False):
    """Random values: integers over the whole range, floats with NaN and infinities if asked."""
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    x = np.array(rng.normal(size=shape))
    if special and x.size:
        flat = x.reshape(-1)
        for value in (np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-40):
            flat[rng.integers(0, x.size, max(1, x.size // 25))] = value
    return x.astype(dtype)


def calls(dtype, n, rng, special=False):
    """Everything, for one dtype and length."""

    def made(*shape):
        return data(dtype, shape, rng, special)

    for part in (reductions, indexed, movement, products, windows):
        for name, params, *operands in part(dtype.kind, n, made, rng):
            op = getattr(ops, name)
            call = partial(op, **params)
            yield name, (lambda *xs, call=call: call(*xs)[0]) if op.multi else call, operands


def reductions(kind, n, made, rng):
    folds = ["reduce_max", "reduce_min"]
    folds += ["reduce_and", "reduce_or"] if kind == "b" else ["reduce_sum", "reduce_prod"]
    for text, axes in REDUCED:
        shape = tuple(n if c == "n" else int(c) for c in text)
        if np.prod(shape) > 20_000:
            continue
        x = made(*shape)
        for name in folds:
            yield name, {"axes": axes}, x
        if len(axes) == 1:
            (axis,) = axes
            yield "argmax", {"axis": axis}, x
            yield "argmin", {"axis": axis}, x
            yield "sort", {"axis": axis, "num_keys": 1}, x
            for name in ("cumsum", "cumprod", "cummax", "cummin") if kind != "b" else ():
                for reverse in (False, True):
                    yield name, {"axis": axis, "reverse": reverse}, x


def indexed(kind, n, made, rng):
    i, few = rng.integers(-2, n + 2, (n,)), rng.integers(-1, 5, (n,))
    once = rng.permutation(n + 2)[:n] - 1
    small = rng.integers(-1, min(n, 100), (6,)).astype(np.int8)
    unsigned = rng.integers(0, n, (2, 2)).astype(np.uint32)
    for mode in ("clip", "drop"):
        yield "gather", {"axes": (1,), "mode": mode}, made(4, n), i
        yield "gather", {"axes": (0, 1), "mode": mode}, made(5, n), few, i
        yield "gather", {"axes": (0,), "mode": mode}, made(n, 3), unsigned
        yield "gather", {"axes": (0,), "mode": mode}, made(n, 3), small
        for name in ("scatter", "scatter_add", "scatter_mul", "scatter_min", "scatter_max"):
            if kind == "b" and name in ("scatter_add", "scatter_mul"):
                continue
            at = once if name == "scatter" else i
            if name == "scatter" and mode == "clip":  # which of two at one place wins is open
                at = np.clip(once, 0, n - 1)[:1]
            m = len(at)
            yield name, {"axes": (1,), "mode": mode}, made(4, n), made(m, 4), at
            yield name, {"axes": (0,), "mode": mode}, made(n, 3), made(m, 3), at
            yield name, {"axes": (0,), "mode": mode}, made(n), made(m), at
    for start in (-3, 0, n // 2, n + 4):
        at = np.array(start), np.array(start // 2)
        sizes = 2, max(1, n // 2)
        yield "dynamic_slice", {"sizes": sizes}, made(4, n), *at
        yield "dynamic_update_slice", {}, made(4, n), made(*sizes), *at


def movement(kind, n, made, rng):
    fill = made()
    yield "pad", {"config": ((1, 0, 1), (2, 3, 0))}, made(3, n), fill
    yield "pad", {"config": ((0, 0, 0), (-1, 2, 2))}, made(3, n), fill
    if n > 1:
        yield "pad", {"config": ((-1, -1, 2), (2, -1, 1))}, made(n, 3), fill
    yield "concatenate", {"axis": 1}, made(3, n), made(3, 2), made(3, 0), made(3, n)
    yield "concatenate", {"axis": 0}, *[made(k, n) for k in (2, 1, 4, 1, 1, 2)]
    yield "concatenate", {"axis": 1}, *[made(2, k, 1) for k in (n, 3, 1, n, 2, 2)]
    yield "transpose", {"perm": (2, 0, 1)}, made(3, n, 2)
    yield "transpose", {"perm": (1, 0)}, made(n, 5)
    yield "flip", {"axes": (1,)}, made(3, n)
    yield "slice", {"start": (1, 0), "stop": (4, n), "step": (2, 3)}, made(4, n)
    yield "broadcast_to", {"shape": (3, n, 4)}, made(n, 1)
    yield "broadcast_to", {"shape": (5, n)}, made(1, n)
    yield "reshape", {"shape": (n, 6)}, made(2, n, 3)


def products(kind, n, made, rng):
    if kind == "b":
        return
    free = ((), ())
    yield "dot_general", {"contract": ((1,), (0,)), "batch": free}, made(5, n), made(n, 3)
    yield "dot_general", {"contract": ((0,), (0,)), "batch": free}, made(n, 5), made(n)
    yield "dot_general", {"contract": ((1,), (1,)), "batch": free}, made(33, n), made(65, n)
    yield "dot_general", {"contract": free, "batch": ((0,), (1,))}, made(n, 5, 2), made(4, n, 2)
    yield (
        "dot_general",
        {"contract": ((2,), (1,)), "batch": ((0,), (0,))},
        made(3, 4, n),
        made(3, n, 6),
    )


def windows(kind, n, made, rng):
    k = min(3, n)
    plain = {
        "window": (2, k), "strides": (1, 2), "padding": ((1, 0), (1, 1)),
        "base_dilation": (1, 1), "window_dilation": (1, 1),
    }  # fmt: skip
    dilated = {
        "window": (3, 1), "strides": (2, 1), "padding": ((2, 1), (0, 0)),
        "base_dilation": (2, 1), "window_dilation": (2, 2),
    }  # fmt: skip
    batched = {**plain, "window": (1, k), "strides": (1, 1), "padding": ((0, 0), (2, 2)),
               "base_dilation": (1, 2)}  # fmt: skip
    for name in ("window_max", "window_min", *(("window_sum",) if kind != "b" else ())):
        yield name, plain, made(4, n)
        yield name, dilated, made(n, 3)
    for name in ("window_argmax", "window_argmin"):
        yield name, {"batch_dims": 0, **plain}, made(4, n)
        yield name, {"batch_dims": 1, **batched}, made(4, n)
