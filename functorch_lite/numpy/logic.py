"""Questions about values and dtypes, the parts of complex numbers, and dtype conversion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import SCALAR_TYPES, bool_, canonical, is_inexact
from functorch_lite.numpy.convert import (
    as_array,
    as_axis,
    cast,
    const,
    fill,
    promote,
    promote_inexact,
    to_bool,
    to_inexact,
)
from functorch_lite.numpy.elementwise import Function, _doc, _named, rad2deg
from functorch_lite.numpy.reductions import all


# -------------------------------------------------------------------------------- complex numbers
def real(x: Any, /) -> Array:
    """Real part, a real array of x's shape.

    >>> real(1 + 2j)
    Array(1., dtype=float32)
    """
    x = as_array(x, "real")
    return ops.real(x) if x.dtype.kind == "c" else x


def imag(x: Any, /) -> Array:
    """Imaginary part, a real array of x's shape; zeros for real x.

    >>> imag(1 + 2j)
    Array(2., dtype=float32)
    """
    x = as_array(x, "imag")
    return ops.imag(x) if x.dtype.kind == "c" else fill(x, shape=x.shape, dtype=x.dtype, value=0)


def conjugate(x: Any, /) -> Array:
    """Complex conjugate, x itself if it is real.

    >>> conjugate(1 + 2j)
    Array(1.-2.j, dtype=complex64)
    """
    x = as_array(x, "conjugate")
    return ops.conj(x) if x.dtype.kind == "c" else x


conj = conjugate


def angle(x: Any, deg: bool = False) -> Array:
    """Argument of a complex number, in radians or degrees.

    >>> angle(1 + 0j)
    Array(0., dtype=float32)
    """
    x = to_inexact(x, "angle")
    out = ops.atan2(imag(x), real(x))
    return rad2deg(out) if deg else out


# ------------------------------------------------------------------------------------- predicates
def _predicate(op: Any, exact: bool, line: str, call: str, answer: str) -> Function:
    name = call.split("(")[0]

    def fn(x: Any, /) -> Array:
        x = as_array(x, name)
        if is_inexact(x.dtype):
            return op(x)
        return fill(x, shape=x.shape, dtype=bool_, value=exact)

    return _named(
        fn, name, _doc(line, "    x: array or number.", "bool array of x's shape.", call, answer)
    )


isfinite = _predicate(
    ops.isfinite, True, "Neither infinite nor NaN.", "isfinite(1.0)", "Array(True, dtype=bool)"
)
isinf = _predicate(
    ops.isinf, False, "Infinite, of either sign.", "isinf(np.inf)", "Array(True, dtype=bool)"
)
isnan = _predicate(ops.isnan, False, "Not a number.", "isnan(np.nan)", "Array(True, dtype=bool)")


def signbit(x: Any, /) -> Array:
    """Whether the sign bit is set: x < 0, or x is -0.0.

    >>> signbit(-0.0)
    Array(True, dtype=bool)
    """
    x = as_array(x, "signbit")
    return ops.signbit(x) if is_inexact(x.dtype) else ops.lt(x, const(0, x.dtype))


def isneginf(x: Any, /) -> Array:
    """Whether x is minus infinity.

    >>> isneginf(-np.inf)
    Array(True, dtype=bool)
    """
    x = to_inexact(x, "isneginf")
    return ops.eq(x, const(-math.inf, x.dtype))


def isposinf(x: Any, /) -> Array:
    """Whether x is plus infinity.

    >>> isposinf(np.inf)
    Array(True, dtype=bool)
    """
    x = to_inexact(x, "isposinf")
    return ops.eq(x, const(math.inf, x.dtype))


def iscomplex(x: Any, /) -> Array:
    """Whether the imaginary part is not zero, elementwise.

    >>> iscomplex(1j)
    Array(True, dtype=bool)
    """
    part = imag(x)
    return ops.ne(part, const(0, part.dtype))


def isreal(x: Any, /) -> Array:
    """Whether the imaginary part is zero, elementwise.

    >>> isreal(1j)
    Array(False, dtype=bool)
    """
    return ops.bitwise_not(iscomplex(x))


def isclose(x: Any, y: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Array:
    """Whether |x - y| <= atol + rtol * |y|, elementwise.

    >>> isclose(1.0, 1.000001)
    Array(True, dtype=bool)
    """
    x, y = promote_inexact(x, y, fun="isclose")
    size, rtol, atol = promote(ops.abs(y), rtol, atol, fun="isclose")
    gap = cast(ops.abs(ops.sub(x, y)), size.dtype)
    near = ops.le(gap, ops.add(atol, ops.mul(rtol, size)))
    finite = ops.bitwise_and(ops.isfinite(x), ops.isfinite(y))
    out = ops.bitwise_or(ops.bitwise_and(near, finite), ops.eq(x, y))
    if equal_nan:
        out = ops.bitwise_or(out, ops.bitwise_and(ops.isnan(x), ops.isnan(y)))
    return out


def iscomplexobj(x: Any) -> bool:
    """Whether x has a complex dtype, whatever its values.

    >>> iscomplexobj(1j)
    True
    """
    return isinstance(x, complex) or getattr(getattr(x, "dtype", None), "kind", "") == "c"


def isrealobj(x: Any) -> bool:
    """Whether x has a real dtype.

    >>> isrealobj(1.0)
    True
    """
    return not iscomplexobj(x)


def isscalar(x: Any) -> bool:
    """Whether x is a number or a 0-d array.

    >>> isscalar(2.0)
    True
    """
    return isinstance(x, SCALAR_TYPES) or (isinstance(x, (Array, np.generic)) and x.ndim == 0)


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """x in another dtype; floats become integers by truncation, anything bool by ``x != 0``.

    Args:
        x: array or number.
        dtype: the dtype wanted.
        copy: accepted for the array API's sake; arrays never change.
        device: where the result shall live.

    Returns:
        array of x's shape.

    >>> astype(1.7, "int32")
    Array(1, dtype=int32)
    """
    del copy
    x = as_array(x, "astype") if not isinstance(x, Array) else x
    wanted = canonical(dtype)
    if x.dtype.kind == "c" and wanted.kind not in "cb":
        x = ops.real(x)
    out = to_bool(x, "astype") if wanted is bool_ else cast(x, wanted)
    return out if device is None else out.to_device(device)


# ----------------------------------------------------------------------------------- whole arrays
def allclose(x: Any, y: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Array:
    """Whether all elements are close, a bool array of shape (); see :func:`isclose`.

    >>> allclose(1.0, 1.000001)
    Array(True, dtype=bool)
    """
    return all(isclose(x, y, rtol, atol, equal_nan))


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Array:
    """Whether two arrays have one shape and equal elements, a bool array of shape ().

    >>> import numpy as np
    >>> array_equal(np.ones(2), np.ones((2, 1)))
    Array(False, dtype=bool)
    """
    x, y = as_array(a1, "array_equal", "a1"), as_array(a2, "array_equal", "a2")
    if x.shape != y.shape:
        return fill(x, shape=(), dtype=bool_, value=False)
    return all(_same_elements(x, y, equal_nan))


def array_equiv(a1: Any, a2: Any) -> Array:
    """Whether two arrays are equal after broadcasting, a bool array of shape ().

    >>> import numpy as np
    >>> array_equiv(np.ones(2), np.ones((2, 1)))
    Array(True, dtype=bool)
    """
    x, y = as_array(a1, "array_equiv", "a1"), as_array(a2, "array_equiv", "a2")
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return fill(x, shape=(), dtype=bool_, value=False)
    return all(_same_elements(x, y, False))


def _same_elements(x: Array, y: Array, equal_nan: bool) -> Array:
    x, y = promote(x, y)
    same = ops.eq(x, y)
    if equal_nan and is_inexact(x.dtype):
        same = ops.bitwise_or(same, ops.bitwise_and(ops.isnan(x), ops.isnan(y)))
    return same


def shape(a: Any) -> tuple[int, ...]:
    """The sizes of an array's axes.

    >>> shape(1.0)
    ()
    """
    return as_array(a, "shape", "a").shape


def ndim(a: Any) -> int:
    """The number of an array's axes.

    >>> ndim(1.0)
    0
    """
    return as_array(a, "ndim", "a").ndim


def size(a: Any, axis: int | None = None) -> int:
    """The number of an array's elements, or the size of one axis.

    >>> size(1.0)
    1
    """
    a = as_array(a, "size", "a")
    return a.size if axis is None else a.shape[as_axis(axis, a.ndim, "size")]
