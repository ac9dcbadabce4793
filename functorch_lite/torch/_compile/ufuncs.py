"""NumPy's ufuncs as functions of core arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite import ops

__all__ = ["REDUCTIONS", "WRITES", "core_function"]

REDUCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda x, axis, keep: fnp.sum(x, axis=axis, keepdims=keep, dtype=x.dtype),
    "multiply": lambda x, axis, keep: fnp.prod(x, axis=axis, keepdims=keep, dtype=x.dtype),
    "maximum": lambda x, axis, keep: fnp.max(x, axis=axis, keepdims=keep),
    "minimum": lambda x, axis, keep: fnp.min(x, axis=axis, keepdims=keep),
    "logical_or": lambda x, axis, keep: fnp.any(x, axis=axis, keepdims=keep),
    "logical_and": lambda x, axis, keep: fnp.all(x, axis=axis, keepdims=keep),
}
"""``ufunc.reduce`` as functions of (array, axis, whether axes stay), in the array's dtype."""

WRITES = {"add": "add", "multiply": "multiply", "maximum": "max", "minimum": "min"}
"""``ufunc.at`` as methods of ``array.at[index]``."""


def _xlogy(x: Any, y: Any) -> Any:
    return fnp.where((x == 0) & ~fnp.isnan(y), fnp.zeros((), x.dtype), x * fnp.log(y))


# Those of SciPy.
_OTHERS: dict[str, Callable[..., Any]] = {
    "expit": ops.logistic,
    "erf": ops.erf,
    "erfc": ops.erfc,
    "erfinv": ops.erfinv,
    "xlogy": _xlogy,
}


def core_function(ufunc: Any) -> Callable[..., Any] | None:
    """The function of core arrays that a ufunc is, in one dtype; None if there is none."""
    name = ufunc.__name__
    found: Callable[..., Any] | None = getattr(fnp, name, None) or _OTHERS.get(name)
    return found
