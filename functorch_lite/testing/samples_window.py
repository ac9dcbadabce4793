"""Operands, references and wrong calls for sums and extrema over windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import bool_, complex64, float32, int64, is_inexact
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.testing.oracles import settle, widen
from functorch_lite.testing.samples_elementwise import draw

__all__ = ["ERRORS", "REFERENCES", "SAMPLES", "elements_of_windows"]

Sample = tuple[tuple[np.ndarray, ...], dict[str, Any]]
Pairs = tuple[tuple[int, int], ...]
_EXTREMA = ("window_max", "window_min")
_POSITIONS = ("window_argmax", "window_argmin")

# shape, window, strides, padding, base_dilation, window_dilation; no window is empty
_CASES: list[tuple[Any, ...]] = [
    ((6,), (2,), (2,), ((0, 0),), (1,), (1,)),
    ((7,), (3,), (2,), ((1, 2),), (1,), (2,)),
    ((5, 4), (2, 3), (1, 2), ((1, 0), (1, 2)), (1, 1), (1, 1)),
    ((3, 5), (2, 2), (3, 1), ((0, 1), (-1, 1)), (1, 1), (2, 1)),
    ((2, 4), (1, 3), (1, 2), ((0, 0), (1, 1)), (1, 2), (1, 1)),
    ((4,), (5,), (3,), ((2, 4),), (3,), (1,)),
    ((2, 3, 4), (1, 2, 3), (1, 1, 1), ((0, 0), (0, 1), (1, 0)), (1, 1, 1), (1, 1, 2)),
    ((1, 4), (1, 2), (1, 1), ((0, 0), (0, -1)), (1, 1), (1, 1)),
    ((4,), (1,), (1,), ((0, 0),), (1,), (1,)),
    ((3,), (4,), (1,), ((0, 0),), (1,), (1,)),
    ((0, 3), (1, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), (1, 1)),
    ((), (), (), (), (), ()),
]
_WITH_EMPTY_WINDOWS: list[tuple[Any, ...]] = [
    ((3,), (1,), (1,), ((1, 2),), (2,), (1,)),
    ((0, 2), (2, 1), (1, 1), ((1, 2), (0, 0)), (1, 1), (1, 1)),
    ((2, 2), (2, 1), (2, 1), ((3, 0), (0, 1)), (1, 1), (1, 1)),
]


def _params(case: tuple[Any, ...]) -> dict[str, Any]:
    names = ("window", "strides", "padding", "base_dilation", "window_dilation")
    return dict(zip(names, case[1:], strict=True))


def _windows(name: str) -> Callable[..., list[Sample]]:
    cases = _CASES if name in _EXTREMA else _CASES + _WITH_EMPTY_WINDOWS

    def samples(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
        return [((draw(rng, case[0], dtype, (-2, 2)),), _params(case)) for case in cases]

    return samples


def _positions(dtype: np.dtype[Any], rng: np.random.Generator) -> list[Sample]:
    found: list[Sample] = []
    for case in _CASES + _WITH_EMPTY_WINDOWS:
        x = draw(rng, case[0], dtype, (-2, 2))
        found.append(((x,), {"batch_dims": 0} | _params(case)))
    for case, batch_dims in ((_CASES[4], 1), (_CASES[6], 1), (_CASES[10], 1), (_CASES[8], 1)):
        x = draw(rng, case[0], dtype, (-2, 2))
        found.append(((x,), {"batch_dims": batch_dims} | _params(case)))
    ties = np.asarray(rng.integers(0, 2, (5, 4)), dtype)
    found.append(((ties,), {"batch_dims": 0} | _params(_CASES[2])))
    if is_inexact(dtype):
        odd = draw(rng, (5, 4), dtype)
        odd[1, 1] = odd[2, 0] = odd[2, 2] = np.nan
        odd[4] = -np.inf
        found.append(((odd,), {"batch_dims": 0} | _params(_CASES[2])))
    return found


SAMPLES: dict[str, Callable[..., list[Sample]]] = {
    **{name: _windows(name) for name in ("window_sum", *_EXTREMA)},
    **dict.fromkeys(_POSITIONS, _positions),
}


# --------------------------------------------------------------------------------------- references
def elements_of_windows(
    shape: tuple[int, ...],
    window: tuple[int, ...],
    strides: tuple[int, ...],
    padding: Pairs,
    base_dilation: tuple[int, ...],
    window_dilation: tuple[int, ...],
) -> np.ndarray:
    """For every window, the list of the indices of its elements in row-major order.

    >>> elements_of_windows((3,), (2,), (2,), ((1, 0),), (1,), (1,)).tolist()
    [[(0,)], [(1,), (2,)]]
    """
    lines = []
    for n, w, s, (low, high), b, d in zip(
        shape, window, strides, padding, base_dilation, window_dilation, strict=True
    ):
        size = (n - 1) * b + 1 if n else 0
        row: list[Any] = [None] * (low + size + high)
        for i in range(n):
            if 0 <= low + i * b < len(row):
                row[low + i * b] = i
        starts = range(0, len(row) - (w - 1) * d, s)
        lines.append([[row[start + k * d] for k in range(w)] for start in starts])
    found = np.empty(tuple(map(len, lines)), object)
    for where in np.ndindex(found.shape):
        axes = [line[o] for line, o in zip(lines, where, strict=True)]
        found[where] = places = []
        for ks in np.ndindex(window):
            place = tuple(axis[k] for axis, k in zip(axes, ks, strict=True))
            if None not in place:
                places.append(place)
    return found


def _sum(x: np.ndarray, **params: Any) -> np.ndarray:
    wide = widen(x).astype(object)
    answer = _each_window(x, params, lambda places: sum(wide[p] for p in places))
    return settle(answer, x.dtype)


def _each_window(x: np.ndarray, params: dict[str, Any], fn: Callable[[Any], Any]) -> np.ndarray:
    windows = elements_of_windows(x.shape, **params)
    answer = np.empty(windows.shape, object)
    for where in np.ndindex(windows.shape):
        answer[where] = fn(windows[where])
    return answer


def _best(x: np.ndarray, places: list[Any], sign: int) -> Any:
    """The place of the first best element, or of the last NaN; None if there is no place."""
    best: Any = None
    for place in places:
        new = float(x[place])
        have = None if best is None else float(x[best])
        if have is None or new != new or sign * new > sign * have:
            best = place
    return best


def _extremum(sign: int) -> Callable[..., np.ndarray]:
    def reference(x: np.ndarray, **params: Any) -> np.ndarray:
        answer = _each_window(x, params, lambda places: x[_best(x, places, sign)])
        return np.array(answer.tolist(), x.dtype).reshape(answer.shape)

    return reference


def _position(sign: int) -> Callable[..., np.ndarray]:
    def reference(x: np.ndarray, *, batch_dims: int, **params: Any) -> np.ndarray:
        inner = x.shape[batch_dims:]

        def flat(places: list[Any]) -> int:
            best = _best(x, places, sign)
            if best is None:
                return -1
            number = 0
            for i, n in zip(best[batch_dims:], inner, strict=True):
                number = number * n + i
            return number

        return _each_window(x, params, flat).astype(int64)

    return reference


REFERENCES: dict[str, Callable[..., Any]] = {
    "window_sum": _sum,
    "window_max": _extremum(1),
    "window_min": _extremum(-1),
    "window_argmax": _position(1),
    "window_argmin": _position(-1),
}


# ------------------------------------------------------------------------------------- wrong calls
def _wrong_calls(name: str) -> list[tuple[tuple[Aval, ...], dict[str, Any], type, str]]:
    x, bad = Aval((4, 3), float32), Aval((4, 3), bool_ if name == "window_sum" else complex64)
    good = _params(((4, 3), (2, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), (1, 1)))
    if name in _POSITIONS:
        good["batch_dims"] = 0
    found: list[Any] = [
        ((bad,), good, DtypeError, f"{name}: takes"),
        ((x,), good | {"window": (2,)}, ShapeError, f"{name}: expected window with one entry"),
        ((x,), good | {"padding": ((0, 0),)}, ShapeError, "padding with one entry for each of"),
        ((x,), good | {"strides": (0, 1)}, ShapeError, "strides of at least 1"),
        ((x,), good | {"window": (2, 0)}, ShapeError, "window of at least 1"),
        ((x,), good | {"base_dilation": (1, 0)}, ShapeError, "base_dilation of at least 1"),
        ((x,), good | {"window_dilation": (-1, 1)}, ShapeError, "window_dilation of at least 1"),
    ]
    if name in _POSITIONS:
        text = "expected batch_dims to count leading axes"
        found += [((x,), good | {"batch_dims": n}, ShapeError, text) for n in (1, 3, -1)]
    return found


ERRORS: dict[str, list[Any]] = {name: _wrong_calls(name) for name in SAMPLES}
