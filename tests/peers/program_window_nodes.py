"""Convolutions, sliding windows, named axes and named values, as nodes of programs."""

from __future__ import annotations

from typing import Any

import numpy as np
from program_nodes import composite


@composite
def conv(B: Any, x: Any, w: Any, *, options: tuple[tuple[str, Any], ...]) -> Any:
    return B.lax.conv_general_dilated(x, w, **dict(options))


@composite
def window(B: Any, x: Any, *, how: str, options: tuple[tuple[str, Any], ...]) -> Any:
    """Sums or extrema over windows."""
    given = dict(options)
    if how == "sum":
        return B.lax.reduce_window(x, 0.0, B.lax.add, **given)
    worst = -np.inf if how == "max" else np.inf
    return B.lax.reduce_window(x, worst, getattr(B.lax, how), **given)


@composite
def window_slope(B: Any, x: Any, *, how: str, size: int) -> Any:
    """The gradient of the extrema over windows, which asks where they are."""

    def total(x: Any) -> Any:
        sizes, steps = (size,) * len(x.shape), (1,) * len(x.shape)
        given = {"window_dimensions": sizes, "window_strides": steps, "padding": "SAME"}
        out = window(B, x, how=how, options=tuple(given.items()))
        return B.np.sum(out**2)

    return B.T.grad(total)(x)


def _collective(B: Any, x: Any, how: str) -> Any:
    lax, n = B.lax, x.shape[0]
    if how == "psum":
        return B.T.vmap(lambda a: B.np.sin(a) - lax.psum(a * a, "i") / n, axis_name="i")(x)
    if how == "pmean":
        return B.T.vmap(lambda a: a - lax.pmean(a, "i") * 2.0, axis_name="i")(x)
    if how == "all_gather":
        return B.T.vmap(lambda a: a * B.np.mean(lax.all_gather(a, "i") ** 2), axis_name="i")(x)
    if how == "ppermute":
        ring = [(i, (i + 1) % n) for i in range(n)]
        return B.T.vmap(lambda a: B.np.cos(a) * lax.ppermute(a, "i", ring), axis_name="i")(x)
    if how == "axis_index":

        def numbered(a: Any) -> Any:
            return a * (1.0 + lax.axis_index("i").astype("float64"))

        return B.T.vmap(numbered, axis_name="i")(x)
    return B.T.vmap(lambda a: lax.all_to_all(B.np.tanh(a), "i", 0, 0), axis_name="i")(x)


@composite
def collective(B: Any, x: Any, *, how: str) -> Any:
    """Values that the examples of a vmap with a named axis exchange."""
    return _collective(B, x, how)


@composite
def named(B: Any, x: Any, *, name: str) -> Any:
    return B.np.sin(B.named(x, name))
