"""Numbers by their bits: the high half of a product, floats with fewer bits."""

from __future__ import annotations

import operator
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import (
    SCALAR_TYPES,
    bfloat16,
    canonical,
    is_float,
    is_integer,
    scalar_dtype,
)
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.numpy.convert import as_array, cast, const
from functorch_lite.numpy.shapes import broadcast_shapes, broadcast_to
from functorch_lite.transforms.custom_jvp import custom_jvp

__all__ = ["mulhi", "reduce_precision"]


def mulhi(x: Any, y: Any, /) -> Array:
    """The upper half of the bits of a product of integers.

    Args:
        x, y: integers of one dtype, of as many axes (or scalars), with sizes that broadcast.

    Raises:
        DtypeError: other dtypes, or two of them.
        ShapeError: shapes that do not broadcast axis by axis.

    >>> import numpy as np
    >>> mulhi(np.int8(100), np.int8(-77))
    Array(-31, dtype=int8)

    Source: ``jax.lax.mulhi``; Knuth, "The art of computer programming", volume 2, 4.3.1, for 64
    bits.
    """
    x, y = _integers(x, y)
    bits = 8 * x.dtype.itemsize
    if bits < 64:
        wide = canonical(f"{'int' if x.dtype.kind == 'i' else 'uint'}{2 * bits}")
        product = ops.mul(cast(x, wide), cast(y, wide))
        return cast(ops.shift_right(product, const(bits, wide)), x.dtype)
    # Halves of 32 bits: the lower ones without sign, the upper ones with that of the number.
    half, mask = const(32, x.dtype), const(2**32 - 1, x.dtype)
    (x1, x0), (y1, y0) = ((ops.shift_right(v, half), ops.bitwise_and(v, mask)) for v in (x, y))
    unsigned = canonical("uint64")
    low = ops.mul(cast(x0, unsigned), cast(y0, unsigned))
    low = cast(ops.shift_right(low, const(32, unsigned)), x.dtype)
    middle = ops.add(ops.mul(x1, y0), low)
    other = ops.add(ops.mul(x0, y1), ops.bitwise_and(middle, mask))
    high = ops.add(ops.mul(x1, y1), ops.shift_right(middle, half))
    out: Array = ops.add(high, ops.shift_right(other, half))
    return out


def _integers(x: Any, y: Any) -> tuple[Array, Array]:
    """Both operands as arrays of one integer dtype and one shape."""
    given = {"x": x, "y": y}
    known = {k: as_array(v, "mulhi", k) for k, v in given.items() if type(v) not in SCALAR_TYPES}
    dtypes = {v.dtype for v in known.values()} or {scalar_dtype(x)}
    if len(dtypes) > 1 or not all(is_integer(d) for d in dtypes):
        raise DtypeError(
            "lax.mulhi: x and y must be integers of one dtype; got "
            f"{' and '.join(sorted(d.name for d in dtypes))}. Remedy: convert_element_type(x, "
            "'int32')."
        )
    dtype = dtypes.pop()
    a, b = (known[k] if k in known else const(v, dtype) for k, v in given.items())
    if a.ndim and b.ndim and a.ndim != b.ndim:
        raise ShapeError(
            f"lax.mulhi: x and y must have as many axes; got shapes {a.shape} and {b.shape}. "
            "Remedy: broadcast_to_rank."
        )
    shape = broadcast_shapes(a.shape, b.shape)
    return broadcast_to(a, shape), broadcast_to(b, shape)


# ---------------------------------------------------------------------------------- fewer bits
def reduce_precision(operand: Any, exponent_bits: int, mantissa_bits: int) -> Array:
    """Floats rounded to those that a format with fewer bits has, in the dtype that they have.

    Halves are rounded to even; what is too large becomes infinite, what is too small for a normal
    number of the format zero. Tangents and cotangents pass as they are.

    Args:
        operand: array of real floats.
        exponent_bits: bits of the exponent, at least 1; as many as the dtype has leave it alone.
        mantissa_bits: bits of the mantissa without the leading one.

    Raises:
        DtypeError: the operand holds no real floats.
        ValueError: no exponent, or a negative number of bits.

    >>> reduce_precision(3.14159, 5, 3)
    Array(3.25, dtype=float32)

    Source: ``jax.lax.reduce_precision``; XLA's operation of this name.
    """
    x = as_array(operand, "reduce_precision", "operand")
    exponent, mantissa = operator.index(exponent_bits), operator.index(mantissa_bits)
    if not is_float(x.dtype):
        raise DtypeError(
            f"lax.reduce_precision: operand must hold real floats; got {x.dtype.name}. Remedy: "
            "convert_element_type(operand, 'float32')."
        )
    if exponent < 1 or mantissa < 0:
        raise ValueError(
            "lax.reduce_precision: exponent_bits must be positive and mantissa_bits not negative; "
            f"got {exponent_bits} and {mantissa_bits}. Remedy: 8 and 7, which is bfloat16."
        )
    out: Array = _rounded(x, exponent, mantissa)
    return out


_EXPONENTS = {"float16": 5, bfloat16.name: 8, "float32": 8, "float64": 11}


def _by_bits(x: Array, exponent: int, mantissa: int) -> Array:
    width = 8 * x.dtype.itemsize
    unsigned = canonical(f"uint{width}")
    exponents = _EXPONENTS[x.dtype.name]
    mantissas = width - 1 - exponents
    bits = ops.bitcast(x, dtype=unsigned)
    if mantissa < mantissas:
        drop = mantissas - mantissa
        last = ops.bitwise_and(_shifted(bits, drop), const(1, unsigned))
        bits = ops.add(bits, ops.add(last, const((1 << (drop - 1)) - 1, unsigned)))
        bits = ops.bitwise_and(bits, const((1 << width) - (1 << drop), unsigned))
    if exponent < exponents:
        bias, reduced = (1 << (exponents - 1)) - 1, (1 << (exponent - 1)) - 1
        full = ((1 << exponents) - 1) << mantissas
        found = ops.bitwise_and(bits, const(full, unsigned))
        zero = ops.bitwise_and(bits, const(1 << (width - 1), unsigned))
        infinite = ops.bitwise_or(zero, const(full, unsigned))
        too_large = ops.gt(found, const((bias + reduced) << mantissas, unsigned))
        too_small = ops.le(found, const((bias - reduced) << mantissas, unsigned))
        bits = ops.select(too_large, infinite, ops.select(too_small, zero, bits))
    return ops.select(ops.isnan(x), x, ops.bitcast(bits, dtype=x.dtype))


def _shifted(bits: Array, by: int) -> Array:
    return ops.shift_right(bits, const(by, bits.dtype))


_rounded = custom_jvp(_by_bits, nondiff_argnums=(1, 2))


@_rounded.defjvp
def _rounded_jvp(
    exponent: int, mantissa: int, primals: tuple[Array], tangents: tuple[Array]
) -> tuple[Array, Array]:
    return _rounded(*primals, exponent, mantissa), tangents[0]
