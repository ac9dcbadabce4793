"""Products of vectors and matrices, all of them one ``dot_general`` each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical, int64
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import (
    as_array,
    as_axis,
    axes_in_order,
    cast,
    fill,
    promote,
)
from functorch_lite.numpy.diagonals import diagonal
from functorch_lite.numpy.reductions import sum as _sum
from functorch_lite.numpy.shapes import broadcast_to, expand_dims, moveaxis


def _operands(x: Any, y: Any, fun: str, names: Sequence[str], preferred: Any) -> list[Array]:
    out = promote(x, y, fun=fun, names=names)
    return out if preferred is None else [cast(a, canonical(preferred)) for a in out]


def _dot(x: Array, y: Array, contract: Any, batch: Any = ((), ())) -> Array:
    if x.dtype.kind == "b":  # the product of bools is "and", their sum "or"
        wide = ops.dot_general(cast(x, int64), cast(y, int64), contract=contract, batch=batch)
        return cast(wide, x.dtype)
    return ops.dot_general(x, y, contract=contract, batch=batch)


def matmul(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Array:
    """Matrix product over the last two axes; leading axes broadcast.

    Args:
        a: array [..., n, k], or a vector [k].
        b: array [..., k, m], or a vector [k].
        precision: accepted for JAX's sake; products are always taken in full precision.
        preferred_element_type: dtype to compute in and to return.

    Returns:
        array [..., n, m]; without n or m where a or b is a vector.

    Raises:
        ShapeError: the inner sizes differ, the leading ones do not broadcast, or a is a scalar.

    >>> import numpy as np

    >>> matmul(np.eye(2), np.array([1.0, 2.0]))
    Array([1., 2.], dtype=float64)

    Source: numpy.matmul.
    """
    del precision
    x, y = _operands(a, b, "matmul", "ab", preferred_element_type)
    m, n = x.ndim, y.ndim
    if m == 0 or n == 0:
        raise ShapeError(
            f"matmul: needs at least one dimension each, got shapes {x.shape} and {y.shape}. "
            "Remedy: a * b multiplies by a scalar."
        )
    k = n - 2 if n > 1 else 0
    if x.shape[-1] != y.shape[k]:
        raise ShapeError(_mismatch(x.shape, y.shape, k))
    if n <= 2:
        return _dot(x, y, ((m - 1,), (k,)))
    if m == 1:
        return _dot(x, y, ((0,), (k,)))
    if m == 2:
        # The free axis of x comes out first and belongs before y's last one.
        return moveaxis(_dot(x, y, ((1,), (k,))), 0, -2)
    lead = _leading(x.shape, y.shape)
    x, y = broadcast_to(x, lead + x.shape[-2:]), broadcast_to(y, lead + y.shape[-2:])
    axes, d = tuple(range(len(lead))), len(lead)
    return _dot(x, y, ((d + 1,), (d,)), (axes, axes))


def _mismatch(x: tuple[int, ...], y: tuple[int, ...], k: int) -> str:
    text = (
        f"matmul: cannot multiply shapes {x} and {y}: axis {len(x) - 1} of the first has size "
        f"{x[-1]}, axis {k} of the second {y[k]}; they must be equal. Remedy: "
    )
    if len(y) > 1 and x[-1] == y[-1]:
        return text + "transpose the second, a @ b.mT."
    if len(x) > 1 and x[-2] == y[k]:
        return text + "transpose the first, a.mT @ b."
    if len(y) == len(x) == 2 and y[-1] == x[0]:
        return text + "exchange the operands, b @ a."
    return text + f"give the second {x[-1]} rows, or the first {y[k]} columns."


def _leading(x: tuple[int, ...], y: tuple[int, ...]) -> tuple[int, ...]:
    a, b = x[:-2], y[:-2]
    ndim = max(len(a), len(b))
    a, b = (1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b
    for i, (p, q) in enumerate(zip(a, b, strict=True)):
        if p != q and 1 not in (p, q):
            raise ShapeError(
                f"matmul: the leading axes of shapes {x} and {y} do not broadcast: counted from "
                f"the right, axis {-(ndim - i) - 2} is {p} in the first and {q} in the second. "
                "Remedy: make them equal, or one of them 1."
            )
    return tuple(q if p == 1 else p for p, q in zip(a, b, strict=True))


def dot(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Array:
    """Sum over the last axis of a and the second last (or only) axis of b.

    Args:
        a: array [..., k] or scalar.
        b: array [..., k, m], vector [k] or scalar.
        precision, preferred_element_type: as of :func:`matmul`.

    Returns:
        array of a's other axes followed by b's other axes.

    >>> import numpy as np

    >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    Array(11., dtype=float64)
    """
    del precision
    x, y = _operands(a, b, "dot", "ab", preferred_element_type)
    if x.ndim == 0 or y.ndim == 0:
        return ops.mul(x, y)
    k = max(y.ndim - 2, 0)
    if x.shape[-1] != y.shape[k]:
        raise ShapeError(_mismatch(x.shape, y.shape, k).replace("matmul", "dot"))
    return _dot(x, y, ((x.ndim - 1,), (k,)))


def vdot(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Array:
    """Scalar product of the flattened arrays, the first one conjugated.

    >>> import numpy as np

    >>> vdot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    Array(11., dtype=float64)
    """
    del precision
    x, y = _operands(a, b, "vdot", "ab", preferred_element_type)
    if x.size != y.size:
        raise ShapeError(
            f"vdot: shapes {x.shape} and {y.shape} hold different numbers of elements."
        )
    x = ops.conj(x) if x.dtype.kind == "c" else x
    x, y = ops.reshape(x, shape=(x.size,)), ops.reshape(y, shape=(y.size,))
    return _dot(x, y, ((0,), (0,)))


def vecdot(
    x1: Any,
    x2: Any,
    /,
    *,
    axis: int = -1,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """Scalar products along an axis, the first operand conjugated; other axes broadcast.

    >>> import numpy as np

    >>> vecdot(np.ones((2, 3)), np.arange(3.0))
    Array([3., 3.], dtype=float64)
    """
    del precision
    x, y = _operands(x1, x2, "vecdot", ("x1", "x2"), preferred_element_type)
    x = moveaxis(x, as_axis(axis, x.ndim, "vecdot"), -1)
    y = moveaxis(y, as_axis(axis, y.ndim, "vecdot"), -1)
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(
            f"vecdot: axis {axis} has size {x.shape[-1]} in the first operand and {y.shape[-1]} in "
            "the second; they must be equal."
        )
    x = ops.conj(x) if x.dtype.kind == "c" else x
    product = matmul(expand_dims(x, -2), expand_dims(y, -1))
    return ops.reshape(product, shape=product.shape[:-2])


def matvec(x1: Any, x2: Any, /) -> Array:
    """Matrices [..., n, k] times vectors [..., k]: array [..., n].

    >>> import numpy as np

    >>> matvec(np.eye(2), np.array([[1.0, 2.0]])).shape
    (1, 2)
    """
    out = matmul(x1, expand_dims(x2, -1))
    return ops.reshape(out, shape=out.shape[:-1])


def vecmat(x1: Any, x2: Any, /) -> Array:
    """Conjugated vectors [..., n] times matrices [..., n, k]: array [..., k].

    >>> import numpy as np

    >>> vecmat(np.array([[1.0, 2.0]]), np.eye(2)).shape
    (1, 2)
    """
    x = as_array(x1, "vecmat", "x1")
    x = ops.conj(x) if x.dtype.kind == "c" else x
    out = matmul(expand_dims(x, -2), x2)
    return ops.reshape(out, shape=(*out.shape[:-2], out.shape[-1]))


def inner(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Array:
    """Sum over the last axes of both.

    >>> import numpy as np

    >>> inner(np.ones((2, 3)), np.ones((4, 3))).shape
    (2, 4)
    """
    del precision
    x, y = _operands(a, b, "inner", "ab", preferred_element_type)
    if x.ndim == 0 or y.ndim == 0:
        return ops.mul(x, y)
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(
            f"inner: the last axes of shapes {x.shape} and {y.shape} must be equal. Remedy: dot "
            "takes the second last axis of b."
        )
    return _dot(x, y, ((x.ndim - 1,), (y.ndim - 1,)))


def outer(a: Any, b: Any, out: None = None) -> Array:
    """Every element of the flattened a times every element of the flattened b.

    >>> import numpy as np

    >>> outer(np.array([1, 2]), np.array([3, 4]))
    Array([[3, 4],
           [6, 8]], dtype=int64)
    """
    if out is not None:
        raise TypeError("outer: out must be None, because arrays never change.")
    x, y = promote(a, b, fun="outer", names="ab")
    return ops.mul(ops.reshape(x, shape=(x.size, 1)), ops.reshape(y, shape=(1, y.size)))


def tensordot(
    a: Any, b: Any, axes: Any = 2, *, precision: Any = None, preferred_element_type: Any = None
) -> Array:
    """Sum over several axes of both.

    Args:
        a, b: arrays.
        axes: the number of last axes of a and first axes of b, or the pair (axes of a, axes of b).
        precision, preferred_element_type: as of :func:`matmul`.

    Returns:
        array of the other axes of a, then those of b.

    >>> import numpy as np

    >>> tensordot(np.ones((2, 3, 4)), np.ones((3, 4, 5))).shape
    (2, 5)
    """
    del precision
    x, y = _operands(a, b, "tensordot", "ab", preferred_element_type)
    if isinstance(axes, Sequence):
        given_x, given_y = axes
        left = axes_in_order(_listed(given_x), x.ndim, "tensordot")
        right = axes_in_order(_listed(given_y), y.ndim, "tensordot")
    else:
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise ShapeError(f"tensordot: axes={axes} for shapes {x.shape} and {y.shape}.")
        left, right = tuple(range(x.ndim - axes, x.ndim)), tuple(range(axes))
    sizes = tuple(x.shape[i] for i in left), tuple(y.shape[j] for j in right)
    if sizes[0] != sizes[1]:
        raise ShapeError(
            f"tensordot: axes {left} of shape {x.shape} have sizes {sizes[0]}, axes {right} of "
            f"shape {y.shape} have {sizes[1]}; they must be equal. Remedy: name matching axes."
        )
    return _dot(x, y, (left, right))


def _listed(axes: Any) -> tuple[int, ...]:
    return tuple(axes) if isinstance(axes, Sequence) else (axes,)


def kron(a: Any, b: Any) -> Array:
    """Kronecker product: a with every element replaced by that element times b.

    >>> import numpy as np

    >>> kron(np.array([1, 10]), np.array([1, 2]))
    Array([ 1,  2, 10, 20], dtype=int64)
    """
    x, y = promote(a, b, fun="kron", names="ab")
    ndim = max(x.ndim, y.ndim)
    p, q = (1,) * (ndim - x.ndim) + x.shape, (1,) * (ndim - y.ndim) + y.shape
    wide = tuple(n for m in p for n in (m, 1)), tuple(n for m in q for n in (1, m))
    product = ops.mul(ops.reshape(x, shape=wide[0]), ops.reshape(y, shape=wide[1]))
    return ops.reshape(product, shape=tuple(m * n for m, n in zip(p, q, strict=True)))


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Array:
    """Vector product of vectors of length 3 (or 2, whose product is the third component).

    Args:
        a, b: arrays of vectors; the other axes broadcast.
        axisa, axisb: the axes of the vectors.
        axisc: the axis of the vectors of the result.
        axis: all three at once.

    Returns:
        array of vectors, or of numbers where both have length 2.

    >>> import numpy as np

    >>> cross(np.array([1, 0, 0]), np.array([0, 1, 0]))
    Array([0, 0, 1], dtype=int64)
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = promote(a, b, fun="cross", names="ab")
    x = moveaxis(x, as_axis(axisa, x.ndim, "cross"), -1)
    y = moveaxis(y, as_axis(axisb, y.ndim, "cross"), -1)
    if x.shape[-1] not in (2, 3) or y.shape[-1] not in (2, 3):
        raise ShapeError(
            f"cross: vectors must have length 2 or 3, got {x.shape[-1]} and {y.shape[-1]}. Remedy: "
            "name their axis with axis=."
        )
    flat = x.shape[-1] == y.shape[-1] == 2
    xs, ys = _components(x), _components(y)

    def minor(i: int, j: int) -> Array:
        return ops.sub(ops.mul(xs[i], ys[j]), ops.mul(xs[j], ys[i]))

    if flat:
        return minor(0, 1)
    parts = [expand_dims(minor(i, j), -1) for i, j in ((1, 2), (2, 0), (0, 1))]
    return moveaxis(ops.concatenate(*parts, axis=parts[0].ndim - 1), -1, axisc)


def _components(x: Array) -> list[Array]:
    n, last = x.shape[-1], x.ndim - 1
    parts = []
    for i in range(n):
        start, stop = (0,) * last + (i,), (*x.shape[:-1], i + 1)
        part = ops.slice(x, start=start, stop=stop, step=(1,) * x.ndim)
        parts.append(ops.reshape(part, shape=x.shape[:-1]))
    zero = fill(x, shape=x.shape[:-1], dtype=x.dtype, value=0)
    return parts + [zero] * (3 - n)


def trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None
) -> Array:
    """Sum of the diagonal.

    >>> import numpy as np

    >>> trace(np.eye(3))
    Array(3., dtype=float64)
    """
    return _sum(diagonal(a, offset, axis1, axis2), -1, dtype, out)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Array:
    """Powers of a vector as columns, from the highest down, or up on request.

    >>> import numpy as np

    >>> vander(np.array([1, 2]), 3)
    Array([[1, 1, 1],
           [4, 2, 1]], dtype=int64)
    """
    x = as_array(x, "vander")
    if x.ndim != 1:
        raise ShapeError(f"vander: x must have one dimension, got shape {x.shape}.")
    count = x.shape[0] if N is None else N
    powers = range(count) if increasing else range(count - 1, -1, -1)
    columns = [ops.integer_pow(ops.reshape(x, shape=(x.size, 1)), n=k) for k in powers]
    if not columns:
        return fill(x, shape=(math.prod(x.shape), 0), dtype=x.dtype, value=0)
    return ops.concatenate(*columns, axis=1)
