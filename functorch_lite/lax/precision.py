"""The argument ``precision`` of products: how exactly to multiply, and in what to sum up."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import numpy as np

from functorch_lite.core.dtypes import canonical, is_inexact, promote_types

__all__ = ["DotAlgorithm", "DotAlgorithmPreset", "Precision", "PrecisionLike", "sums_in"]


class Precision(enum.Enum):
    """How exactly to multiply: products here are always taken in full precision.

    >>> Precision.HIGHEST
    HIGHEST
    """

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2

    def __repr__(self) -> str:
        return self.name


class DotAlgorithm(NamedTuple):
    """How a product may be computed: with operands rounded to some dtypes, summed up in another.

    Here operands are not rounded, and a product is summed up in ``accumulation_type`` where that is
    wider than the operands; so a result is at least as exact as the algorithm's.

    Attributes:
        lhs_precision_type, rhs_precision_type: dtypes to which the operands may be rounded.
        accumulation_type: dtype of the sums.
        lhs_component_count, rhs_component_count: parts into which an operand may be split.
        num_primitive_operations: products of such parts.
        allow_imprecise_accumulation: whether some sums may be less exact.

    >>> DotAlgorithm("float16", "float16", "float32").accumulation_type
    'float32'
    """

    lhs_precision_type: Any
    rhs_precision_type: Any
    accumulation_type: Any
    lhs_component_count: int = 1
    rhs_component_count: int = 1
    num_primitive_operations: int = 1
    allow_imprecise_accumulation: bool = False


class DotAlgorithmPreset(enum.Enum):
    """Algorithms for products by name: dtypes of both operands and of the sums.

    The same holds for them as for :class:`DotAlgorithm`.

    >>> DotAlgorithmPreset.BF16_BF16_F32.accumulation_type
    dtype('float32')
    """

    DEFAULT = 1
    ANY_F8_ANY_F8_F32 = 2
    ANY_F8_ANY_F8_F32_FAST_ACCUM = 3
    ANY_F8_ANY_F8_ANY = 4
    ANY_F8_ANY_F8_ANY_FAST_ACCUM = 5
    F16_F16_F16 = 6
    F16_F16_F32 = 7
    BF16_BF16_BF16 = 8
    BF16_BF16_F32 = 9
    BF16_BF16_F32_X3 = 10
    BF16_BF16_F32_X6 = 11
    BF16_BF16_F32_X9 = 12
    TF32_TF32_F32 = 13
    TF32_TF32_F32_X3 = 14
    F32_F32_F32 = 15
    F64_F64_F64 = 16

    def __repr__(self) -> str:
        return f"DotAlgorithmPreset.{self.name}"

    @property
    def accumulation_type(self) -> np.dtype[Any] | None:
        """The dtype of the sums; None where that of the operands is meant."""
        parts = [part for part in self.name.split("_") if part in _SUMS]
        return canonical(_SUMS[parts[-1]]) if parts and self.name[-3:] != "ANY" else None


_SUMS = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}
_WORDS = (
    "highest", "float32", "high", "bfloat16_3x", "tensorfloat32", "default", "bfloat16", "fastest",
)  # fmt: skip

PrecisionLike = (
    str | Precision | tuple[str, str] | tuple[Precision, Precision] | DotAlgorithm
    | DotAlgorithmPreset | None
)  # fmt: skip
"""What the argument ``precision`` of products may be."""


def sums_in(fun: str, precision: Any, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which a product of operands of ``dtype`` is computed.

    Raises:
        ValueError: ``precision`` is not one of :data:`PrecisionLike`.

    >>> sums_in("dot", "F64_F64_F64", np.dtype("float32"))
    dtype('float64')
    """
    if precision is None or isinstance(precision, Precision):
        return dtype
    if isinstance(precision, str) and precision in DotAlgorithmPreset.__members__:
        precision = DotAlgorithmPreset[precision]
    if isinstance(precision, (DotAlgorithm, DotAlgorithmPreset)):
        wanted = precision.accumulation_type
        if wanted is None or not is_inexact(dtype):
            return dtype
        return promote_types(wanted, dtype)
    pair = precision if isinstance(precision, tuple) and len(precision) == 2 else (precision,)
    if not all(isinstance(p, Precision) or p in _WORDS for p in pair):
        raise ValueError(
            f"lax.{fun}: precision must be None, a Precision, a DotAlgorithm, a DotAlgorithmPreset "
            f"or its name, one of {', '.join(map(repr, _WORDS))}, or a pair of these words or of "
            f"Precisions; got {precision!r}. Remedy: precision=None, which multiplies exactly."
        )
    return dtype
