"""Which dtype an operation computes in: PyTorch's promotion between tensors and Python numbers.

Operands come in three ranks: tensors with dimensions, tensors without, and Python numbers. One of
a lower rank changes the result only where its category (bool, integral, floating, complex) is
higher, and then as far as the category asks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import default, dtype_argument
from functorch_lite.torch._core.dtypes import dtype as DType

__all__ = ["can_cast", "common_dtype", "pair_dtype", "promote_types", "result_type", "with_scalar"]

_FLOAT8 = frozenset((dtypes.float8_e4m3fn, dtypes.float8_e5m2))
_WIDE_UNSIGNED = frozenset((dtypes.uint16, dtypes.uint32, dtypes.uint64))


# -------------------------------------------------------------------------------------- the lattice
def _promote(a: DType, b: DType) -> DType:
    """The dtype that holds the values of two operands of the same rank."""
    if a is b:
        return a
    if a in _FLOAT8 or b in _FLOAT8:
        raise RuntimeError(
            "Promotion for Float8 Types is not supported, attempted to promote "
            f"{a.scalar_name} and {b.scalar_name}"
        )
    if a in _WIDE_UNSIGNED or b in _WIDE_UNSIGNED:
        if a.kind == 2:
            return a
        if b.kind == 2:
            return b
        raise RuntimeError(
            "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
            f"{a.scalar_name} and {b.scalar_name}"
        )
    low, high = (a, b) if a.kind <= b.kind else (b, a)
    if high.kind == 3 and low.kind >= 2:
        return _promote(low.to_real(), high.to_real()).to_complex()
    if high.kind > low.kind:
        return high
    if a.itemsize != b.itemsize:
        return a if a.itemsize > b.itemsize else b
    # Two of one size: neither uint8 and int8 nor the two half precisions hold each other.
    return dtypes.int16 if high.kind == 1 else dtypes.float32


def _raise(high: DType | None, low: DType | None) -> DType | None:
    """The result of a higher rank, raised as far as the category of a lower rank asks for."""
    if high is None or low is None:
        return low if high is None else high
    if high.kind == 3:
        return high
    if high.kind == 2:
        return high.to_complex() if low.kind == 3 else high
    if low.kind == 3:
        return low
    if high.kind == 0 or low.kind == 2:
        return _promote(high, low)
    return high


class _SameRank(dict[tuple[DType, DType], DType]):
    """Results for two operands of one rank, made when first asked for."""

    def __missing__(self, key: tuple[DType, DType]) -> DType:
        result = self[key] = _promote(*key)
        return result


class _FirstRanks(dict[tuple[DType, DType], DType]):
    """Results for an operand and one of a lower rank, made when first asked for."""

    def __missing__(self, key: tuple[DType, DType]) -> DType:
        result = _raise(*key)
        assert result is not None
        self[key] = result
        return result


_SAME = _SameRank()
_FIRST = _FirstRanks()


def promote_types(type1: DType, type2: DType) -> DType:
    """The smallest dtype that is at least of the size and the category of both.

    Args:
        type1, type2: any dtypes, or Python's types of numbers.

    Raises:
        RuntimeError: PyTorch has no answer: float8, or uint16, uint32, uint64 with integers.
        TypeError: an argument is no dtype.

    >>> promote_types(dtypes.int8, dtypes.uint8), promote_types(dtypes.float16, dtypes.bfloat16)
    (torch.int16, torch.float32)

    Source: ``torch.promote_types``.
    """
    a = dtype_argument(type1, "promote_types(): argument 'type1' (position 1)")
    b = dtype_argument(type2, "promote_types(): argument 'type2' (position 2)")
    return _SAME[a, b]


def can_cast(from_: DType, to: DType) -> bool:
    """Whether values may be cast in place: never to a lower category.

    Args:
        from_, to: any dtypes, or Python's types of numbers.

    Raises:
        TypeError: an argument is no dtype.

    >>> can_cast(dtypes.float64, dtypes.float16), can_cast(dtypes.float32, dtypes.int64)
    (True, False)

    Source: ``torch.can_cast``.
    """
    source = dtype_argument(from_, "can_cast(): argument 'from_' (position 1)")
    target = dtype_argument(to, "can_cast(): argument 'to' (position 2)")
    return source.kind <= target.kind


# ------------------------------------------------------------------------------- rules of operators
def pair_dtype(a: DType, a_ndim: int, b: DType, b_ndim: int) -> DType:
    """The dtype in which an operator of two tensors computes.

    Args:
        a, b: the operands' dtypes.
        a_ndim, b_ndim: how many dimensions they have; only zero or not matters.

    Raises:
        RuntimeError: as :func:`promote_types`.

    >>> pair_dtype(dtypes.float32, 2, dtypes.float64, 0)
    torch.float32

    Source: ``torch.result_type``.
    """
    if a is b:
        return a
    if a_ndim:
        return _SAME[a, b] if b_ndim else _FIRST[a, b]
    return _FIRST[b, a] if b_ndim else _SAME[a, b]


def with_scalar(dtype: DType, ndim: int, python_type: type) -> DType:
    """The dtype in which an operator of a tensor and a Python number computes.

    Args:
        dtype: the tensor's dtype.
        ndim: taken beside ``dtype`` as in :func:`pair_dtype`; tensors of every ndim rank higher.
        python_type: bool, int, float, complex, a subclass of them, or a NumPy scalar type.

    Raises:
        TypeError: the type is none of these.
        RuntimeError: a complex number with float8.

    >>> with_scalar(dtypes.int64, 1, float), with_scalar(dtypes.float16, 0, int)
    (torch.float32, torch.float16)

    Source: ``torch.result_type``.
    """
    # Taken before the default dtype is read: see dtypes.Default.set.
    known = default.scalars
    try:
        return known[dtype, python_type]
    except KeyError:
        brought = number_dtype(python_type)
        if brought is None:
            raise TypeError(f"not a type of numbers: {python_type.__name__}") from None
        result = known[dtype, python_type] = _FIRST[dtype, brought]
        return result


def number_dtype(python_type: type) -> DType | None:
    """The dtype that a Python number brings to an operation; None for what is no number.

    Args:
        python_type: the number's type. NumPy's scalars follow PyTorch: integers are ints, and all
            others that no Python type is a base of, bools included, are floats.

    >>> number_dtype(bool), number_dtype(float), number_dtype(str)
    (torch.bool, torch.float32, None)
    """
    if python_type is int:
        return dtypes.int64
    if issubclass(python_type, float):
        return default.dtype
    if issubclass(python_type, bool):
        return dtypes.bool
    if issubclass(python_type, (int, np.integer)):
        return dtypes.int64
    if issubclass(python_type, complex):
        return default.complex
    if issubclass(python_type, (np.number, np.bool_)):
        return default.dtype
    return None


def common_dtype(
    with_dims: DType | None, zero_dim: DType | None, scalars: DType | None
) -> DType:  # fmt: skip
    """The dtype of an operation from what each rank of operands has promoted to.

    Args:
        with_dims: of the tensors with dimensions; None where there is none of them.
        zero_dim: of the tensors without dimensions.
        scalars: of the Python numbers, floats as the default dtype.

    Raises:
        ValueError: there is no operand at all.
        RuntimeError: as :func:`promote_types`.

    >>> common_dtype(dtypes.int8, dtypes.int64, dtypes.float32)
    torch.float32

    Source: ``torch.result_type``.
    """
    result = _raise(with_dims, _raise(zero_dim, scalars))
    if result is None:
        raise ValueError("common_dtype needs at least one operand")
    return result


def result_type(operands: Iterable[Any]) -> DType:
    """The dtype in which an operator of tensors and Python numbers computes.

    Args:
        operands: Python numbers, and objects with a ``dtype`` of PyTorch and an ``ndim``.

    Raises:
        TypeError: an operand is neither, or there is none.
        OverflowError: an integer has more than 64 bits.
        RuntimeError: as :func:`promote_types`.

    >>> result_type([1, True, 2.5])
    torch.float32

    Source: ``torch.result_type``.
    """
    operands = tuple(operands)
    with_dims: DType | None = None
    zero_dim: DType | None = None
    scalars: DType | None = None
    for operand in operands:
        found = getattr(operand, "dtype", None)
        if found.__class__ is DType:
            if operand.ndim:
                with_dims = found if with_dims is None else _SAME[with_dims, found]
            else:
                zero_dim = found if zero_dim is None else _SAME[zero_dim, found]
            continue
        found = number_dtype(type(operand))
        if found is None:
            raise TypeError(_invalid_operands(operands))
        if found is dtypes.int64:
            found = _int_dtype(operand)
        scalars = found if scalars is None else _SAME[scalars, found]
    if not operands:
        raise TypeError(_invalid_operands(operands))
    return common_dtype(with_dims, zero_dim, scalars)


def _int_dtype(value: int) -> DType:
    """The dtype that a Python integer brings: uint64 where int64 does not hold it."""
    if -(2**63) <= value < 2**63:
        return dtypes.int64
    if value < 0:
        raise OverflowError("can't convert negative int to unsigned")
    if value >= 2**64:
        raise OverflowError("int too big to convert")
    return dtypes.uint64


def _invalid_operands(operands: tuple[Any, ...]) -> str:
    """The message for operands that are no tensors or numbers."""
    kinds = ", ".join(type(operand).__name__ for operand in operands)
    return (
        f"result_type() received an invalid combination of arguments - got ({kinds}), but expected "
        "tensors and numbers"
    )
