"""Samples, references and error cases for the shape ops and the dynamic slices."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import is_bool, is_complex, is_integer
from functorch_lite.errors import AxisError, DtypeError, ShapeError

__all__ = ["ERRORS", "REFERENCES", "SAMPLES", "draw"]

Sample = tuple[tuple[np.ndarray, ...], dict[str, Any]]


def draw(dtype: Any, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random values of any supported dtype; distinct almost surely where the dtype allows it."""
    if is_bool(dtype):
        return np.asarray(rng.integers(0, 2, shape), dtype)
    if is_integer(dtype):
        return np.asarray(rng.integers(0 if dtype.kind == "u" else -9, 10, shape), dtype)
    values = rng.normal(size=shape)
    if is_complex(dtype):
        return np.asarray(values + 1j * rng.normal(size=shape), dtype)
    return np.asarray(values, dtype)


# ------------------------------------------------------------------------------------------ samples
def _reshape(dtype: Any, rng: Any) -> list[Sample]:
    cases = [
        ((2, 3, 4), (4, 6)),
        ((6,), (2, 1, 3)),
        ((), (1, 1)),
        ((1, 1), ()),
        ((0, 3), (3, 0, 2)),
        ((2, 3), (2, 3)),
    ]
    return [((draw(dtype, rng, a),), {"shape": b}) for a, b in cases]


def _transpose(dtype: Any, rng: Any) -> list[Sample]:
    cases = [
        ((2, 3), (1, 0)),
        ((2, 3, 4), (2, 0, 1)),
        ((2, 1, 3, 2), (3, 1, 0, 2)),
        ((), ()),
        ((3,), (0,)),
        ((0, 2), (1, 0)),
    ]
    return [((draw(dtype, rng, a),), {"perm": p}) for a, p in cases]


def _broadcast_to(dtype: Any, rng: Any) -> list[Sample]:
    cases = [
        ((3,), (2, 3)),
        ((2, 1, 3), (2, 4, 3)),
        ((), (2, 2)),
        ((1, 1), (3, 2, 4)),
        ((2, 3), (2, 3)),
        ((1, 2), (0, 2)),
        ((), ()),
        ((2, 1), (5, 2, 0)),
        ((1, 0), (3, 0)),
    ]
    return [((draw(dtype, rng, a),), {"shape": b}) for a, b in cases]


def _concatenate(dtype: Any, rng: Any) -> list[Sample]:
    cases: list[tuple[list[tuple[int, ...]], int]] = [
        ([(2,), (3,)], 0),
        ([(2, 3), (2, 1), (2, 2)], 1),
        ([(1, 3), (2, 3)], 0),
        ([(2, 0, 2), (2, 3, 2)], 1),
        ([(0,), (0,)], 0),
        ([(2, 2)], 1),
        ([(2, 1, 3), (2, 2, 3), (2, 0, 3), (2, 1, 3)], 1),
    ]
    return [(tuple(draw(dtype, rng, s) for s in shapes), {"axis": axis}) for shapes, axis in cases]


def _pad(dtype: Any, rng: Any) -> list[Sample]:
    cases: list[tuple[tuple[int, ...], tuple[tuple[int, int, int], ...]]] = [
        ((3,), ((1, 2, 0),)),
        ((3,), ((0, 0, 2),)),
        ((4,), ((-1, 2, 1),)),
        ((5,), ((-2, -1, 0),)),
        ((3,), ((-5, 5, 0),)),
        ((3,), ((6, -7, 1),)),
        ((2, 3), ((0, 1, 0), (2, -1, 1))),
        ((1, 2), ((1, 0, 3), (0, 0, 0))),
        ((0,), ((2, 1, 4),)),
        ((0, 2), ((0, 0, 0), (1, 1, 0))),
        ((), ()),
        ((2, 2, 2), ((-1, 0, 0), (1, 1, 1), (0, -1, 2))),
        ((4,), ((-3, -3, 1),)),
    ]
    return [((draw(dtype, rng, s), draw(dtype, rng, ())), {"config": c}) for s, c in cases]


def _flip(dtype: Any, rng: Any) -> list[Sample]:
    cases = [
        ((3,), (0,)),
        ((2, 3), (1,)),
        ((2, 3, 2), (0, 2)),
        ((2, 3), ()),
        ((), ()),
        ((0, 2), (0, 1)),
        ((1, 3), (0,)),
    ]
    return [((draw(dtype, rng, s),), {"axes": axes}) for s, axes in cases]


def _slice(dtype: Any, rng: Any) -> list[Sample]:
    cases: list[tuple[Any, ...]] = [
        ((5,), (1,), (4,), (1,)),
        ((7,), (1,), (7,), (3,)),
        ((7,), (0,), (6,), (4,)),
        ((4, 5), (1, 0), (3, 5), (1, 2)),
        ((3,), (3,), (3,), (1,)),
        ((3,), (1,), (1,), (2,)),
        ((), (), (), ()),
        ((0, 2), (0, 1), (0, 2), (1, 1)),
        ((1, 3), (0, 0), (1, 3), (5, 7)),
        ((2, 3), (0, 0), (2, 3), (1, 1)),
    ]
    return [((draw(dtype, rng, s),), {"start": a, "stop": b, "step": c}) for s, a, b, c in cases]


def _starts(*values: int) -> tuple[np.ndarray, ...]:
    return tuple(np.array(v, np.int64) for v in values)


def _dynamic_slice(dtype: Any, rng: Any) -> list[Sample]:
    cases: list[tuple[Any, ...]] = [
        ((5,), (1,), (3,)),
        ((5,), (4,), (3,)),
        ((5,), (-2,), (2,)),
        ((4, 3), (1, 1), (2, 2)),
        ((4, 3), (9, 0), (1, 3)),
        ((2, 4, 3), (0, 3, 1), (2, 1, 2)),
        ((), (), ()),
        ((3, 2), (1, 0), (0, 2)),
        ((0,), (0,), (0,)),
        ((1, 3), (0, 2), (1, 1)),
    ]
    cases += [(s, _anywhere(rng, s), size) for s, size in (((5,), (2,)), ((4, 5, 3), (2, 1, 2)))]
    return [((draw(dtype, rng, s), *_starts(*at)), {"sizes": size}) for s, at, size in cases]


def _anywhere(rng: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Starts that differ from draw to draw, some of them outside."""
    return tuple(int(rng.integers(-1, n + 1)) for n in shape)


def _dynamic_update_slice(dtype: Any, rng: Any) -> list[Sample]:
    cases: list[tuple[Any, ...]] = [
        ((5,), (3,), (1,)),
        ((5,), (3,), (4,)),
        ((5,), (2,), (-2,)),
        ((4, 3), (2, 2), (1, 1)),
        ((4, 3), (1, 3), (9, 0)),
        ((2, 4, 3), (2, 1, 2), (0, 3, 1)),
        ((), (), ()),
        ((3, 2), (0, 2), (1, 0)),
        ((1, 3), (1, 1), (0, 2)),
        ((2, 3), (2, 3), (1, 1)),
    ]
    cases += [(s, u, _anywhere(rng, s)) for s, u in (((5,), (2,)), ((4, 5, 3), (2, 1, 2)))]
    return [((draw(dtype, rng, s), draw(dtype, rng, u), *_starts(*at)), {}) for s, u, at in cases]


def _checkpoint_name(dtype: Any, rng: Any) -> list[Sample]:
    return [((draw(dtype, rng, a),), {"name": "h"}) for a in ((2, 3), (), (0, 2), (1,))]


SAMPLES = {
    "checkpoint_name": _checkpoint_name,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    "concatenate": _concatenate,
    "pad": _pad,
    "flip": _flip,
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
}


# --------------------------------------------------------------------------------------- references
def _reshape_reference(x: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(shape, x.dtype)
    for to, at in zip(np.ndindex(shape), np.ndindex(x.shape), strict=True):
        out[to] = x[at]
    return out


def _broadcast_reference(x: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(shape, x.dtype)
    out[...] = x
    return out


def _concatenate_reference(*xs: np.ndarray, axis: int) -> np.ndarray:
    rest = xs[0].shape[:axis] + xs[0].shape[axis + 1 :]
    rows = [row for x in xs for row in np.moveaxis(x, axis, 0)]
    out = np.array(rows, xs[0].dtype).reshape((len(rows), *rest))
    return np.moveaxis(out, 0, axis)


def _pad_reference(x: np.ndarray, value: np.ndarray, *, config: Any) -> np.ndarray:
    """One element at a time, as the definition reads."""
    shape = [
        lo + hi + n + max(n - 1, 0) * inner
        for n, (lo, hi, inner) in zip(x.shape, config, strict=True)
    ]
    out = np.full(shape, value, x.dtype)
    for at in np.ndindex(x.shape):
        to = tuple(lo + i * (inner + 1) for i, (lo, _, inner) in zip(at, config, strict=True))
        if all(0 <= i < n for i, n in zip(to, shape, strict=True)):
            out[to] = x[at]
    return out


def _slice_reference(x: np.ndarray, *, start: Any, stop: Any, step: Any) -> np.ndarray:
    for axis, (a, b, c) in enumerate(zip(start, stop, step, strict=True)):
        x = np.take(x, np.arange(a, b, c), axis=axis)
    return x


def _offsets(x: np.ndarray, starts: Any, sizes: Any) -> list[int]:
    return [
        min(max(int(s), 0), n - size) for s, n, size in zip(starts, x.shape, sizes, strict=True)
    ]


def _dynamic_slice_reference(x: np.ndarray, *starts: np.ndarray, sizes: Any) -> np.ndarray:
    for axis, (begin, size) in enumerate(zip(_offsets(x, starts, sizes), sizes, strict=True)):
        x = np.take(x, begin + np.arange(size), axis=axis)
    return x


def _dynamic_update_reference(x: np.ndarray, update: np.ndarray, *starts: np.ndarray) -> np.ndarray:
    begin, out = _offsets(x, starts, update.shape), x.copy()
    for at in np.ndindex(update.shape):
        out[tuple(b + i for b, i in zip(begin, at, strict=True))] = update[at]
    return out


REFERENCES = {
    "checkpoint_name": lambda x, name: x.copy(),
    "reshape": _reshape_reference,
    "transpose": lambda x, *, perm: np.moveaxis(x, perm, range(x.ndim)),
    "broadcast_to": _broadcast_reference,
    "concatenate": _concatenate_reference,
    "pad": _pad_reference,
    "flip": lambda x, *, axes: np.flip(x, axes),
    "slice": _slice_reference,
    "dynamic_slice": _dynamic_slice_reference,
    "dynamic_update_slice": _dynamic_update_reference,
}


# ------------------------------------------------------------------------------------------- errors
def _f(*shape: int, dtype: str = "float32") -> Aval:
    return Aval(shape, dtype)


_I = Aval((), "int64")

ERRORS: dict[str, list[tuple[Any, ...]]] = {
    "checkpoint_name": [],
    "reshape": [((_f(2, 3),), {"shape": (4,)}, ShapeError, "(2, 3) (6 elements) to shape (4,)")],
    "transpose": [
        ((_f(2, 3),), {"perm": (0, 0)}, AxisError, "permutation"),
        ((_f(2, 3),), {"perm": (0,)}, AxisError, "permutation"),
    ],
    "broadcast_to": [
        ((_f(3),), {"shape": (3, 2)}, ShapeError, "(3,) to shape (3, 2)"),
        ((_f(2, 3),), {"shape": (3,)}, ShapeError, "(2, 3) to shape (3,)"),
    ],
    "concatenate": [
        ((_f(2, 3), _f(2, 4)), {"axis": 0}, ShapeError, "argument 1 has shape (2, 4)"),
        ((_f(2), _f(2, 1)), {"axis": 0}, ShapeError, "argument 1 has shape (2, 1)"),
        ((_f(2), _f(2)), {"axis": 1}, AxisError, "axis 1"),
        ((_f(2), _f(2, dtype="int64")), {"axis": 0}, DtypeError, "argument 1 is int64"),
        ((), {"axis": 0}, ShapeError, "at least one"),
    ],
    "pad": [
        ((_f(2), _f()), {"config": ()}, ShapeError, "triple"),
        ((_f(2), _f(1)), {"config": ((0, 0, 0),)}, ShapeError, "scalar"),
        ((_f(2), _f()), {"config": ((-2, -2, 0),)}, ShapeError, "(-2,)"),
        ((_f(2), _f(dtype="float64")), {"config": ((0, 0, 0),)}, DtypeError, "float64"),
    ],
    "flip": [
        ((_f(2),), {"axes": (1,)}, AxisError, "(1,)"),
        ((_f(2),), {"axes": (0, 0)}, AxisError, "(0, 0)"),
    ],
    "slice": [
        ((_f(4),), {"start": (0,), "stop": (5,), "step": (1,)}, ShapeError, "axis 0 of size 4"),
        ((_f(4),), {"start": (0,), "stop": (4,), "step": (0,)}, ShapeError, "0:4:0"),
        ((_f(4),), {"start": (), "stop": (), "step": ()}, ShapeError, "per axis"),
    ],
    "dynamic_slice": [
        ((_f(4), _I), {"sizes": (5,)}, ShapeError, "at most 4"),
        ((_f(4),), {"sizes": (2,)}, ShapeError, "1 starts"),
        ((_f(4), _f()), {"sizes": (2,)}, DtypeError, "integer"),
        ((_f(4), Aval((1,), "int64")), {"sizes": (2,)}, ShapeError, "scalar"),
    ],
    "dynamic_update_slice": [
        ((_f(4), _f(5), _I), {}, ShapeError, "at most 4"),
        ((_f(4), _f(), _I), {}, ShapeError, "as many axes"),
        ((_f(4), _f(2, dtype="float64"), _I), {}, DtypeError, "float64"),
    ],
}
