"""Statistics of samples: the most frequent value, ranks, the error of the mean."""

from __future__ import annotations

from typing import Any, NamedTuple

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.lax import cummax
from functorch_lite.numpy.convert import as_array, as_axis, asarray
from functorch_lite.scipy.special_functions import real_inexact

__all__ = ["ModeResult", "mode", "rankdata", "sem"]

METHODS = ("average", "min", "max", "dense", "ordinal")


class ModeResult(NamedTuple):
    """What :func:`mode` returns.

    Attributes:
        mode: the most frequent values.
        count: how often they come.
    """

    mode: Any
    count: Any


def mode(
    a: Any, axis: int | None = 0, nan_policy: str = "propagate", keepdims: bool = False
) -> ModeResult:
    """The most frequent value along an axis, the smallest one of several.

    Args:
        a: real array.
        axis: the axis; None for all elements.
        nan_policy: "propagate": NaNs count as one value, which is the largest.
        keepdims: whether the axis stays, with size 1.

    Returns:
        ``(mode, count)``; NaN and 0 of no elements.

    Raises:
        ValueError: another policy.

    >>> mode(fnp.asarray([3, 1, 3, 2]))
    ModeResult(mode=Array(3, dtype=int64), count=Array(2, dtype=int64))

    Source: ``jax.scipy.stats.mode``.
    """
    _check_policy("mode", nan_policy, ("propagate",))
    x = as_array(asarray(a), "stats.mode", "a")
    if axis is None:
        shape = (1,) * x.ndim if keepdims else ()
        found = mode(x.ravel(), 0)
        return ModeResult(found.mode.reshape(shape), found.count.reshape(shape))
    place = as_axis(axis, x.ndim, "stats.mode")
    rows = fnp.moveaxis(x, place, -1)
    size = rows.shape[-1]
    if not size:
        lead = rows.shape[:-1]
        values = fnp.full(lead, fnp.nan, fnp.result_type(x.dtype, fnp.float32))
        counts = fnp.zeros(lead, "int64")
    else:
        ordered = fnp.sort(rows, axis=-1)
        before, after = ordered[..., :-1], ordered[..., 1:]
        differs = (before != after) & ~((before != before) & (after != after))
        first = fnp.ones((*rows.shape[:-1], 1), bool)
        starts = fnp.concatenate([first, differs], axis=-1)
        places = fnp.arange(size)
        begun = cummax(fnp.where(starts, places, 0), axis=rows.ndim - 1)
        lengths = places - begun + 1
        best = fnp.argmax(lengths, axis=-1, keepdims=True)
        values = fnp.take_along_axis(ordered, best, axis=-1)[..., 0]
        counts = fnp.take_along_axis(lengths, best, axis=-1)[..., 0]
    if keepdims:
        values, counts = (fnp.expand_dims(v, place) for v in (values, counts))
    return ModeResult(values, counts)


def rankdata(
    a: Any, method: str = "average", *, axis: int | None = None, nan_policy: str = "propagate"
) -> Array:
    """Ranks of the elements, from 1 on.

    Args:
        a: real array.
        method: what equal elements get: "average", "min" or "max" of their ranks; "dense" leaves
            no gaps behind them; "ordinal" gives each its own, in the order of memory.
        axis: the axis to rank along; None for all elements, in a vector.
        nan_policy: "propagate": where there is a NaN, all ranks are NaN.

    Returns:
        float32 array.

    Raises:
        ValueError: another method or policy.

    >>> rankdata(fnp.asarray([3, 1, 3, 2]))
    Array([3.5, 1. , 3.5, 2. ], dtype=float32)

    Source: ``jax.scipy.stats.rankdata``.
    """
    _check_policy("rankdata", nan_policy, ("propagate",))
    if method not in METHODS:
        raise ValueError(
            f"stats.rankdata: expected method to be one of {', '.join(METHODS)}; got {method!r}."
        )
    x = as_array(asarray(a), "stats.rankdata", "a")
    if axis is None:
        return _ranks(x.ravel(), method)
    return fnp.apply_along_axis(_ranks, axis, x, method)


def _ranks(x: Array, method: str) -> Array:
    if not x.size:
        return x.astype("float32")
    order = fnp.argsort(x)
    ordered = x[order]
    if method == "ordinal":
        found = fnp.argsort(order) + 1
    elif method == "dense":
        new = fnp.concatenate([fnp.ones(1, bool), ordered[1:] != ordered[:-1]])
        found = fnp.cumsum(new)[fnp.argsort(order)]
    else:
        least = fnp.searchsorted(ordered, x, side="left") + 1
        most = fnp.searchsorted(ordered, x, side="right")
        found = {"min": least, "max": most, "average": 0.5 * (least + most)}[method]
    return fnp.where(fnp.any(x != x), fnp.nan, found).astype("float32")


def sem(
    a: Any,
    axis: int | None = 0,
    ddof: int = 1,
    nan_policy: str = "propagate",
    *,
    keepdims: bool = False,
) -> Array:
    """The standard error of the mean: the standard deviation over the root of the number.

    Args:
        a: real array; integers are taken as float32.
        axis: the axis; None for all elements.
        ddof: what is subtracted from the number in the standard deviation.
        nan_policy: "propagate", or "omit" to leave NaNs out.
        keepdims: whether the axis stays, with size 1.

    Raises:
        ValueError: another policy.

    >>> sem(fnp.asarray([1.0, 3.0]))
    Array(1., dtype=float32)

    Source: ``jax.scipy.stats.sem``.
    """
    _check_policy("sem", nan_policy, ("propagate", "omit"))
    x = real_inexact(a, "stats.sem", "a")
    if nan_policy == "omit":
        count = fnp.sum(x == x, axis=axis, keepdims=keepdims)
        spread = fnp.nanstd(x, axis=axis, ddof=ddof, keepdims=keepdims)
        return spread / fnp.sqrt(count.astype(x.dtype))
    size = x.size if axis is None else x.shape[as_axis(axis, x.ndim, "stats.sem")]
    return fnp.std(x, axis=axis, ddof=ddof, keepdims=keepdims) / fnp.sqrt(
        fnp.asarray(size, x.dtype)
    )


def _check_policy(name: str, policy: str, known: tuple[str, ...]) -> None:
    if policy not in known:
        raise ValueError(
            f"stats.{name}: expected nan_policy to be {' or '.join(map(repr, known))}; got "
            f"{policy!r}. Remedy: x[~numpy.isnan(x)] outside of jit, for a vector without NaNs."
        )
