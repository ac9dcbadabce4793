"""numpy.linalg's functions, differentiable and batched: ``functorch_lite.numpy.linalg``.

They compute in the precision of their operands (float32, float64, complex64, complex128; integers
become float32) and take stacks of matrices in any leading axes. Values raise no errors: singular
systems give infinities and NaN, matrices without a factor NaN, inside transforms and outside.

>>> from functorch_lite import numpy as fnp
>>> fnp.linalg.norm(fnp.array([3.0, 4.0]))
Array(5., dtype=float32)
"""

from __future__ import annotations

from typing import Any

from functorch_lite.core.array import Array
from functorch_lite.errors import ShapeError
from functorch_lite.numpy import linalg_basic
from functorch_lite.numpy.convert import as_array
from functorch_lite.numpy.diagonals import diagonal as _diagonal
from functorch_lite.numpy.linalg_basic import matmul, tensordot, vecdot
from functorch_lite.numpy.linalg_factor import (
    EighResult,
    EigResult,
    QRResult,
    SVDResult,
    cholesky,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    qr,
    svd,
    svdvals,
)
from functorch_lite.numpy.linalg_norms import cond, matrix_norm, norm, vector_norm
from functorch_lite.numpy.linalg_solve import (
    SlogdetResult,
    det,
    inv,
    lstsq,
    matrix_power,
    matrix_rank,
    multi_dot,
    pinv,
    slogdet,
    solve,
    tensorinv,
    tensorsolve,
)
from functorch_lite.numpy.shapes import matrix_transpose

__all__ = [
    "EigResult", "EighResult", "QRResult", "SVDResult", "SlogdetResult", "cholesky", "cond",
    "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq", "matmul",
    "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "multi_dot", "norm", "outer",
    "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot", "tensorinv", "tensorsolve",
    "trace", "vecdot", "vector_norm",
]  # fmt: skip


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Array:
    """Vector product of vectors of length 3 along an axis; other axes broadcast.

    >>> import numpy as np

    >>> cross(np.array([1, 0, 0]), np.array([0, 1, 0]))
    Array([0, 0, 1], dtype=int64)

    Source: numpy.linalg.cross.
    """
    x, y = as_array(x1, "cross", "x1"), as_array(x2, "cross", "x2")
    for name, v in (("x1", x), ("x2", y)):
        if not -v.ndim <= axis < v.ndim or v.shape[axis] != 3:
            raise ShapeError(
                f"linalg.cross: axis {axis} of {name}, shape {v.shape}, must have size 3. Remedy: "
                "numpy.cross takes vectors of length 2, too."
            )
    return linalg_basic.cross(x, y, axis=axis)


def outer(x1: Any, x2: Any, /) -> Array:
    """Every element of one vector times every element of another.

    >>> import numpy as np

    >>> outer(np.array([1, 2]), np.array([3, 4]))
    Array([[3, 4],
           [6, 8]], dtype=int64)

    Source: numpy.linalg.outer.
    """
    x, y = as_array(x1, "outer", "x1"), as_array(x2, "outer", "x2")
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(
            f"linalg.outer: takes two vectors, got shapes {x.shape} and {y.shape}. Remedy: "
            "numpy.outer flattens its operands."
        )
    return linalg_basic.outer(x, y)


def diagonal(x: Any, /, *, offset: int = 0) -> Array:
    """The diagonals of the matrices in the last two axes.

    >>> import numpy as np

    >>> diagonal(np.array([[1, 2], [3, 4]]))
    Array([1, 4], dtype=int64)

    Source: numpy.linalg.diagonal.
    """
    return _diagonal(x, offset, -2, -1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """The sums of the diagonals of the matrices in the last two axes.

    >>> import numpy as np

    >>> trace(np.array([[1, 2], [3, 4]]))
    Array(5, dtype=int64)

    Source: numpy.linalg.trace.
    """
    return linalg_basic.trace(x, offset, -2, -1, dtype)
