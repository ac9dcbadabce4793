"""Public dtypes and questions about them."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from functorch_lite.core import dtypes as _core
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical, is_complex, is_float, is_integer
from functorch_lite.core.dtypes import promote_types as _promote_types
from functorch_lite.core.dtypes import result_type as _result_type
from functorch_lite.errors import DtypeError
from functorch_lite.numpy.convert import asarray


class ScalarType:
    """A dtype that can be called to make an array: ``float32(2)``.

    Equal to the ``numpy.dtype`` it stands for, and accepted wherever a dtype is.

    >>> float32(2), float32 == np.dtype("float32")
    (Array(2., dtype=float32), True)
    """

    __slots__ = ("dtype",)

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype

    def __call__(self, x: Any = 0) -> Array:
        return asarray(x, self.dtype)

    def __eq__(self, other: object) -> bool:
        try:
            return canonical(other) is self.dtype
        except DtypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return f"functorch_lite.numpy.{self.dtype.name}"

    @property
    def name(self) -> str:
        """The dtype's name."""
        return self.dtype.name


bool_ = ScalarType(_core.bool_)
int8, int16 = ScalarType(_core.int8), ScalarType(_core.int16)
int32, int64 = ScalarType(_core.int32), ScalarType(_core.int64)
uint8, uint16 = ScalarType(_core.uint8), ScalarType(_core.uint16)
uint32, uint64 = ScalarType(_core.uint32), ScalarType(_core.uint64)
float16, bfloat16 = ScalarType(_core.float16), ScalarType(_core.bfloat16)
float32, float64 = ScalarType(_core.float32), ScalarType(_core.float64)
complex64, complex128 = ScalarType(_core.complex64), ScalarType(_core.complex128)
int_, uint, float_, complex_ = int64, uint64, float32, complex64
half, single, double = float16, float32, float64
csingle, cdouble = complex64, complex128

# Where extrema start; for the layers above, which do not look into the core.
lowest, highest = _core.lowest, _core.highest

# Abstract kinds, for issubdtype.
generic, number, integer = np.generic, np.number, np.integer
signedinteger, unsignedinteger = np.signedinteger, np.unsignedinteger
inexact, floating, complexfloating = np.inexact, np.floating, np.complexfloating
dtype = np.dtype


def result_type(*args: Any) -> np.dtype[Any]:
    """The dtype that an operation on these arguments computes in.

    Args:
        *args: arrays, dtypes and Python scalars (which are weak).

    Returns:
        the joined dtype.

    >>> result_type("int32", 2.0)
    dtype('float32')
    """
    scalars = (bool, int, float, complex)
    return _result_type(*[x if isinstance(x, scalars) else _known(x) for x in args])


def _known(x: Any) -> Any:
    return x.dtype if isinstance(x, ScalarType) else x


def promote_types(a: Any, b: Any) -> np.dtype[Any]:
    """The smallest dtype of the lattice that holds both.

    >>> promote_types("uint8", "int8")
    dtype('int16')
    """
    return _promote_types(canonical(a), canonical(b))


def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    """Whether NumPy's casting rule allows a conversion; ``"safe"`` means along the lattice.

    >>> can_cast("int8", "int16"), can_cast("float32", "int32")
    (True, False)
    """
    source = canonical(from_.dtype if isinstance(from_, (Array, np.ndarray)) else from_)
    target = canonical(to)
    if casting == "safe":
        return _promote_types(source, target) is target
    return bool(np.can_cast(source, target, casting))  # type: ignore[arg-type]


_KINDS = {
    "bool": _core.is_bool,
    "signed integer": lambda d: d.kind == "i",
    "unsigned integer": lambda d: d.kind == "u",
    "integral": is_integer,
    "real floating": is_float,
    "complex floating": is_complex,
    "numeric": lambda d: not _core.is_bool(d),
}


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind.

    Args:
        dtype: a dtype.
        kind: a dtype; ``"bool"``, ``"signed integer"``, ``"unsigned integer"``, ``"integral"``,
            ``"real floating"``, ``"complex floating"`` or ``"numeric"``; or a tuple of these.

    >>> isdtype("int8", "integral"), isdtype("int8", ("bool", "real floating"))
    (True, False)
    """
    found = canonical(dtype)
    for one in kind if isinstance(kind, tuple) else (kind,):
        if isinstance(one, str) and one in _KINDS:
            if _KINDS[one](found):
                return True
        elif isinstance(one, str) and " " in one:
            raise ValueError(f"isdtype: unknown kind {one!r}. Known: {', '.join(_KINDS)}.")
        elif canonical(one) is found:
            return True
    return False


def issubdtype(arg1: Any, arg2: Any) -> bool:
    """Whether the first dtype is, or derives from, the second; bfloat16 counts as floating.

    >>> issubdtype("bfloat16", floating)
    True
    """
    if isinstance(arg1, type) and issubclass(arg1, np.generic) and arg1 in _ABSTRACT:
        return bool(np.issubdtype(arg1, arg2 if isinstance(arg2, type) else canonical(arg2)))
    found = canonical(arg1)
    if isinstance(arg2, type) and arg2 in _ABSTRACT:
        like = np.float16 if found is _core.bfloat16 else found.type
        return issubclass(like, arg2)
    return found is canonical(arg2)


_ABSTRACT = frozenset(
    (generic, number, integer, signedinteger, unsignedinteger, inexact, floating, complexfloating)
)


def _of_value(x: Any) -> Any:
    """The dtype of an array or number; dtypes as they are."""
    if isinstance(x, (Array, np.ndarray, np.generic)):
        return x.dtype
    return _core.scalar_dtype(x) if isinstance(x, _core.SCALAR_TYPES) else x


def finfo(dtype: Any) -> Any:
    """Limits of a floating-point dtype (of the real one inside a complex dtype).

    >>> finfo("float32").bits, float(finfo("bfloat16").eps)
    (32, 0.0078125)
    """
    found = canonical(_of_value(dtype))
    if not _core.is_inexact(found):
        raise DtypeError(f"finfo: {found.name} is no floating-point dtype. Remedy: iinfo.")
    return ml_dtypes.finfo(found) if found is _core.bfloat16 else np.finfo(found)


def iinfo(dtype: Any) -> Any:
    """Limits of an integer dtype.

    >>> iinfo("int8").max
    127
    """
    found = canonical(_of_value(dtype))
    if not is_integer(found):
        raise DtypeError(f"iinfo: {found.name} is no integer dtype. Remedy: finfo.")
    return np.iinfo(found)
