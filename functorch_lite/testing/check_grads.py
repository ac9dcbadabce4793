"""Derivatives checked against finite differences and against each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.dtypes import is_float
from functorch_lite.numpy import asarray
from functorch_lite.transforms.grad import vjp
from functorch_lite.transforms.jvp import jvp

__all__ = ["check_grads"]

Flat = list[np.ndarray[Any, Any]]

# Half of a dtype's digits survive a second-order difference, times a margin for curvature.
_TOLERANCE = {"float64": 1e-5, "float32": 2e-2, "float16": 2e-1, "bfloat16": 5e-1}
_STEP = {"float64": 1e-5, "float32": 1e-2, "float16": 1e-1, "bfloat16": 2e-1}


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 1,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
    seed: int = 0,
) -> None:
    """Check that a function's derivatives are right at a point, in a random direction.

    Forward mode is compared with a central difference.  Reverse mode is compared through the inner
    product: ``<ct, J t> == <vjp(ct), t>`` with ``J t`` from forward mode, itself compared with the
    difference, or from the difference if forward mode is not asked for.  For higher orders, the
    derivative is checked as a function in turn, in all modes.

    Args:
        f: a function from arrays (or pytrees of them) to an array or a pytree.
        args: its arguments; those that are not floating-point are held fixed. float64 is advised.
        order: the highest order of derivative to check.
        modes: which of "fwd" and "rev".
        atol: absolute tolerance; by default it follows from the least precise dtype.
        rtol: relative tolerance, likewise.
        eps: step of the difference, likewise.
        seed: decides the directions.

    Raises:
        AssertionError: a derivative is wrong; the message says which, where and by how much.
        ValueError: an unknown mode, or an order below 1.

    >>> import functorch_lite.numpy as fnp
    >>> check_grads(fnp.sin, (fnp.asarray([0.5, 1.0], "float64"),), order=2)

    Source: ``jax.test_util.check_grads``.
    """
    if order < 1 or not modes or set(modes) - {"fwd", "rev"}:
        raise ValueError(
            "check_grads: expected order >= 1 and modes among 'fwd' and 'rev'; "
            f"got order {order} and modes {tuple(modes)}."
        )
    function, point = _of_floats(f, tuple(args))
    dtypes = [x.dtype.name for x in point] or ["float64"]
    coarsest = max(dtypes, key=lambda name: _TOLERANCE[name])
    atol = _TOLERANCE[coarsest] if atol is None else atol
    rtol = _TOLERANCE[coarsest] if rtol is None else rtol
    eps = _STEP[coarsest] if eps is None else eps
    rng = np.random.default_rng(seed)
    name = getattr(f, "__name__", repr(f))
    _check(function, point, order, tuple(modes), (atol, rtol, eps), rng, name)


def _check(
    f: Callable[..., list[Any]],
    point: list[Any],
    order: int,
    modes: tuple[str, ...],
    tolerances: tuple[float, float, float],
    rng: np.random.Generator,
    label: str,
) -> None:
    atol, rtol, eps = tolerances
    direction = [_random_like(x, rng) for x in point]
    expected = _difference(f, point, direction, eps)

    if "fwd" in modes:
        _, found = jvp(f, tuple(point), tuple(direction))
        found = [np.asarray(t, np.float64) for t in found]
        for i, (have, want) in enumerate(zip(found, expected, strict=True)):
            _assert_close(have, want, atol, rtol, f"jvp of {label}, output {i}", "difference")
        expected = found
    if "rev" in modes:
        out, pull = vjp(f, *point)
        cotangent = [_random_like(y, rng) for y in out]
        gradient = pull(cotangent)
        for i, (have, want) in enumerate(zip(gradient, point, strict=True)):
            assert (have.shape, have.dtype) == (want.shape, want.dtype), (
                f"vjp of {label}, argument {i}: expected {want.shape} {want.dtype}, "
                f"got {have.shape} {have.dtype}"
            )
        ours, theirs = _inner(gradient, direction), _inner(cotangent, expected)
        # Cancellation in the sums must not count as an error of the derivative.
        scale = _norm(cotangent) * _norm(expected)
        _assert_close(ours, theirs, atol + rtol * scale, rtol, f"vjp of {label}", "jvp")

    if order > 1:
        next_tolerances = (atol, rtol, eps)
        if "fwd" in modes:

            def forward(*primals: Any) -> list[Any]:
                half = len(primals) // 2
                return list(jvp(f, primals[:half], primals[half:])[1])

            both = [*point, *direction]
            _check(forward, both, order - 1, modes, next_tolerances, rng, f"jvp of {label}")
        if "rev" in modes:

            def backward(*values: Any) -> list[Any]:
                primals, cotangents = values[: len(point)], values[len(point) :]
                return list(vjp(f, *primals)[1](list(cotangents)))

            both = [*point, *cotangent]
            _check(backward, both, order - 1, modes, next_tolerances, rng, f"vjp of {label}")


def _of_floats(
    f: Callable[..., Any], args: tuple[Any, ...]
) -> tuple[Callable[..., Any], list[Any]]:
    """``f`` as a function from its floating-point leaves to those of its output."""
    leaves, structure = tree.flatten(args)
    leaves = [asarray(x) for x in leaves]
    varied = [i for i, x in enumerate(leaves) if is_float(x.dtype)]

    def function(*floats: Any) -> list[Any]:
        filled = list(leaves)
        for i, x in zip(varied, floats, strict=True):
            filled[i] = x
        out = f(*tree.unflatten(structure, filled))
        return [y for y in map(asarray, tree.leaves(out)) if is_float(y.dtype)]

    return function, [leaves[i] for i in varied]


def _difference(f: Callable[..., Any], point: Any, direction: Any, eps: float) -> Flat:
    """The central difference (f(x + eps t) - f(x - eps t)) / (2 eps), in float64."""

    def at(sign: float) -> Flat:
        moved = []
        for x, t in zip(point, direction, strict=True):
            y = np.asarray(x, np.float64) + sign * eps * np.asarray(t, np.float64)
            moved.append(asarray(np.asarray(y, x.dtype)))
        return [np.asarray(y, np.float64) for y in f(*moved)]

    return [(up - down) / (2 * eps) for up, down in zip(at(1.0), at(-1.0), strict=True)]


def _random_like(x: Any, rng: np.random.Generator) -> Any:
    return asarray(np.asarray(rng.standard_normal(x.shape), x.dtype))


def _inner(xs: Sequence[Any], ys: Sequence[Any]) -> np.ndarray[Any, Any]:
    products = (
        np.asarray(x, np.float64) * np.asarray(y, np.float64) for x, y in zip(xs, ys, strict=True)
    )
    return np.asarray(math.fsum(float(np.sum(product)) for product in products))


def _norm(xs: Sequence[Any]) -> float:
    return math.sqrt(float(_inner(xs, xs)))


def _assert_close(have: Any, want: Any, atol: float, rtol: float, label: str, other: str) -> None:
    np.testing.assert_allclose(
        have, want, rtol=rtol, atol=atol, err_msg=f"check_grads: {label} against the {other}"
    )
