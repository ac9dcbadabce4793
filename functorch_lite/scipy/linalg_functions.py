"""Functions of matrices, Schur's decomposition and Sylvester's equation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import cast, promote_inexact
from functorch_lite.numpy.linalg_parts import adjoint, matrices
from functorch_lite.ops.lapack import COMPLEX


def expm(A: Any, *, upper_triangular: bool = False, max_squarings: int = 16) -> Array:
    """The exponential of square matrices.

    Args:
        A: array [..., n, n].
        upper_triangular, max_squarings: accepted for JAX's sake; the number of squarings is found.

    >>> import numpy as np

    >>> expm(np.array([[0.0, 1.0], [0.0, 0.0]]))
    Array([[1., 1.],
           [0., 1.]], dtype=float64)

    Source: scipy.linalg.expm.
    """
    del upper_triangular, max_squarings
    return ops.expm(matrices(A, "expm", "A", square=True))


def expm_frechet(A: Any, E: Any, *, method: str | None = None, compute_expm: bool = True) -> Any:
    """The exponential of A and its derivative in the direction E.

    Args:
        A, E: arrays [n, n].
        method: accepted for SciPy's sake.
        compute_expm: return the exponential, too.

    >>> import numpy as np

    >>> expm_frechet(np.zeros((1, 1)), np.ones((1, 1)), compute_expm=False)
    Array([[1.]], dtype=float64)

    Source: scipy.linalg.expm_frechet.
    """
    if method not in (None, "SPS", "blockEnlarge"):
        raise ValueError(f"expm_frechet: method must be 'SPS' or 'blockEnlarge', got {method!r}.")
    a, e = promote_inexact(A, E, fun="expm_frechet", names="AE")
    a = matrices(a, "expm_frechet", "A", square=True)
    if a.shape != e.shape:
        raise ShapeError(f"expm_frechet: A and E must have one shape, got {a.shape} and {e.shape}.")
    derivative = ops.expm_along(a, e)
    return (ops.expm(a), derivative) if compute_expm else derivative


def sqrtm(A: Any, blocksize: int = 1) -> Array:
    """The principal square root of square matrices, always complex.

    Args:
        A: array [..., n, n]; infinities or NaN where there is no root.
        blocksize: accepted for SciPy's sake.

    >>> import numpy as np

    >>> sqrtm(np.array([[4.0]]))
    Array([[2.+0.j]], dtype=complex128)

    Source: scipy.linalg.sqrtm, jax.scipy.linalg.sqrtm.
    """
    del blocksize
    return ops.sqrtm(matrices(A, "sqrtm", "A", square=True))


def polar(
    a: Any,
    side: str = "right",
    *,
    method: str = "qdwh",
    eps: float | None = None,
    max_iterations: int | None = None,
) -> tuple[Array, Array]:
    """Polar decomposition: a unitary factor and a positive semidefinite one.

    Args:
        a: array [m, n]; m >= n for the right side, n >= m for the left one.
        side: ``"right"`` for ``a = u p``, ``"left"`` for ``a = p u``.
        method, eps, max_iterations: accepted for JAX's sake; singular vectors are used.

    Returns:
        (u, p).

    >>> import numpy as np

    >>> polar(-2.0 * np.eye(1))
    (Array([[-1.]], dtype=float64), Array([[2.]], dtype=float64))

    Source: scipy.linalg.polar.
    """
    del eps, max_iterations
    if method not in ("qdwh", "svd"):
        raise ValueError(f"polar: method must be 'qdwh' or 'svd', got {method!r}.")
    if side not in ("left", "right"):
        raise ValueError(f"polar: side must be 'left' or 'right', got {side!r}.")
    x = matrices(a, "polar")
    u, p = ops.polar(x if side == "right" else adjoint(x))
    return (u, p) if side == "right" else (adjoint(u), p)


def solve_sylvester(A: Any, B: Any, C: Any, *, method: str = "schur", tol: float = 1e-8) -> Array:
    """The X with ``A X + X B = C``.

    Args:
        A: array [m, m].
        B: array [n, n].
        C: array [m, n].
        method, tol: accepted for JAX's sake; Schur's decompositions are used.

    Returns:
        array [m, n]; the leading axes of stacks must be equal.

    >>> import numpy as np

    >>> solve_sylvester(np.eye(1), np.eye(1), np.ones((1, 1)))
    Array([[0.5]], dtype=float64)

    Source: scipy.linalg.solve_sylvester.
    """
    del tol
    if method not in ("schur", "eigen"):
        raise ValueError(f"solve_sylvester: method must be 'schur' or 'eigen', got {method!r}.")
    a, b, c = promote_inexact(A, B, C, fun="solve_sylvester", names="ABC")
    return ops.sylvester(a, b, c)


# -------------------------------------------------------------------------------------------- Schur
def schur(a: Any, output: str = "real") -> tuple[Array, Array]:
    """Schur's decomposition ``a = Z T Zᴴ``. Without derivative.

    Args:
        a: array [..., n, n].
        output: ``"real"`` keeps 2 x 2 blocks for complex pairs of a real matrix, ``"complex"``
            gives a triangle.

    Returns:
        (T, Z).

    >>> import numpy as np

    >>> schur(np.array([[1.0, 2.0], [0.0, 3.0]]))[0]
    Array([[1., 2.],
           [0., 3.]], dtype=float64)

    Source: scipy.linalg.schur.
    """
    if output not in ("real", "complex"):
        raise ValueError(f"schur: output must be 'real' or 'complex', got {output!r}.")
    x = matrices(a, "schur", square=True)
    if output == "complex":
        x = cast(x, COMPLEX.get(x.dtype.char, x.dtype))
    t, z = ops.schur(x, vectors=True)
    return t, z


def rsf2csf(T: Any, Z: Any, check_finite: bool = True) -> tuple[Array, Array]:
    """A complex Schur decomposition, with a triangle, from a real one, with 2 x 2 blocks.

    Args:
        T, Z: arrays [n, n], as of :func:`schur`.

    Returns:
        (T, Z), complex.

    >>> import numpy as np

    >>> rsf2csf(np.eye(1), np.eye(1))
    (Array([[1.+0.j]], dtype=complex128), Array([[1.+0.j]], dtype=complex128))

    Source: scipy.linalg.rsf2csf; the decomposition is another one with the same properties.
    """
    t, z = promote_inexact(T, Z, fun="rsf2csf", names="TZ")
    inner, turn = schur(t, output="complex")
    return inner, cast(z, turn.dtype) @ turn


def funm(A: Any, func: Callable[[Array], Any], disp: bool = True) -> Any:
    """A function of a matrix, from the function of its eigenvalues. Without derivative.

    Args:
        A: array [n, n] with eigenvalues that lie apart.
        func: takes and returns a vector of complex numbers.
        disp: False returns an estimate of the relative error, too.

    Returns:
        complex array [n, n], or the pair.

    >>> import numpy as np

    >>> funm(np.diag([1.0, 4.0]), fnp.sqrt).real
    Array([[1., 0.],
           [0., 2.]], dtype=float64)

    Source: scipy.linalg.funm; B. N. Parlett, "A recurrence among the elements of functions of
    triangular matrices", 1976.
    """
    x = matrices(A, "funm", "A", square=True)
    if x.ndim != 2:
        raise ShapeError(f"funm: A must have two dimensions, got shape {x.shape}. Remedy: vmap.")
    t, z = schur(x, output="complex")
    values = fnp.diagonal(t)
    n = x.shape[-1]
    f = fnp.diag(cast(fnp.asarray(func(values)), t.dtype))
    nearest = fnp.asarray(fnp.abs(t[0, 0]))
    for p in range(1, n):
        # One diagonal after the other: f commutes with t.
        rest = fnp.diagonal(t @ f - f @ t, p)
        gap = values[p:] - values[: n - p]
        nearest = fnp.minimum(nearest, fnp.min(fnp.abs(gap)))
        f = f + fnp.diag(rest / gap, p)
    found = z @ f @ adjoint(z)
    if disp:
        return found
    tolerance = fnp.finfo(t.dtype).eps
    size = fnp.linalg.norm(fnp.triu(t, 1), 1)
    error = fnp.minimum(1.0, fnp.maximum(tolerance, tolerance / nearest * size))
    return found, error
