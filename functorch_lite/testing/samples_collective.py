"""Samples, references and error cases for the collectives.

An operand holds the values of all examples, side by side along axis 0: the named axis, over which
whoever runs a sample maps the op. The avals of the wrong calls are those of one example.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import int32
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.testing.samples_shape import Sample, draw

__all__ = ["DTYPES_OF", "ERRORS", "REFERENCES", "SAMPLES"]

NAME = "i"


def _axis(size: int, **params: Any) -> dict[str, Any]:
    return {"axis_name": NAME, "axis_size": size, **params}


# ------------------------------------------------------------------------------------------ samples
def _psum(dtype: Any, rng: Any) -> list[Sample]:
    cases: list[tuple[tuple[int, ...], Any]] = [
        ((4, 2, 3), ((0, 2), (3, 1))),
        ((5, 2), ((0, 3), (4, 1, 2))),
        ((3, 2, 3), None),
        ((3,), None),
        ((1, 4), None),
        ((2, 0), None),
        ((0, 2), None),
    ]
    return [((draw(dtype, rng, s),), _axis(s[0], groups=groups)) for s, groups in cases]


def _all_gather(dtype: Any, rng: Any) -> list[Sample]:
    cases: list[tuple[tuple[int, ...], Any]] = [
        ((4, 2), ((0, 2), (3, 1))),
        ((6, 1), ((5, 1, 0), (2, 3, 4))),
        ((3, 2), None),
        ((3,), None),
        ((1, 4), None),
        ((2, 0), None),
        ((0, 2), None),
    ]
    return [((draw(dtype, rng, s),), _axis(s[0], groups=groups)) for s, groups in cases]


def _all_to_all(dtype: Any, rng: Any) -> list[Sample]:
    cases: list[tuple[tuple[int, ...], Any]] = [
        ((4, 2), ((0, 2), (3, 1))),
        ((6, 3, 2), ((5, 1, 0), (2, 3, 4))),
        ((3, 3, 2), None),
        ((3, 3), None),
        ((1, 1, 4), None),
        ((2, 2, 0), None),
        ((0, 0), None),
    ]
    return [((draw(dtype, rng, s),), _axis(s[0], groups=groups)) for s, groups in cases]


def _ppermute(dtype: Any, rng: Any) -> list[Sample]:
    cases: list[tuple[tuple[int, ...], Any]] = [
        ((4, 2), ((0, 3), (3, 1), (1, 0), (2, 2))),
        ((3, 2, 3), ((0, 1), (1, 2))),
        ((3,), ((2, 0),)),
        ((3,), ()),
        ((1, 4), ((0, 0),)),
        ((2, 0), ((0, 1),)),
        ((0, 2), ()),
    ]
    return [((draw(dtype, rng, s),), _axis(s[0], perm=perm)) for s, perm in cases]


SAMPLES = {
    "psum": _psum,
    "all_gather": _all_gather,
    "all_to_all": _all_to_all,
    "ppermute": _ppermute,
    "axis_index": lambda dtype, rng: [((), _axis(n)) for n in (3, 1, 0)],
}
DTYPES_OF = {"axis_index": (int32,)}


# --------------------------------------------------------------------------------------- references
def _group_of(i: int, size: int, groups: Any) -> tuple[int, ...]:
    every = tuple(range(size))
    return every if groups is None else next(group for group in groups if i in group)


def _psum_reference(x: np.ndarray, *, axis_name: Any, axis_size: int, groups: Any) -> np.ndarray:
    out = np.empty_like(x)
    wide = np.float64 if x.dtype.kind in "fV" else x.dtype
    for i in range(axis_size):
        total = np.zeros(x.shape[1:], wide)
        for j in _group_of(i, axis_size, groups):
            total = total + x[j]
        out[i] = total
    return out


def _members(axis_size: int, groups: Any) -> int:
    return axis_size if groups is None else len(groups[0])


def _gather_reference(x: np.ndarray, *, axis_name: Any, axis_size: int, groups: Any) -> np.ndarray:
    out = np.empty((axis_size, _members(axis_size, groups), *x.shape[1:]), x.dtype)
    for i in range(axis_size):
        for k, j in enumerate(_group_of(i, axis_size, groups)):
            out[i, k] = x[j]
    return out


def _exchange_reference(
    x: np.ndarray, *, axis_name: Any, axis_size: int, groups: Any
) -> np.ndarray:
    out = np.empty_like(x)
    for i in range(axis_size):
        group = _group_of(i, axis_size, groups)
        for k, j in enumerate(group):
            out[i, k] = x[j, group.index(i)]
    return out


def _permute_reference(x: np.ndarray, *, axis_name: Any, axis_size: int, perm: Any) -> np.ndarray:
    out = np.zeros_like(x)
    for source, destination in perm:
        out[destination] = x[source]
    return out


REFERENCES = {
    "psum": _psum_reference,
    "all_gather": _gather_reference,
    "all_to_all": _exchange_reference,
    "ppermute": _permute_reference,
    "axis_index": lambda *, axis_name, axis_size: np.arange(axis_size, dtype=int32),
}


# ------------------------------------------------------------------------------------------- errors
def _f(*shape: int, dtype: str = "float32") -> Aval:
    return Aval(shape, dtype)


def _wrong_groups(*shape: int) -> list[tuple[Any, ...]]:
    return [
        ((_f(*shape),), _axis(3, groups=((0, 1),)), ShapeError, "0 to 2 exactly once"),
        ((_f(*shape),), _axis(3, groups=((0, 1, 2), (2,))), ShapeError, "0 to 2 exactly once"),
        ((_f(*shape),), _axis(2, groups=((0, 1), ())), ShapeError, "no empty group"),
    ]


ERRORS: dict[str, list[tuple[Any, ...]]] = {
    "psum": [
        *_wrong_groups(2),
        ((_f(2, dtype="bool"),), _axis(3, groups=None), DtypeError, "bool"),
    ],
    "all_gather": [
        *_wrong_groups(2),
        ((_f(2),), _axis(3, groups=((0, 1), (2,))), ShapeError, "sizes [2, 1]"),
    ],
    "all_to_all": [
        *_wrong_groups(3, 2),
        ((_f(3),), _axis(3, groups=((0, 1), (2,))), ShapeError, "sizes [2, 1]"),
        ((_f(2, 3),), _axis(3, groups=None), ShapeError, "must have size 3"),
        ((_f(4),), _axis(4, groups=((0, 1), (2, 3))), ShapeError, "must have size 2"),
        ((_f(),), _axis(3, groups=None), ShapeError, "got shape ()"),
    ],
    "ppermute": [
        ((_f(2),), _axis(3, perm=((0, 3),)), ShapeError, "every destination at most once"),
        ((_f(2),), _axis(3, perm=((3, 0),)), ShapeError, "every source at most once"),
        ((_f(2),), _axis(3, perm=((-1, 0),)), ShapeError, "every source at most once"),
        ((_f(2),), _axis(3, perm=((0, 1), (2, 1))), ShapeError, "every destination at most once"),
        ((_f(2),), _axis(3, perm=((0, 1), (0, 2))), ShapeError, "every source at most once"),
    ],
    "axis_index": [],
}
