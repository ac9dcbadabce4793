"""Dtypes: the supported set, the promotion lattice, and the rules for Python scalars.

Between arrays the lattice is JAX's (with 64-bit types enabled)::

    bool -> uint8 .. uint64, int8 .. int64 -> bfloat16, float16 -> float32 -> float64 -> complex

An integer never widens a float (``int64 + float16`` is ``float16``), and the two types that no
integer type holds together, ``uint64`` and a signed one, meet in ``float64``.  Python scalars are
weak: they take the dtype of the array beside them and only raise its kind (``int32 + 1.0`` is
``float32``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache, reduce
from typing import Any

import ml_dtypes
import numpy as np

from functorch_lite.core.trace import state
from functorch_lite.errors import DtypeError

__all__ = [
    "DTYPES",
    "SCALAR_TYPES",
    "bfloat16",
    "bool_",
    "canonical",
    "complex64",
    "complex128",
    "default_dtype",
    "default_float",
    "default_int",
    "float0",
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_bool",
    "is_complex",
    "is_float",
    "is_inexact",
    "is_integer",
    "promote_types",
    "result_type",
    "scalar_dtype",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "weak_join",
    "weak_result_type",
]

DType = np.dtype[Any]

bool_: DType = np.dtype(np.bool_)
int8: DType = np.dtype(np.int8)
int16: DType = np.dtype(np.int16)
int32: DType = np.dtype(np.int32)
int64: DType = np.dtype(np.int64)
uint8: DType = np.dtype(np.uint8)
uint16: DType = np.dtype(np.uint16)
uint32: DType = np.dtype(np.uint32)
uint64: DType = np.dtype(np.uint64)
float16: DType = np.dtype(np.float16)
bfloat16: DType = np.dtype(ml_dtypes.bfloat16)
float32: DType = np.dtype(np.float32)
float64: DType = np.dtype(np.float64)
complex64: DType = np.dtype(np.complex64)
complex128: DType = np.dtype(np.complex128)
# The dtype of a derivative with respect to an integer: it holds no information, hence no bytes.
float0: DType = np.dtype([("float0", np.void, 0)])

_SIGNED = (int8, int16, int32, int64)
_UNSIGNED = (uint8, uint16, uint32, uint64)
_FLOATS = frozenset((float16, bfloat16, float32, float64))
_COMPLEX = frozenset((complex64, complex128))
_INTEGERS = frozenset(_SIGNED + _UNSIGNED)
_INEXACT = _FLOATS | _COMPLEX

DTYPES: tuple[DType, ...] = (
    bool_, *_SIGNED, *_UNSIGNED, float16, bfloat16, float32, float64, complex64, complex128,
)  # fmt: skip
"""Every dtype an array may have."""

SCALAR_TYPES = (bool, int, float, complex)
"""Python's scalar types; np.float64 and np.complex128 derive from them, so they are weak too."""


def default_float() -> DType:
    """The dtype of a Python float that meets no array: float32.

    >>> default_float()
    dtype('float32')
    """
    return float32


def default_int() -> DType:
    """The dtype of a Python int that meets no array: int64.

    >>> default_int()
    dtype('int64')
    """
    return int64


def is_float(dtype: DType) -> bool:
    """Whether a dtype is a real floating-point one (bfloat16 included)."""
    return dtype in _FLOATS


def is_half(dtype: DType) -> bool:
    """Whether a dtype is a 16-bit real floating type."""
    return dtype.itemsize == 2 and is_float(dtype)


def is_complex(dtype: DType) -> bool:
    """Whether a dtype is complex."""
    return dtype in _COMPLEX


def is_inexact(dtype: DType) -> bool:
    """Whether a dtype is floating-point or complex."""
    return dtype in _INEXACT


def is_integer(dtype: DType) -> bool:
    """Whether a dtype is a signed or unsigned integer; bool is not."""
    return dtype in _INTEGERS


def is_bool(dtype: DType) -> bool:
    """Whether a dtype is bool."""
    return dtype is bool_ or dtype == bool_


# ---------------------------------------------------------------------------------- names to dtypes
_CANONICAL: dict[Any, DType] = {dtype: dtype for dtype in DTYPES}
_CANONICAL.update((dtype.type, dtype) for dtype in DTYPES)
_CANONICAL.update((dtype.name, dtype) for dtype in DTYPES)
_CANONICAL.update({bool: bool_, int: int64, float: float32, complex: complex64, float0: float0})


def canonical(dtype_like: Any) -> DType:
    """The supported dtype that a name, type or dtype stands for.

    Python's own ``float``, ``int`` and ``complex`` stand for the defaults; other byte orders and
    aliases (``longlong``) for the native dtype of the same meaning.

    Args:
        dtype_like: np.dtype, scalar type, name, or an object with a ``dtype`` attribute.

    Returns:
        The one np.dtype object for it, so that dtypes may be compared with ``is``.

    Raises:
        DtypeError: for dtypes that arrays do not have (object, str, longdouble …).

    >>> canonical(float), canonical("bfloat16"), canonical(np.int8)
    (dtype('float32'), dtype(bfloat16), dtype('int8'))
    """
    try:
        return _CANONICAL[dtype_like]
    except (KeyError, TypeError):
        return _canonical_slow(dtype_like)


def _canonical_slow(dtype_like: Any) -> DType:
    if dtype_like is None:
        raise _unsupported("None", "leave the argument out, or pass a dtype such as 'float32'")
    try:
        dtype = np.dtype(dtype_like).newbyteorder("=")
    except TypeError:
        raise _unsupported(repr(dtype_like), "pass a dtype such as 'float32'") from None
    found = _CANONICAL.get(dtype)
    if found is None:
        raise _unsupported(
            dtype.name, "convert the data first, e.g. with ndarray.astype('float32')"
        )
    return found


def _unsupported(what: str, remedy: str) -> DtypeError:
    known = ", ".join(dtype.name for dtype in DTYPES)
    return DtypeError(f"dtype: expected one of {known}; got {what}. Remedy: {remedy}.")


# -------------------------------------------------------------------------------------- the lattice
def _join_floats(a: DType, b: DType) -> DType:
    if a is b:
        return a
    if a in _COMPLEX or b in _COMPLEX:
        return complex128 if complex128 in (a, b) or float64 in (a, b) else complex64
    return float64 if float64 in (a, b) else float32


def _join_integers(a: DType, b: DType) -> DType:
    if (a.kind == "i") == (b.kind == "i"):
        return a if a.itemsize >= b.itemsize else b
    signed, unsigned = (a, b) if a.kind == "i" else (b, a)
    if signed.itemsize > unsigned.itemsize:
        return signed
    return {1: int16, 2: int32, 4: int64, 8: float64}[unsigned.itemsize]


def _join(a: DType, b: DType) -> DType:
    if a is b or b is bool_:
        return a
    if a is bool_:
        return b
    if a in _INEXACT or b in _INEXACT:
        if a not in _INEXACT:
            return b
        return a if b not in _INEXACT else _join_floats(a, b)
    return _join_integers(a, b)


_TABLE: dict[tuple[DType, DType], DType] = {(a, b): _join(a, b) for a in DTYPES for b in DTYPES}


def promote_types(a: Any, b: Any) -> DType:
    """The smallest dtype of the lattice that holds both.

    >>> promote_types("int64", "float16"), promote_types("bfloat16", "float16")
    (dtype('float16'), dtype('float32'))
    """
    try:
        return _TABLE[a, b]
    except (KeyError, TypeError):
        return _TABLE[canonical(a), canonical(b)]


# ------------------------------------------------------------------------------------- weak scalars
_RANK = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2, "c": 3}
_WEAK_ALONE = (bool_, int64, float32, complex64)
_WEAK_WIDE = (bool_, int64, float64, complex128)


def scalar_dtype(value: Any) -> DType:
    """The dtype of a Python scalar that meets no array.

    >>> scalar_dtype(True), scalar_dtype(2), scalar_dtype(2.0), scalar_dtype(2j)
    (dtype('bool'), dtype('int64'), dtype('float32'), dtype('complex64'))
    """
    return _WEAK_ALONE[_scalar_rank(value)]


def default_dtype(dtype: DType) -> DType:
    """The dtype that a weak value of the given dtype takes when it meets no array.

    >>> default_dtype(np.dtype("float64")), default_dtype(np.dtype("bool"))
    (dtype('float32'), dtype('bool'))
    """
    return _WEAK_ALONE[_RANK[dtype.kind]]


def _scalar_rank(value: Any) -> int:
    if isinstance(value, bool):
        return 0
    if isinstance(value, int):
        return 1
    return 2 if isinstance(value, float) else 3


def weak_join(strong: DType, rank: int) -> DType:
    """What an array's dtype becomes beside a weak bool, int, float or complex (rank 0 to 3)."""
    have = _RANK[strong.kind]
    if have >= rank:
        return strong
    if rank == 3 and have == 2:
        return complex128 if strong is float64 else complex64
    return _WEAK_ALONE[rank]


def weak_result_type(*args: Any) -> tuple[DType, bool]:
    """The joined dtype, and whether it is weak because no strong argument took part.

    Weak values keep the precision they have until they meet an array, so here (unlike in
    :func:`result_type`) two weak float64 values stay float64.

    >>> weak_result_type(1, 2.0), weak_result_type(np.dtype("float16"), 2.0)
    ((dtype('float64'), True), (dtype('float16'), False))
    """
    if state.strict:
        _check_strict(args)
    inexact = integer = (
        None  # joined apart: beside a float, two integer types do not meet in float64
    )
    rank, weak_dtype = -1, None
    for arg in args:
        if isinstance(arg, SCALAR_TYPES):
            rank = max(rank, _scalar_rank(arg))
            continue
        dtype, weak = _dtype_of(arg)
        if weak:
            rank = max(rank, _RANK[dtype.kind])
            weak_dtype = dtype if weak_dtype is None else _TABLE[weak_dtype, dtype]
        elif dtype in _INEXACT:
            inexact = dtype if inexact is None else _join_floats(inexact, dtype)
        else:
            integer = dtype if integer is None else _TABLE[integer, dtype]
    strong = integer if inexact is None else inexact
    if strong is not None:
        return (strong if rank < 0 else weak_join(strong, rank)), False
    if rank < 0:
        raise DtypeError("result_type: expected at least one array, dtype or scalar; got none.")
    if weak_dtype is None:
        return _WEAK_WIDE[rank], True
    kept = _RANK[weak_dtype.kind] >= rank
    return (weak_dtype if kept else _TABLE[weak_dtype, _WEAK_WIDE[rank]]), True


def _check_strict(args: tuple[Any, ...]) -> None:
    """Raise where joining dtypes would change one, or a Python number the kind of one."""
    strong: dict[DType, None] = {}
    rank, number = -1, ""
    for arg in args:
        if isinstance(arg, SCALAR_TYPES):
            found, weak = _scalar_rank(arg), True
        else:
            dtype, weak = _dtype_of(arg)
            found = _RANK[dtype.kind]
        if not weak:
            strong[dtype] = None
        elif found > rank:
            rank, number = found, f"a Python {('bool', 'int', 'float', 'complex')[found]}"
    widens = bool(strong) and rank > _RANK[next(iter(strong)).kind]
    if len(strong) > 1 or widens:
        met = [dtype.name for dtype in strong] + [number] * widens
        raise DtypeError(
            f"numpy_dtype_promotion('strict'): expected operands of one dtype; got "
            f"{' and '.join(met)}. Remedy: convert one of them, e.g. "
            f"x.astype({_join_all(strong, rank).name!r})."
        )


def _join_all(strong: Iterable[DType], rank: int) -> DType:
    joined = reduce(lambda a, b: _TABLE[a, b], strong)
    return joined if rank < 0 else weak_join(joined, rank)


def lowest(dtype: DType) -> Any:
    """The value that a maximum starts from: no other is smaller.

    >>> lowest(np.dtype("int8")), lowest(np.dtype("float32"))
    (-128, -inf)
    """
    if dtype.kind == "b":
        return False
    return -math.inf if is_inexact(dtype) else int(np.iinfo(dtype).min)


def highest(dtype: DType) -> Any:
    """The value that a minimum starts from: no other is larger.

    >>> highest(np.dtype("int8")), highest(np.dtype("bool"))
    (127, True)
    """
    if dtype.kind == "b":
        return True
    return math.inf if is_inexact(dtype) else int(np.iinfo(dtype).max)


@lru_cache(maxsize=1024)
def _dtype_of_type(arg: Any) -> DType:
    return canonical(arg)


def _dtype_of(arg: Any) -> tuple[DType, bool]:
    if isinstance(arg, (np.dtype, type, str)):
        return _dtype_of_type(arg), False
    dtype = getattr(arg, "dtype", None)
    if dtype is None:
        raise DtypeError(
            f"result_type: expected arrays, dtypes or Python scalars; got {type(arg).__name__}. "
            "Remedy: convert it first with asarray."
        )
    return canonical(dtype), bool(getattr(arg, "weak", False))


def result_type(*args: Any) -> DType:
    """The dtype that an operation on these arguments computes in.

    Args:
        *args: arrays, dtypes and Python scalars, in any order. Python scalars (and np.float64,
            np.complex128 scalars, which are Python's floats and complexes) are weak.

    Returns:
        The joined dtype.

    Raises:
        DtypeError: for no argument, or one without a supported dtype.

    >>> result_type(np.dtype("int32"), 2.0), result_type(np.dtype("float16"), 2)
    (dtype('float32'), dtype('float16'))

    Source: JAX's type promotion semantics, with 64-bit types enabled.
    """
    dtype, weak = weak_result_type(*args)
    return default_dtype(dtype) if weak else dtype
