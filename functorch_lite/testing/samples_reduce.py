"""Operands, references and wrong calls for reductions, cumulative ops, creation and the barrier."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import DTYPES, bool_, complex64, float32, int64, is_inexact
from functorch_lite.errors import AxisError, DtypeError, ShapeError
from functorch_lite.testing.oracles import rows, scans
from functorch_lite.testing.samples_elementwise import draw

_NO_IDENTITY = {"reduce_max", "reduce_min"}
_REDUCTIONS = (
    "reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or",
)  # fmt: skip
_POSITIONS = ("argmax", "argmin")
_SCANS = ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp")
Sample = tuple[tuple[np.ndarray, ...], dict[str, Any]]


# ----------------------------------------------------------------------------------------- operands
def _reductions(name: str) -> Callable[..., list[Sample]]:
    cases: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((3, 4), (0,)), ((3, 4), (1,)), ((3, 4), (0, 1)), ((3, 4), ()), ((2, 3, 2), (0, 2)),
        ((2, 3, 2), (1,)), ((7,), (0,)), ((), ()), ((1, 5), (0,)), ((0, 3), (1,)),
    ]  # fmt: skip
    if name not in _NO_IDENTITY:
        cases += [((0, 3), (0,)), ((2, 0), (0, 1))]

    def samples(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
        found: list[Sample] = [
            ((draw(rng, shape, dtype, (-2, 2)),), {"axes": axes}) for shape, axes in cases
        ]
        if name == "reduce_prod" and dtype.kind != "b":
            x = draw(rng, (3, 4), dtype, (-2, 2))
            x[0, 1] = x[1, 1] = x[2, 3] = 0  # one row with one zero, a column with two
            found += [((x,), {"axes": (1,)}), ((x,), {"axes": (0,)})]
        return found

    return samples


def _positions(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    cases = [((3, 4), 0), ((3, 4), 1), ((2, 3, 4), 1), ((6,), 0), ((1, 5), 0), ((0, 3), 1)]
    found: list[Sample] = [((draw(rng, shape, dtype),), {"axis": axis}) for shape, axis in cases]
    if is_inexact(dtype):
        x = draw(rng, (3, 4), dtype)
        x[0, 1] = x[0, 3] = np.nan
        found.append(((x,), {"axis": 1}))
    return found


def _scans(name: str) -> Callable[..., list[Sample]]:
    cases = [((3, 4), 0), ((3, 4), 1), ((2, 3, 2), 1), ((6,), 0), ((1,), 0), ((3, 0), 0), ((0,), 0)]

    def samples(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
        found: list[Sample] = []
        for shape, axis in cases:
            for reverse in (False, True):
                x = draw(rng, shape, dtype, (-2, 2))
                if name == "cumprod" and shape == (3, 4):
                    x[1, 1] = 0
                found.append(((x,), {"axis": axis, "reverse": reverse}))
        return found

    return samples


def _full(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    value: Any = {"b": True, "c": 1.5 - 0.5j}.get(dtype.kind, 2)
    found: list[Sample] = [
        ((), {"shape": shape, "dtype": dtype, "value": value}) for shape in ((2, 3), (), (0, 2))
    ]
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        found += [
            ((), {"shape": (2,), "dtype": dtype, "value": int(end)})
            for end in (limits.min, limits.max)
        ]
    return found


def _iota(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    return [
        ((), {"shape": shape, "dtype": dtype, "axis": axis})
        for shape, axis in (((2, 3), 0), ((2, 3), 1), ((5,), 0), ((0, 2), 1))
    ]


def _barrier(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    x, y, z = (draw(rng, shape, dtype) for shape in ((2, 3), (), (0,)))
    return [((x,), {}), ((x, y, z), {})]


SAMPLES: dict[str, Callable[..., list[Sample]]] = {
    **{name: _reductions(name) for name in _REDUCTIONS},
    **dict.fromkeys(_POSITIONS, _positions),
    **{name: _scans(name) for name in _SCANS},
    "full": _full,
    "iota": _iota,
    "optimization_barrier": _barrier,
}
DTYPES_OF = {"full": DTYPES, "iota": DTYPES, "optimization_barrier": DTYPES}


# --------------------------------------------------------------------------------------- references
def _is_nan(x: Any) -> bool:
    return bool(x != x)


def _best(line: list[Any], better: Callable[[Any, Any], bool]) -> int:
    """Position of the first best element; the first NaN beats everything."""
    best = 0
    for i, x in enumerate(line):
        if _is_nan(line[best]):
            break
        if _is_nan(x) or better(x, line[best]):
            best = i
    return best


def _greater(x: Any, y: Any) -> bool:
    return bool(x > y)


def _less(x: Any, y: Any) -> bool:
    return bool(x < y)


def _running(better: Callable[[Any, Any], bool]) -> Callable[[list[Any]], list[Any]]:
    return lambda line: [line[_best(line[: i + 1], better)] for i in range(len(line))]


def _running_logsumexp(line: list[Any]) -> list[Any]:
    return [np.log(np.sum(np.exp(np.array(line[: i + 1])))) for i in range(len(line))]


def _full_reference(*, shape: Any, dtype: Any, value: Any) -> np.ndarray:
    return np.array([value] * math.prod(shape)).reshape(shape).astype(dtype)


def _iota_reference(*, shape: Any, dtype: Any, axis: int) -> np.ndarray:
    return np.indices(shape)[axis].astype(dtype)


REFERENCES: dict[str, Callable[..., Any]] = {
    "reduce_sum": rows(sum),
    "reduce_prod": rows(math.prod),
    "reduce_max": rows(lambda line: line[_best(line, _greater)]),
    "reduce_min": rows(lambda line: line[_best(line, _less)]),
    "reduce_and": rows(all, bool_),
    "reduce_or": rows(any, bool_),
    "argmax": rows(lambda line: _best(line, _greater), int64),
    "argmin": rows(lambda line: _best(line, _less), int64),
    "cumsum": scans(lambda line: list(accumulate(line))),
    "cumprod": scans(lambda line: list(accumulate(line, lambda x, y: x * y))),
    "cummax": scans(_running(_greater)),
    "cummin": scans(_running(_less)),
    "cumlogsumexp": scans(_running_logsumexp),
    "full": _full_reference,
    "iota": _iota_reference,
    "optimization_barrier": lambda *xs: tuple(np.copy(x) for x in xs),
}


# ------------------------------------------------------------------------------------- wrong calls
def _illegal(name: str) -> Any:
    if name in ("reduce_and", "reduce_or"):
        return float32
    return complex64 if "max" in name or "min" in name else bool_


def _legal(name: str) -> Any:
    return bool_ if name in ("reduce_and", "reduce_or") else float32


def _wrong_calls(name: str) -> list[tuple[tuple[Aval, ...], dict[str, Any], type, str]]:
    good, bad = Aval((2, 3), _legal(name)), Aval((2, 3), _illegal(name))
    empty = Aval((2, 0), _legal(name))
    if name in _REDUCTIONS:
        found: list[Any] = [
            ((good,), {"axes": (2,)}, AxisError, f"{name}: axis 2 is out of range"),
            ((good,), {"axes": (1, 1)}, AxisError, f"{name}: an axis is named twice"),
            ((bad,), {"axes": (0,)}, DtypeError, f"{name}: takes"),
        ]
        if name in _NO_IDENTITY:
            found.append(((empty,), {"axes": (1,)}, ShapeError, "axis 1 of shape (2, 0) is empty"))
        return found
    if name in _POSITIONS:
        return [
            ((good,), {"axis": 2}, AxisError, f"{name}: axis 2 is out of range"),
            ((Aval((), float32),), {"axis": 0}, AxisError, "scalar, which has no axes"),
            ((bad,), {"axis": 0}, DtypeError, f"{name}: expected an ordered dtype"),
            ((empty,), {"axis": 1}, ShapeError, "axis 1 of shape (2, 0) is empty"),
        ]
    return [
        ((good,), {"axis": 2, "reverse": False}, AxisError, f"{name}: axis 2 is out of range"),
        ((bad,), {"axis": 0, "reverse": False}, DtypeError, f"{name}: takes"),
    ]


ERRORS: dict[str, list[Any]] = {
    name: _wrong_calls(name) for name in (*_REDUCTIONS, *_POSITIONS, *_SCANS)
}
ERRORS["full"] = [
    ((), {"shape": (-1,), "dtype": float32, "value": 0}, ShapeError, "got shape (-1,)"),
    ((), {"shape": (), "dtype": np.dtype("int8"), "value": 200}, DtypeError, "-128 and 127"),
]
ERRORS["iota"] = [
    ((), {"shape": (2, -1), "dtype": float32, "axis": 0}, ShapeError, "got shape (2, -1)"),
    ((), {"shape": (2,), "dtype": float32, "axis": 1}, AxisError, "iota: axis 1 is out of range"),
]
ERRORS["optimization_barrier"] = []  # it takes anything
