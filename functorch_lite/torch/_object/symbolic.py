"""Arithmetic on numbers that PyTorch may trace; sizes are always plain numbers here.

The classes of traced numbers exist for ``isinstance``: none is ever made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NoReturn

from functorch_lite.torch._core.public import FUNCTIONS

__all__ = ["SymBool", "SymFloat", "SymInt"]


class _Traced:
    """A number that stands for one known later."""

    __module__ = "torch"

    def __new__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"cannot create 'torch.{cls.__name__}': sizes are plain numbers in functorch_lite.torch"
        )


class SymInt(_Traced):
    """A traced integer; there are none. Source: ``torch.SymInt``."""

    __module__ = "torch"


class SymFloat(_Traced):
    """A traced float; there are none. Source: ``torch.SymFloat``."""

    __module__ = "torch"


class SymBool(_Traced):
    """A traced bool; there are none. Source: ``torch.SymBool``."""

    __module__ = "torch"


def sym_int(a: Any) -> int:
    """A number as an integer, towards zero. Source: ``torch.sym_int``."""
    return int(a)


def sym_float(a: Any) -> float:
    """A number as a float. Source: ``torch.sym_float``."""
    return float(a)


def sym_not(a: Any) -> bool:
    """Whether it is false. Source: ``torch.sym_not``."""
    return not a


def sym_sqrt(a: Any) -> float:
    """The square root. Source: ``torch.sym_sqrt``."""
    return math.sqrt(a)


def _extreme(choose: Any, a: Any, b: Any) -> Any:
    for value in (a, b):
        if not isinstance(value, (int, float)):
            raise AssertionError(f"expected a number, got {type(value)}")
    found = choose(a, b)
    # Whichever of the two it is, the type is that of their sum.
    return float(found) if isinstance(a, float) or isinstance(b, float) else found


def sym_max(a: Any, b: Any) -> Any:
    """The larger of two numbers, in their common type. Source: ``torch.sym_max``."""
    return _extreme(max, a, b)


def sym_min(a: Any, b: Any) -> Any:
    """The smaller of two numbers, in their common type. Source: ``torch.sym_min``."""
    return _extreme(min, a, b)


def sym_ite(b: Any, t: Any, f: Any) -> Any:
    """One of two numbers of one type, by a bool. Source: ``torch.sym_ite``."""
    if not isinstance(b, bool):
        raise AssertionError(f"expected SymBool or bool, got {type(b)}")
    if type(t) is not type(f):
        raise AssertionError(f"type mismatch: {type(t)} vs {type(f)}")
    return t if b else f


def sym_sum(*args: Any) -> Any:
    """The sum of numbers, given one by one or together. Source: ``torch.sym_sum``."""
    one = len(args) == 1 and isinstance(args[0], Iterable)
    return sum(args[0] if one else args)


def sym_constrain_range(size: Any, *, min: int | None = None, max: int | None = None) -> None:
    """Check that a number lies between two others.

    Raises:
        RuntimeError: it does not.

    Source: ``torch.sym_constrain_range``.
    """
    low, high = -(2**63) if min is None else min, 2**63 - 1 if max is None else max
    if not low <= size <= high:
        raise RuntimeError(f"Invalid value range for {size} between [{low}, {high}].")


def sym_constrain_range_for_size(
    size: Any, *, min: int | None = None, max: int | None = None
) -> None:
    """The same of a size, which is not negative. Source: ``torch.sym_constrain_range_for_size``."""
    if max is not None and max <= 2:
        raise RuntimeError(
            f"Max value to constrain_range_for_size must be greater than 2. got: {max}"
        )
    sym_constrain_range(size, min=0 if min is None else min, max=max)


for _f in (
    sym_int, sym_float, sym_not, sym_sqrt, sym_max, sym_min, sym_ite, sym_sum, sym_constrain_range,
    sym_constrain_range_for_size,
):  # fmt: skip
    FUNCTIONS[_f.__name__] = _f
