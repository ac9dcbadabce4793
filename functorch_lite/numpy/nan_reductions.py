"""Reductions that leave NaNs out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import int64, is_inexact
from functorch_lite.numpy.convert import as_array, const, to_bool
from functorch_lite.numpy.reductions import (
    Axis,
    _refuse_out,
    all,
    argmax,
    argmin,
    max,
    mean,
    min,
    prod,
    sum,
    var,
)
from functorch_lite.numpy.shapes import broadcast_to


def _not_nan(a: Array) -> Array:
    return ops.bitwise_not(ops.isnan(a))


def _ignoring(fun: str, reduce: Callable[..., Array], a: Any, **kwargs: Any) -> Array:
    a = as_array(a, fun, "a")
    if not is_inexact(a.dtype):
        return reduce(a, **kwargs)
    where = kwargs.pop("where", None)
    mask = _not_nan(a)
    if where is not None:
        mask = ops.bitwise_and(mask, broadcast_to(to_bool(where, fun, "where"), a.shape))
    clean = ops.select(ops.isnan(a), const(0, a.dtype), a)  # a masked NaN would poison gradients
    return reduce(clean, where=mask, **kwargs)


def nansum(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
           initial: Any = None, where: Any = None) -> Array:  # fmt: skip
    """Sum of the elements that are not NaN; arguments as of :func:`sum`.

    >>> import numpy as np

    >>> nansum(np.array([1.0, np.nan]))
    Array(1., dtype=float64)
    """
    return _ignoring("nansum", sum, a, axis=axis, dtype=dtype, out=out, keepdims=keepdims,
                     initial=initial, where=where)  # fmt: skip


def nanprod(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
            initial: Any = None, where: Any = None) -> Array:  # fmt: skip
    """Product of the elements that are not NaN; arguments as of :func:`sum`.

    >>> import numpy as np

    >>> nanprod(np.array([2.0, np.nan]))
    Array(2., dtype=float64)
    """
    return _ignoring("nanprod", prod, a, axis=axis, dtype=dtype, out=out, keepdims=keepdims,
                     initial=initial, where=where)  # fmt: skip


def nanmean(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
            *, where: Any = None) -> Array:  # fmt: skip
    """Mean of the elements that are not NaN.

    >>> import numpy as np

    >>> nanmean(np.array([1.0, np.nan]))
    Array(1., dtype=float64)
    """
    return _ignoring("nanmean", mean, a, axis=axis, dtype=dtype, out=out, keepdims=keepdims,
                     where=where)  # fmt: skip


def nanvar(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: float = 0,
           keepdims: bool = False, *, where: Any = None) -> Array:  # fmt: skip
    """Variance of the elements that are not NaN.

    >>> import numpy as np

    >>> nanvar(np.array([1.0, 3.0, np.nan]))
    Array(1., dtype=float64)
    """
    return _ignoring("nanvar", var, a, axis=axis, dtype=dtype, out=out, ddof=ddof,
                     keepdims=keepdims, where=where)  # fmt: skip


def nanstd(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: float = 0,
           keepdims: bool = False, *, where: Any = None) -> Array:  # fmt: skip
    """Standard deviation of the elements that are not NaN.

    >>> import numpy as np

    >>> nanstd(np.array([1.0, 3.0, np.nan]))
    Array(1., dtype=float64)
    """
    return ops.sqrt(nanvar(a, axis, dtype, out, ddof, keepdims, where=where))


def _nan_extremum(fun: str, reduce: Any, worst: float, a: Any, axis: Axis, keepdims: bool) -> Array:
    a = as_array(a, fun, "a")
    if not is_inexact(a.dtype):
        return reduce(a, axis, keepdims=keepdims)
    missing = ops.isnan(a)
    best = reduce(ops.select(missing, const(worst, a.dtype), a), axis, keepdims=keepdims)
    return ops.select(all(missing, axis, keepdims=keepdims), const(math.nan, a.dtype), best)


def nanmax(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False) -> Array:
    """Largest element that is not NaN; NaN where all are.

    >>> import numpy as np

    >>> nanmax(np.array([1.0, np.nan]))
    Array(1., dtype=float64)
    """
    _refuse_out("nanmax", out)
    return _nan_extremum("nanmax", max, -math.inf, a, axis, keepdims)


def nanmin(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False) -> Array:
    """Smallest element that is not NaN; NaN where all are.

    >>> import numpy as np

    >>> nanmin(np.array([1.0, np.nan]))
    Array(1., dtype=float64)
    """
    _refuse_out("nanmin", out)
    return _nan_extremum("nanmin", min, math.inf, a, axis, keepdims)


def _nan_position(fun: str, find: Any, worst: float, a: Any, axis: Any, keepdims: bool) -> Array:
    a = as_array(a, fun, "a")
    if not is_inexact(a.dtype):
        return find(a, axis, keepdims=keepdims)
    missing = ops.isnan(a)
    found = find(ops.select(missing, const(worst, a.dtype), a), axis, keepdims=keepdims)
    return ops.select(all(missing, axis, keepdims=keepdims), const(-1, int64), found)


def nanargmax(a: Any, axis: int | None = None, out: None = None, keepdims: bool = False) -> Array:
    """Position of the largest element that is not NaN; -1 where all are.

    >>> import numpy as np

    >>> nanargmax(np.array([np.nan, 1.0]))
    Array(1, dtype=int64)
    """
    _refuse_out("nanargmax", out)
    return _nan_position("nanargmax", argmax, -math.inf, a, axis, keepdims)


def nanargmin(a: Any, axis: int | None = None, out: None = None, keepdims: bool = False) -> Array:
    """Position of the smallest element that is not NaN; -1 where all are.

    >>> import numpy as np

    >>> nanargmin(np.array([np.nan, 1.0]))
    Array(1, dtype=int64)
    """
    _refuse_out("nanargmin", out)
    return _nan_position("nanargmin", argmin, math.inf, a, axis, keepdims)
