"""Casts of core arrays that give what the eager package gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import numpy as fnp

__all__ = ["cast"]


def cast(value: Any, dtype: np.dtype[Any]) -> Any:
    """A core array in another dtype.

    Integers of floats are the processor's, like PyTorch's: what lies outside of 32 or 64 bits is
    the least integer, and shorter ones are the low bits. The core's own would be the nearest.
    """
    source = value.dtype
    if source == dtype:
        return value
    if dtype.kind not in "iu" or source.kind not in "fV":
        return value.astype(dtype)
    bits = 32 if dtype.itemsize < 4 or dtype == np.int32 else 64
    whole = np.dtype(f"int{bits}")
    x = value.astype(np.float32) if source.itemsize < 4 else value
    made = fnp.where(abs(x) < 2.0 ** (bits - 1), x.astype(whole), whole.type(np.iinfo(whole).min))
    if dtype == np.uint64:
        return fnp.where(x < 0, made.astype(dtype), x.astype(dtype))
    return made if dtype == whole else made.astype(dtype)
