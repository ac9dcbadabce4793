"""Central differences of functions of lists of floats, and what compares them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from functorch_lite.numpy import asarray

__all__ = [
    "Point", "difference", "excess", "gradient_elements", "inner", "norm", "spoken_index",
    "worst_element",
]  # fmt: skip

Flat = list[np.ndarray[Any, Any]]
Element = tuple[int, tuple[int, ...], float, float]
"""Number of an array, index in it, analytic and numeric value."""

# A look at every element costs two calls of the function each.
MOST_ELEMENTS = 256


class Point(NamedTuple):
    """A function from a list of float arrays to another, a point, and the names of both lists."""

    f: Callable[..., list[Any]]
    values: list[Any]
    names: list[str]
    out_names: list[str]


def difference(point: Point, direction: Sequence[Any], eps: float) -> Flat:
    """The central difference (f(x + eps t) - f(x - eps t)) / (2 eps), in float64.

    >>> cube = Point(lambda x: [x**3], [asarray([2.0], "float64")], ["x"], ["out"])
    >>> difference(cube, [np.ones(1)], 1e-3)[0].round(3).tolist()
    [12.0]
    """

    def at(sign: float) -> Flat:
        moved = []
        for x, t in zip(point.values, direction, strict=True):
            y = np.asarray(x, np.float64) + sign * eps * np.asarray(t, np.float64)
            moved.append(asarray(np.asarray(y, x.dtype)))
        return [np.asarray(y, np.float64) for y in point.f(*moved)]

    with np.errstate(invalid="ignore"):  # inf - inf is the nan that the comparison needs
        return [(up - down) / (2 * eps) for up, down in zip(at(1.0), at(-1.0), strict=True)]


def gradient_elements(
    point: Point,
    cotangent: Sequence[Any],
    analytic: Callable[[list[Any]], float],
    eps: float,
) -> tuple[list[Element], bool]:
    """The derivatives of ``<cotangent, f>`` by single elements, and whether these are all.

    Args:
        point: the function and where.
        cotangent: float64 arrays like the outputs.
        analytic: the derivative along a direction, as the code under test has it.
        eps: step of the difference.
    """
    places = [(k, i) for k, x in enumerate(point.values) for i in range(x.size)]
    chosen = places
    if len(places) > MOST_ELEMENTS:
        chosen = [places[i] for i in np.linspace(0, len(places) - 1, MOST_ELEMENTS, dtype=int)]
    found = []
    for k, i in chosen:
        where = tuple(map(int, np.unravel_index(i, point.values[k].shape)))
        direction = [asarray(np.zeros(x.shape, x.dtype)) for x in point.values]
        direction[k] = direction[k].at[where].set(1.0)
        numeric = inner(cotangent, difference(point, direction, eps))
        found.append((k, where, analytic(direction), numeric))
    return found, len(chosen) == len(places)


def worst_element(found: Flat, expected: Flat, atol: float, rtol: float) -> Element | None:
    """The element that is furthest out of tolerance, or None if all are within.

    >>> worst_element([np.array([1.0, 2.5])], [np.array([1.0, 2.0])], 0.1, 0.1)
    (0, (1,), 2.5, 2.0)
    """
    worst, most = None, 0.0
    for k, (have, want) in enumerate(zip(found, expected, strict=True)):
        if not have.size:
            continue
        beyond = excess(have, want, atol, rtol)
        at = np.unravel_index(int(np.argmax(beyond)), have.shape)
        if beyond[at] > most:
            where = tuple(map(int, at))
            worst, most = (k, where, float(have[at]), float(want[at])), float(beyond[at])
    return worst


def excess(have: Any, want: Any, atol: float, rtol: float) -> np.ndarray[Any, Any]:
    """How far ``|have - want|`` is above ``atol + rtol |want|``; inf where only one is finite.

    >>> excess([1.0, np.nan, np.inf], [1.5, np.nan, 1.0], 0.0, 0.1).round(2).tolist()
    [0.35, -inf, inf]
    """
    have, want = np.asarray(have, np.float64), np.asarray(want, np.float64)
    with np.errstate(invalid="ignore"):
        beyond = np.abs(have - want) - (atol + rtol * np.abs(want))
    same = (have == want) | (np.isnan(have) & np.isnan(want))
    unlike = np.where(same, -np.inf, np.inf)
    return np.where(np.isfinite(have) & np.isfinite(want), beyond, unlike)


def inner(xs: Sequence[Any], ys: Sequence[Any]) -> float:
    """The sum of the products of all elements, in float64."""
    products = (
        np.asarray(x, np.float64) * np.asarray(y, np.float64) for x, y in zip(xs, ys, strict=True)
    )
    return math.fsum(float(np.sum(product)) for product in products)


def norm(xs: Sequence[Any]) -> float:
    return math.sqrt(inner(xs, xs))


def spoken_index(where: tuple[int, ...]) -> str:
    """An index as Python spells it; nothing for a scalar.

    >>> spoken_index((1, 2)), spoken_index(())
    ('[1, 2]', '')
    """
    return f"[{', '.join(map(str, where))}]" if where else ""
