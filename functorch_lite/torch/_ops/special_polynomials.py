"""Orthogonal polynomials of ``torch.special``: by recurrence, or by angles inside the interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.trace import state
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.binary import common, operand
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.elementwise import argument
from functorch_lite.torch._ops.special_functions import Floats, published

__all__: list[str] = []

Step = Callable[[int, Any, Any, Any], Any]


def _recurrence(n: Any, x: Any, first: Any, step: Step) -> Any:
    """The n-th of p(0) = 1, p(1) = first, p(k + 1) = step(k, x, p(k), p(k - 1))."""
    found = np.where(n == 0, np.ones_like(x), first)
    before, now = np.ones_like(x), first
    most = int(n.max(initial=0))
    for k in range(1, most):
        wanted = n > k
        # What is not finite becomes NaN and stays so; then nothing more is to be computed.
        if not np.isfinite(now[wanted]).any() and np.isnan(now[wanted]).all():
            return np.where(wanted, now, found)
        before, now = now, step(k, x, now, before)
        found = np.where(wanted, now, found)
    return found


def _by_angle(kind: str, n: Any, x: Any) -> Any:
    """Chebyshev's polynomial of a kind at x = cos(angle)."""
    angle = np.arccos(x)
    if kind == "t":
        return np.cos(n * angle)
    if kind == "u":
        return np.sin((n + 1) * angle) / np.sin(angle)
    if kind == "v":
        return np.cos((n + 0.5) * angle) / np.cos(angle / 2)
    return np.sin((n + 0.5) * angle) / np.sin(angle / 2)


def _at_ends(kind: str, n: Any) -> tuple[Any, Any]:
    """The values at 1 and at -1."""
    sign = np.where(n % 2 == 0, 1.0, -1.0)
    one = np.ones_like(sign)
    return {
        "t": (one, sign),
        "u": (n + 1.0, sign * (n + 1)),
        "v": (one, sign * (2 * n + 1)),
        "w": (2 * n + 1.0, sign),
    }[kind]


_CONSTANT = {"t": 0.0, "u": 0.0, "v": -1.0, "w": 1.0}


def _chebyshev(kind: str, most_by_recurrence: int) -> Callable[[Any, Any], Any]:
    def run(x: Any, n: Any) -> Any:
        first = (x if kind == "t" else 2 * x) + _CONSTANT[kind]
        inside = (np.abs(x) < 1) & (n > most_by_recurrence)
        whole = np.where(inside | (np.abs(x) == 1), 0, n)
        found = _recurrence(whole, x, first, lambda k, x, now, before: 2 * x * now - before)
        found = np.where(inside, _by_angle(kind, n, np.where(inside, x, 0.0)), found)
        right, left = _at_ends(kind, n)
        return np.where(x == 1, right, np.where(x == -1, left, found))

    return run


def _shifted(kind: str, most_by_recurrence: int) -> Callable[[Any, Any], Any]:
    run = _chebyshev(kind, most_by_recurrence)
    return lambda x, n: run(2 * x - 1, n)


def _hermite(factor: int) -> Callable[[Any, Any], Any]:
    def run(x: Any, n: Any) -> Any:
        return _recurrence(
            n, x, factor * x, lambda k, x, now, before: factor * (x * now - k * before)
        )

    return run


def _laguerre(x: Any, n: Any) -> Any:
    return _recurrence(
        n, x, 1 - x, lambda k, x, now, before: ((2 * k + 1 - x) * now - k * before) / (k + 1)
    )


def _legendre(x: Any, n: Any) -> Any:
    found = _recurrence(
        n, x, x, lambda k, x, now, before: ((2 * k + 1) * x * now - k * before) / (k + 1)
    )
    return np.where(x == 1, 1.0, np.where(x == -1, np.where(n % 2 == 0, 1.0, -1.0), found))


def _largest_hermite(dtype: Any) -> int:
    """Above this degree PyTorch gives NaN."""
    return 512 if dtype == np.float64 else 128


def _publish(name: str, run: Callable[[Any, Any], Any]) -> None:
    types = Floats(f"{name}_cpu")

    def f(x: Any, n: Any) -> Tensor:
        if not isinstance(x, Tensor) and not isinstance(n, Tensor):
            raise argument(x, f"special_{name}", "x")
        dtype = types.dtype(common(x, n))
        given = (
            cast(v, dtype)._np if isinstance(v, Tensor) else np.asarray(operand(v, dtype))
            for v in (x, n)
        )
        return make(np.asarray(state.run(_evaluate, name, run, *given)))

    published(name, f)


def _evaluate(name: str, run: Callable[[Any, Any], Any], x: Any, degree: Any) -> Any:
    x, degree = np.broadcast_arrays(x, degree)
    dtype = x.dtype
    n = np.where(np.isfinite(degree), degree, -1).astype(np.int64)
    found = run(x.astype(np.float64), np.maximum(n, 0))
    if name.startswith("hermite"):
        found = np.where(n > _largest_hermite(dtype), np.nan, found)
    return np.where(n < 0, 0.0, found).astype(dtype)


for _kind, _most, _most_shifted in (("t", 6, 6), ("u", 8, 6), ("v", 8, 6), ("w", 8, 4)):
    _publish(f"chebyshev_polynomial_{_kind}", _chebyshev(_kind, _most))
    _publish(f"shifted_chebyshev_polynomial_{_kind}", _shifted(_kind, _most_shifted))
_publish("hermite_polynomial_h", _hermite(2))
_publish("hermite_polynomial_he", _hermite(1))
_publish("laguerre_polynomial_l", _laguerre)
_publish("legendre_polynomial_p", _legendre)
