"""Samples, a reference and error cases for conv."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import is_bool, is_complex, is_float
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.testing.samples_shape import Sample, draw

__all__ = ["ERRORS", "REFERENCES", "SAMPLES"]


def _params(
    strides: Any = (1,), padding: Any = ((0, 0),), x_dilation: Any = (1,), w_dilation: Any = (1,)
) -> dict[str, Any]:
    return {
        "strides": strides, "padding": padding, "x_dilation": x_dilation, "w_dilation": w_dilation,
    }  # fmt: skip


_POINT = _params((), (), (), ())
_PLAIN_2D = _params((1, 1), ((0, 0), (0, 0)), (1, 1), (1, 1))

# shapes of x and w, params; first those whose params no permutation or shift leaves alone
_CONVS: list[tuple[Any, Any, dict[str, Any]]] = [
    ((2, 2, 3, 5, 4), (2, 1, 3, 2, 3), _params((2, 1), ((1, 0), (2, -1)), (1, 2), (3, 1))),
    ((1, 2, 2, 6), (1, 3, 2, 3), _params()),
    ((1, 2, 1, 6), (1, 2, 1, 3), _params((2,), ((1, 2),))),
    ((1, 1, 2, 4), (1, 2, 2, 2), _params((1,), ((1, 1),), (3,))),  # products spread out
    ((1, 2, 2, 5), (1, 2, 2, 3), _params((2,), ((3, 2),), (3,), (2,))),
    ((2, 1, 1, 4), (2, 2, 1, 3), _params((3,), ((4, -1),), (2,), (2,))),
    ((1, 2, 3, 4), (1, 2, 3, 4), _params((1,), ((1, 1),))),  # more kernel than result
    ((2, 2, 2, 3), (2, 2, 2, 3), _params()),  # one element of the result
    ((2, 2, 3, 2, 3), (2, 2, 3, 1, 1), _PLAIN_2D),  # a product of matrices
    ((1, 2, 2, 5), (1, 3, 2, 1), _params((2,), ((-1, 2),))),
    ((3, 2, 1, 4, 3), (3, 1, 1, 2, 2), _params((1, 1), ((1, 0), (0, 1)), (1, 1), (1, 1))),
    ((2, 3, 2), (2, 4, 2), _POINT),  # no spatial dimension
    ((1, 1, 2, 3, 2, 3), (1, 2, 2, 2, 1, 2), _params(
        (1, 1, 2), ((0, 1), (1, 0), (0, 0)), (1, 1, 1), (1, 2, 1))),
    ((1, 1, 1, 1), (1, 1, 1, 1), _params()),
    ((1, 1, 2, 6), (1, 1, 2, 2), _params((1,), ((-2, -3),), (1,))),
    ((1, 1, 1, 2), (1, 1, 1, 2), _params((4,), ((5, 4),), (4,))),  # positions that meet nothing
    ((1, 0, 2, 3), (1, 2, 2, 2), _params()),
    ((1, 2, 0, 3), (1, 2, 0, 2), _params()),
    ((1, 1, 2, 3), (1, 0, 2, 2), _params()),
    ((0, 1, 2, 3), (0, 2, 2, 2), _params()),
    ((1, 1, 2, 0), (1, 2, 2, 2), _params((1,), ((1, 2),))),  # only padding
    ((1, 1, 1, 2), (1, 1, 1, 3), _params()),  # an empty result
]  # fmt: skip


def _conv(dtype: Any, rng: Any) -> list[Sample]:
    if is_bool(dtype):
        return []
    return [((draw(dtype, rng, x), draw(dtype, rng, w)), params) for x, w, params in _CONVS]


SAMPLES = {"conv": _conv}


# --------------------------------------------------------------------------------------- reference
def _conv_reference(
    x: np.ndarray, w: np.ndarray, *, strides: Any, padding: Any, x_dilation: Any, w_dilation: Any
) -> np.ndarray:
    """The definition: one sum over channels and kernel per element of the result."""
    dtype = x.dtype
    if is_float(dtype) or is_complex(dtype):
        wide: Any = np.clongdouble if is_complex(dtype) else np.longdouble
    else:
        wide = dtype
    holed = [(n - 1) * d + 1 if n else 0 for n, d in zip(x.shape[3:], x_dilation, strict=True)]
    field: Any = np.zeros((*x.shape[:3], *holed), wide)
    field[(..., *(slice(None, None, d) for d in x_dilation))] = x
    for axis, (low, high) in enumerate(padding, 3):
        for amount, front in ((low, True), (high, False)):
            if amount < 0:
                kept = slice(-amount, None) if front else slice(0, field.shape[axis] + amount)
                field = field[(slice(None),) * axis + (kept,)]
            else:
                width = [(0, 0)] * field.ndim
                width[axis] = (amount, 0) if front else (0, amount)
                field = np.pad(field, width)
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[3:], w_dilation, strict=True)]
    outs = [
        max(0, (n - r) // s + 1) for n, r, s in zip(field.shape[3:], reach, strides, strict=True)
    ]
    out: Any = np.zeros((x.shape[0], x.shape[1], w.shape[1], *outs), wide)
    kernel: Any = w.astype(wide)[:, None]
    over = tuple(range(3, kernel.ndim))
    for at in np.ndindex(*outs):
        window: Any = tuple(
            slice(j * s, j * s + r, d)
            for j, s, r, d in zip(at, strides, reach, w_dilation, strict=True)
        )
        seen = field[(slice(None), slice(None), None, slice(None), *window)]
        out[(..., *at)] = np.sum(seen * kernel, axis=over, dtype=wide)
    found: np.ndarray = out.astype(dtype)
    return found


REFERENCES = {"conv": _conv_reference}


# ------------------------------------------------------------------------------------------- errors
def _f(*shape: int, dtype: str = "float32") -> Aval:
    return Aval(shape, dtype)


ERRORS: dict[str, list[tuple[Any, ...]]] = {
    "conv": [
        ((_f(1, 2, 3, 5), _f(1, 4, 2, 3)), _params(), ShapeError, "the channels differ: axis 2"),
        ((_f(2, 2, 3, 5), _f(1, 4, 3, 3)), _params(), ShapeError, "the groups differ: axis 0"),
        ((_f(2, 3, 5), _f(4, 3, 3, 1)), _params(), ShapeError, "as many dimensions"),
        ((_f(2, 3), _f(4, 3)), _POINT, ShapeError, "(groups, batch, channels, *spatial)"),
        ((_f(1, 2, 3, 5), _f(1, 4, 3, 0)), _params(), ShapeError, "is empty along"),
        ((_f(1, 2, 3, 5), _f(1, 4, 3, 2)), _params((1, 1)), ShapeError, "strides must have one"),
        ((_f(1, 2, 3, 5), _f(1, 4, 3, 2)), _params((0,)), ShapeError, "strides must be positive"),
        (
            (_f(1, 2, 3, 5), _f(1, 4, 3, 2)),
            _params(padding=()),
            ShapeError,
            "padding must have one",
        ),
        (
            (_f(1, 2, 3, 5), _f(1, 4, 3, 2)),
            _params(x_dilation=(-1,)),
            ShapeError,
            "x_dilation must be positive",
        ),
        (
            (_f(1, 2, 3, 5), _f(1, 4, 3, 2)),
            _params(w_dilation=(1, 2)),
            ShapeError,
            "w_dilation must have one",
        ),
        ((_f(1, 2, 3, 5), _f(1, 4, 3, 2)), _params((1,), ((-4, -2),)), ShapeError, "crops more"),
        (
            (_f(1, 2, 3, 5), _f(1, 4, 3, 2, dtype="float64")),
            _params(),
            DtypeError,
            "w is float64",
        ),
        (
            (_f(1, 2, 3, 5, dtype="bool"), _f(1, 4, 3, 2, dtype="bool")),
            _params(),
            DtypeError,
            "bool",
        ),
    ],
}
