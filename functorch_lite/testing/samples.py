"""One place to ask for an op's operands, reference, wrong calls and dtypes.

The tables live in the ``samples_*`` modules, one per group of ops; tests that iterate over the
registry ask here, so an op that no table mentions is noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import DTYPES
from functorch_lite.core.op import REGISTRY
from functorch_lite.ops.families import kind_of
from functorch_lite.testing import (
    samples_collective,
    samples_contract,
    samples_conv,
    samples_elementwise,
    samples_fft,
    samples_index,
    samples_linalg,
    samples_reduce,
    samples_shape,
    samples_special,
    samples_tridiagonal,
    samples_window,
)

__all__ = ["dtypes_for", "error_samples_for", "reference_for", "samples_for"]

_MODULES: tuple[Any, ...] = (
    samples_collective,
    samples_elementwise,
    samples_fft,
    samples_reduce,
    samples_shape,
    samples_index,
    samples_contract,
    samples_conv,
    samples_window,
    samples_special,
    samples_linalg,
    samples_tridiagonal,
)


def _table(name: str, op_name: str) -> Any:
    for module in _MODULES:
        table = getattr(module, name, {})
        if op_name in table:
            return table[op_name]
    raise KeyError(
        f"no {name} entry for op {op_name!r}; add one to a samples_* module beside this one"
    )


def samples_for(
    op_name: str, dtype: np.dtype[Any], rng: np.random.Generator
) -> list[tuple[tuple[np.ndarray, ...], dict[str, Any]]]:
    """Operands and params on which an op is tested.

    Args:
        op_name: registered name.
        dtype: one of ``dtypes_for(op_name)``.
        rng: source of the values.

    Returns:
        pairs of operands (raw arrays) and params.

    >>> args, params = samples_for("add", np.dtype("float32"), np.random.default_rng(0))[0]
    >>> [a.shape for a in args], params
    ([(3, 4), (3, 4)], {})
    """
    found: list[Any] = _table("SAMPLES", op_name)(dtype, rng)
    return found


def reference_for(op_name: str) -> Callable[..., Any]:
    """A function of raw arrays and params that computes the op's value by other means.

    >>> reference_for("square")(np.array([3], "int8"))
    array([9], dtype=int8)
    """
    found: Callable[..., Any] = _table("REFERENCES", op_name)
    return found


def error_samples_for(
    op_name: str,
) -> list[tuple[tuple[Aval, ...], dict[str, Any], type[Exception], str]]:
    """Calls that must fail: operand avals, params, exception class, a fragment of its text."""
    found: list[Any] = _table("ERRORS", op_name)
    return found


def dtypes_for(op_name: str) -> tuple[np.dtype[Any], ...]:
    """The dtypes in which an op has samples.

    >>> [dtype.name for dtype in dtypes_for("floor")]
    ['float16', 'bfloat16', 'float32', 'float64']
    """
    for module in _MODULES:
        listed = getattr(module, "DTYPES_OF", {}).get(op_name)
        if listed is not None:
            return tuple(listed)
    kinds = REGISTRY[op_name].info.get("kinds", "bifc")
    return tuple(d for d in DTYPES if kind_of(d) in kinds)
