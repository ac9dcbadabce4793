"""Casts, reinterpretation of bits, parts of complex numbers and the gradient stop."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.dtypes import complex64, complex128, float32, float64
from functorch_lite.core.op import Op
from functorch_lite.errors import DtypeError
from functorch_lite.ops.families import NOT_DIFFERENTIABLE, elementwise, zeros_like


def _cast(xp: Any, x: Any, *, dtype: Any) -> Any:
    dtype = np.dtype(dtype)
    if x.dtype.kind == "c" and dtype.kind not in "cb":
        x = x.real
    if dtype.kind in "iu" and x.dtype.kind in "fV" and x.size:
        return _to_integer(xp, x, dtype)
    return x.astype(dtype)


def _to_integer(xp: Any, x: Any, dtype: Any) -> Any:
    """Integers of floats, toward zero: NaN gives 0, what lies outside the nearest that there is.

    NumPy leaves those to the processor.
    """
    if x.dtype.itemsize < 4:
        x = x.astype(float32)  # where the bounds are numbers
    info = np.iinfo(dtype)
    low, beyond = x.dtype.type(info.min), x.dtype.type(2.0 ** (info.bits - (info.min < 0)))
    if xp is np:
        # Reductions are quicker than comparisons, and NaN is nowhere inside.
        least, most = np.minimum.reduce(x, axis=None), np.maximum.reduce(x, axis=None)
        if low <= least and most < beyond:
            return x.astype(dtype)
    inside = (x > low) & (x < beyond)
    made = xp.where(inside, x, 0).astype(dtype)
    made = xp.where(x <= low, dtype.type(info.min), made)
    return xp.where(x >= beyond, dtype.type(info.max), made)


def _cast_dx(t: Any, x_dtype: Any, dtype: Any) -> Any:
    # A tangent has the operand's dtype and goes forward; a cotangent the answer's, and back.
    return cast(t, dtype=dtype if t.dtype == x_dtype else x_dtype)


def _cast_dtype(source: Any, dtype: Any) -> Any:
    return dtype


cast = elementwise(
    "cast", _cast, (_cast_dx,), result=_cast_dtype, kinds="bifc", code="({dtype}){0}"
)


def _bitcast(xp: Any, x: Any, *, dtype: Any) -> Any:
    return x.view(dtype)


def _bitcast_dtype(source: Any, dtype: Any) -> Any:
    if source.itemsize != dtype.itemsize or dtype.kind == "b":
        raise DtypeError(
            f"bitcast: expected a non-bool dtype of {8 * source.itemsize} bits, the width of "
            f"{source.name}; got {dtype.name}. Remedy: cast by value with astype('{dtype.name}')."
        )
    return dtype


bitcast = elementwise(
    "bitcast",
    _bitcast,
    NOT_DIFFERENTIABLE,
    result=_bitcast_dtype,
    kinds="ifc",
    code="bitcast({0}, {dtype})",
)


# ----------------------------------------------------------------------------------------- complex
def _complex(xp: Any, re: Any, im: Any) -> Any:
    # re + 1j * im would turn an infinite part into a NaN in the other one.
    dtype = complex128 if re.dtype == float64 else complex64
    answer = xp.empty(np.broadcast_shapes(re.shape, im.shape), dtype)
    answer.real = re
    answer.imag = im
    return answer


def _complex_dtype(re: Any, im: Any) -> Any:
    return complex128 if re == float64 else complex64


def _part_dtype(source: Any) -> Any:
    return float32 if source == complex64 else float64


# Cotangents pair with tangents as Re(ct * t), without a conjugate: then products, exponentials and
# all other holomorphic functions are their own transposes, as real ones are.
complex: Op = elementwise(
    "complex",
    _complex,
    (lambda t: complex(t, zeros_like(t)), lambda t: complex(zeros_like(t), t)),
    transposed=(lambda ct: real(ct), lambda ct: imag(conj(ct))),
    operands=("re", "im"),
    result=_complex_dtype,
    kinds="f",
    domain=((-3.0, 3.0), (-3.0, 3.0)),
    code="complex({0}, {1})",
)
conj: Op = elementwise("conj", np.conjugate, (lambda t: conj(t),), kinds="ifc", code="conj({0})")


def _real(xp: Any, x: Any) -> Any:
    return x.real


def _imag(xp: Any, x: Any) -> Any:
    return x.imag


real: Op = elementwise(
    "real",
    _real,
    (lambda t: real(t),),
    transposed=(lambda ct: complex(ct, zeros_like(ct)),),
    result=_part_dtype,
    kinds="c",
    code="creal({0})",
)
imag: Op = elementwise(
    "imag",
    _imag,
    (lambda t: imag(t),),
    transposed=(lambda ct: conj(complex(zeros_like(ct), ct)),),
    result=_part_dtype,
    kinds="c",
    code="cimag({0})",
)


def _identity(xp: Any, x: Any) -> Any:
    return x


stop_gradient = elementwise(
    "stop_gradient", _identity, NOT_DIFFERENTIABLE, kinds="bifc", code="{0}"
)
