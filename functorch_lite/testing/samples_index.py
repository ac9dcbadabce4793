"""Samples, references and error cases for gather and the scatters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import is_complex
from functorch_lite.errors import AxisError, DtypeError, IndexRangeError, ShapeError
from functorch_lite.testing.samples_shape import Sample, draw

__all__ = ["ERRORS", "REFERENCES", "SAMPLES"]

# shape of x, axes, shape of each index array
_CASES: list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = [
    ((5,), (0,), (4,)),
    ((5,), (0,), ()),
    ((4, 3), (0,), (2, 3)),
    ((4, 3), (1,), (5,)),
    ((4, 3), (0, 1), (6,)),
    ((2, 4, 3), (0, 2), (3,)),
    ((2, 4, 3), (1,), ()),
    ((2, 3, 2), (0, 1, 2), (2, 2)),
    ((1, 3), (0,), (3,)),
    ((3, 0), (0,), (2,)),
    ((3, 2), (1,), (0,)),
    ((4, 3), (1, 0), (3,)),
]


def _indices(
    rng: Any, shape: tuple[int, ...], axes: tuple[int, ...], at: tuple[int, ...], spill: int
) -> tuple[np.ndarray, ...]:
    """In range, and up to ``spill`` outside on either side."""
    return tuple(
        rng.integers(-spill, shape[axis] + spill, at).astype(np.int64)
        if shape[axis] + 2 * spill > 0
        else np.zeros(at, np.int64)
        for axis in axes
    )


def _gather(dtype: Any, rng: Any) -> list[Sample]:
    out: list[Sample] = []
    for mode, spill in (("clip", 0), ("clip", 2), ("drop", 2), ("drop", 0)):
        for shape, axes, at in _CASES:
            indices = _indices(rng, shape, axes, at, spill)
            out.append(((draw(dtype, rng, shape), *indices), {"axes": axes, "mode": mode}))
    index = np.array([0, 1, -1], np.int64)
    out.append(((draw(dtype, rng, (0, 2)), index), {"axes": (0,), "mode": "drop"}))
    return out


def _block(shape: tuple[int, ...], axes: tuple[int, ...], at: tuple[int, ...]) -> tuple[int, ...]:
    return at + tuple(n for i, n in enumerate(shape) if i not in axes)


def _scatter(dtype: Any, rng: Any) -> list[Sample]:
    out: list[Sample] = []
    for mode, spill in (("clip", 0), ("clip", 2), ("drop", 2)):
        for shape, axes, at in _CASES:
            indices = _indices(rng, shape, axes, at, spill)
            update = draw(dtype, rng, _block(shape, axes, at))
            x = draw(dtype, rng, shape)
            out.append(((x, update, *indices), {"axes": axes, "mode": mode}))
    same = np.array([1, 1, 0, 1], np.int64)  # all but one write lose
    x, update = draw(dtype, rng, (3,)), draw(dtype, rng, (4,))
    out.append(((x, update, same), {"axes": (0,), "mode": "clip"}))
    return out


def _scatter_mul(dtype: Any, rng: Any) -> list[Sample]:
    out = _scatter(dtype, rng)
    x, update = draw(dtype, rng, (2,)), draw(dtype, rng, (6,))
    update[[0, 2, 3]] = 0  # one target meets two zeros, one meets one
    index = np.array([0, 0, 0, 1, 1, 7], np.int64)
    out.append(((x, update, index), {"axes": (0,), "mode": "drop"}))
    out.append(((x, update, index), {"axes": (0,), "mode": "clip"}))
    return out


def _scatter_extremum(dtype: Any, rng: Any) -> list[Sample]:
    return [] if is_complex(dtype) else _scatter(dtype, rng)


SAMPLES = {
    "gather": _gather,
    "scatter": _scatter,
    "scatter_add": _scatter,
    "scatter_mul": _scatter_mul,
    "scatter_min": _scatter_extremum,
    "scatter_max": _scatter_extremum,
}


# --------------------------------------------------------------------------------------- references
def _position(
    shape: tuple[int, ...], axes: tuple[int, ...], at: list[int], mode: str
) -> tuple[Any, ...] | None:
    where: list[Any] = [slice(None)] * len(shape)
    for axis, i in zip(axes, at, strict=True):
        if not 0 <= i < shape[axis]:
            if mode == "drop":
                return None
            i = 0 if i < 0 else shape[axis] - 1
        where[axis] = i
    return tuple(where)


def _gather_reference(x: np.ndarray, *indices: np.ndarray, axes: Any, mode: str) -> np.ndarray:
    out = np.zeros(_block(x.shape, axes, indices[0].shape), x.dtype)
    for k in np.ndindex(indices[0].shape):
        where = _position(x.shape, axes, [int(i[k]) for i in indices], mode)
        if where is not None:
            out[k] = x[where]
    return out


def _scatter_reference(combine: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def reference(
        x: np.ndarray, update: np.ndarray, *indices: np.ndarray, axes: Any, mode: str
    ) -> np.ndarray:
        half = x.dtype.itemsize == 2 and x.dtype.kind in "fV"  # rounded once, at the end
        out = x.astype(np.float32) if half else x.copy()
        for k in np.ndindex(indices[0].shape):
            where = _position(x.shape, axes, [int(i[k]) for i in indices], mode)
            if where is not None:
                out[where] = combine(out[where], update[k].astype(out.dtype))
        return out.astype(x.dtype)

    return reference


REFERENCES = {
    "gather": _gather_reference,
    "scatter": _scatter_reference(lambda old, new: new),
    "scatter_add": _scatter_reference(lambda old, new: old + new),
    "scatter_mul": _scatter_reference(lambda old, new: old * new),
    "scatter_min": _scatter_reference(np.minimum),
    "scatter_max": _scatter_reference(np.maximum),
}


# ------------------------------------------------------------------------------------------- errors
_X, _I = Aval((4, 3), "float32"), Aval((2,), "int64")
_ROW = {"axes": (0,), "mode": "clip"}


def _scatter_errors(name: str) -> list[tuple[Any, ...]]:
    good = Aval((2, 3), "float32")
    return [
        ((_X, Aval((2, 4), "float32"), _I), _ROW, ShapeError, "block of shape (2, 3)"),
        ((_X, Aval((2, 3), "float64"), _I), _ROW, DtypeError, "float64"),
        ((_X, good, Aval((2,), "float32")), _ROW, DtypeError, f"{name}: index array 0"),
        ((_X, good, _I), {"axes": (2,), "mode": "clip"}, AxisError, "(2,)"),
        ((_X, good, _I), {"axes": (0,), "mode": "wrap"}, ValueError, "'wrap'"),
        ((Aval((0, 3), "float32"), good, _I), _ROW, IndexRangeError, f"{name}: axis 0 of shape"),
    ]


ERRORS: dict[str, list[tuple[Any, ...]]] = {
    "gather": [
        ((_X, Aval((2,), "float32")), _ROW, DtypeError, "integers"),
        ((_X, _I), {"axes": (2,), "mode": "clip"}, AxisError, "(2,)"),
        ((_X, _I), {"axes": (), "mode": "clip"}, ShapeError, "one index array per axis"),
        ((_X, _I, _I), {"axes": (0, 0), "mode": "clip"}, AxisError, "(0, 0)"),
        (
            (_X, _I, Aval((3,), "int64")),
            {"axes": (0, 1), "mode": "clip"},
            ShapeError,
            "array 1 has (3,)",
        ),
        ((Aval((0,), "float32"), _I), _ROW, IndexRangeError, "empty"),
        ((_X, _I), {"axes": (0,), "mode": "wrap"}, ValueError, "'wrap'"),
    ],
    "scatter": _scatter_errors("scatter"),
    "scatter_add": _scatter_errors("scatter_add"),
    "scatter_mul": _scatter_errors("scatter_mul"),
    "scatter_min": _scatter_errors("scatter_min"),
    "scatter_max": [
        *_scatter_errors("scatter_max"),
        (
            (Aval((3,), "complex64"), Aval((2,), "complex64"), _I),
            _ROW,
            DtypeError,
            "no order",
        ),
    ],
}
