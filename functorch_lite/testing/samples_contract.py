"""Samples, references and error cases for dot_general and sort."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import is_bool, is_float
from functorch_lite.errors import AxisError, DtypeError, ShapeError
from functorch_lite.testing.samples_shape import Sample, draw

__all__ = ["ERRORS", "REFERENCES", "SAMPLES"]

# shapes, contracting dimensions, batch dimensions
_DOTS: list[tuple[Any, ...]] = [
    ((2, 3), (3, 4), ((1,), (0,)), ((), ())),
    ((2, 3), (4, 3), ((1,), (1,)), ((), ())),
    ((3, 2), (3, 4), ((0,), (0,)), ((), ())),
    ((3, 2), (4, 3), ((0,), (1,)), ((), ())),
    ((3,), (3,), ((0,), (0,)), ((), ())),
    ((2, 3), (3,), ((1,), (0,)), ((), ())),
    ((3,), (2, 3), ((0,), (1,)), ((), ())),
    ((2, 4, 3), (3, 5), ((2,), (0,)), ((), ())),
    ((2, 4, 3), (2, 4, 5), ((0, 1), (0, 1)), ((), ())),
    ((2, 4, 3), (4, 5, 2), ((1, 0), (0, 2)), ((), ())),
    ((2, 3, 4), (2, 4, 5), ((2,), (1,)), ((0,), (0,))),
    ((2, 3, 4), (4, 3, 5), ((2,), (0,)), ((1,), (1,))),
    ((2, 3, 2, 4), (3, 4, 2, 5), ((3,), (1,)), ((0, 1), (2, 0))),
    ((2, 3), (2, 3), ((), ()), ((0, 1), (0, 1))),
    ((2, 3), (3, 2), ((1,), (0,)), ((0,), (1,))),
    ((2,), (3,), ((), ()), ((), ())),
    ((), (), ((), ()), ((), ())),
    ((), (2, 3), ((), ()), ((), ())),
    ((2, 3, 2), (3, 2, 2), ((1, 2), (0, 2)), ((0,), (1,))),
    ((2, 0), (0, 3), ((1,), (0,)), ((), ())),
    ((0, 2), (2, 3), ((1,), (0,)), ((), ())),
    ((0, 2, 3), (0, 3, 1), ((2,), (1,)), ((0,), (0,))),
    ((1, 1), (1, 1), ((1,), (0,)), ((), ())),
    ((2, 3, 4), (3,), ((1,), (0,)), ((), ())),
]


def _dot_general(dtype: Any, rng: Any) -> list[Sample]:
    if is_bool(dtype):
        return []
    return [
        ((draw(dtype, rng, x), draw(dtype, rng, y)), {"contract": contract, "batch": batch})
        for x, y, contract, batch in _DOTS
    ]


def _sort(dtype: Any, rng: Any) -> list[Sample]:
    def one(shape: tuple[int, ...], axis: int) -> Sample:
        return (draw(dtype, rng, shape),), {"axis": axis, "num_keys": 1}

    out = [
        one((5,), 0),
        one((1,), 0),
        one((0,), 0),
        one((3, 4), 0),
        one((3, 4), 1),
        one((2, 4, 3), 1),
        one((2, 0), 0),
    ]
    keys = rng.integers(0, 3, (6,)).astype(np.int64)
    ids = np.arange(6, dtype=np.int64)
    out += [
        ((draw(dtype, rng, (6,)), ids), {"axis": 0, "num_keys": 1}),
        ((keys, draw(dtype, rng, (6,))), {"axis": 0, "num_keys": 1}),
        ((keys, draw(dtype, rng, (6,)), ids), {"axis": 0, "num_keys": 2}),
        (
            (draw(dtype, rng, (2, 3)), draw(dtype, rng, (2, 3)), draw(dtype, rng, (2, 3))),
            {"axis": 1, "num_keys": 2},
        ),
    ]
    return out


SAMPLES = {"dot_general": _dot_general, "sort": _sort}


# --------------------------------------------------------------------------------------- references
def _dot_reference(x: np.ndarray, y: np.ndarray, *, contract: Any, batch: Any) -> np.ndarray:
    """Multiply everything with everything, then sum; no product of matrices."""
    dtype = x.dtype
    if dtype.itemsize == 2 and is_float(dtype):
        x, y = x.astype(np.float32), y.astype(np.float32)
    (cx, cy), (bx, by) = contract, batch
    fx = [i for i in range(x.ndim) if i not in (*cx, *bx)]
    fy = [i for i in range(y.ndim) if i not in (*cy, *by)]
    x, y = np.transpose(x, (*bx, *fx, *cx)), np.transpose(y, (*by, *fy, *cy))
    at_x = len(bx) + len(fx)
    x = x.reshape((*x.shape[:at_x], *(1,) * len(fy), *x.shape[at_x:]))
    y = y.reshape((*y.shape[: len(bx)], *(1,) * len(fx), *y.shape[len(bx) :]))
    product = np.asarray(x * y)
    axes = tuple(range(product.ndim - len(cx), product.ndim))
    return np.sum(product, axis=axes, dtype=product.dtype).astype(dtype)


def _rank(value: Any) -> tuple[Any, ...]:
    """A key for Python's own sort: NaN last, complex numbers by real part first."""
    if isinstance(value, complex):
        return (*_rank(value.real), *_rank(value.imag))
    return (value != value, 0 if value != value else value)


def _sort_reference(*xs: np.ndarray, axis: int, num_keys: int) -> tuple[np.ndarray, ...]:
    outs = [x.copy() for x in xs]
    others = tuple(n for i, n in enumerate(xs[0].shape) if i != axis)
    for at in np.ndindex(others):
        where = (*at[:axis], slice(None), *at[axis:])
        lines = [x[where] for x in xs]
        values = [
            (line.astype(np.float64) if is_float(line.dtype) else line).tolist()
            for line in lines[:num_keys]
        ]
        keys = [[_rank(v) for v in column] for column in zip(*values, strict=True)]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        for out, line in zip(outs, lines, strict=True):
            out[where] = line[order]
    return tuple(outs)


REFERENCES = {"dot_general": _dot_reference, "sort": _sort_reference}


# ------------------------------------------------------------------------------------------- errors
def _f(*shape: int, dtype: str = "float32") -> Aval:
    return Aval(shape, dtype)


_MM = {"contract": ((1,), (0,)), "batch": ((), ())}

ERRORS: dict[str, list[tuple[Any, ...]]] = {
    "dot_general": [
        ((_f(2, 3), _f(4, 5)), _MM, ShapeError, "axis 1 of x with shape (2, 3) has size 3"),
        ((_f(2, 3), _f(3, 5, dtype="float64")), _MM, DtypeError, "y is float64"),
        ((_f(2, 3, dtype="bool"), _f(3, 5, dtype="bool")), _MM, DtypeError, "bool"),
        ((_f(2), _f(3)), _MM, AxisError, "shape (2,)"),
        (
            (_f(2, 3), _f(3, 2)),
            {"contract": ((1,), (0,)), "batch": ((1,), (1,))},
            AxisError,
            "named once",
        ),
        (
            (_f(2, 3), _f(3, 2)),
            {"contract": ((1,), (0,)), "batch": ((0,), ())},
            ShapeError,
            "1 batch dimensions",
        ),
        (
            (_f(2, 3, 4), _f(5, 4, 3)),
            {"contract": ((2,), (1,)), "batch": ((0,), (0,))},
            ShapeError,
            "the batch dimensions differ",
        ),
    ],
    "sort": [
        ((_f(3),), {"axis": 1, "num_keys": 1}, AxisError, "axis 1"),
        ((_f(),), {"axis": 0, "num_keys": 1}, AxisError, "scalar"),
        ((_f(3), _f(4)), {"axis": 0, "num_keys": 1}, ShapeError, "argument 1 has (4,)"),
        ((_f(3),), {"axis": 0, "num_keys": 2}, ShapeError, "num_keys"),
    ],
}
