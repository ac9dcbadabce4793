"""Whether two libraries did the same work: their results beside each other.

A wrong workload makes every time worthless, so results are compared in each run, at the sizes that
are timed. Parameters are compared by how far they moved, not by where they are: a training step
without its decay, or with another learning rate, ends close to the right place all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["MOST", "difference", "named", "sample"]

MOST = 500_000


def named(result: Any) -> dict[str, Any]:
    """What a step returned, by name: a dict, the last element of a tuple, or one array.

    >>> named((1, 2)), named({"a": 3}), named(4)
    ({'out': 2}, {'a': 3}, {'out': 4})
    """
    if isinstance(result, Mapping):
        return dict(result)
    return {"out": result[-1] if isinstance(result, (tuple, list)) else result}


def sample(x: np.ndarray) -> np.ndarray:
    """At most ``MOST`` elements of an array, evenly spaced, as a vector."""
    flat = np.asarray(x).reshape(-1)
    return flat[:: max(1, -(-flat.size // MOST))]


def difference(
    inputs: Mapping[str, np.ndarray],
    reference: Mapping[str, np.ndarray],
    other: Mapping[str, np.ndarray],
) -> tuple[float, str]:
    """The largest relative difference between results, and where it is.

    Args:
        inputs: the row's inputs by name, sampled; results with the name of an input are compared by
            their difference from it.
        reference: results of one library, sampled.
        other: those of another one.

    Returns:
        The largest ``|reference - other| / |reference|`` over the results, in the Euclidean norm,
        infinite where names, sizes or NaNs differ; and the name of that result.

    >>> one = {"w": np.array([1.0, 2.0])}
    >>> difference({}, one, {"w": np.array([1.0, 2.0])})
    (0.0, '')
    >>> difference({"w": np.array([1.0, 1.0])}, one, {"w": np.array([1.0, 1.5])})
    (0.5, 'w')
    """
    if reference.keys() != other.keys():
        return np.inf, ", ".join(sorted(reference.keys() ^ other.keys()))
    worst, where = 0.0, ""
    for name, expected in reference.items():
        found = _relative(inputs.get(name), expected, other[name])
        if found > worst:
            worst, where = found, name
    return worst, where


def _relative(start: np.ndarray | None, expected: np.ndarray, got: np.ndarray) -> float:
    if expected.shape != got.shape:
        return float(np.inf)
    expected, got = expected.astype(np.float64), got.astype(np.float64)
    if start is not None and start.shape == expected.shape:
        expected, got = expected - start, got - start
    apart, size = np.linalg.norm(expected - got), np.linalg.norm(expected)
    if not np.isfinite(apart):
        return float(np.inf)
    return float(apart / size) if size else float(apart)
