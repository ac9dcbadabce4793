"""Vectors with a covariance, and orthogonal matrices."""

from __future__ import annotations

import operator
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.aval import describe
from functorch_lite.core.dtypes import canonical, float32, is_complex, is_float
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.random.factor import cholesky, orthonormal_columns, symmetric_root
from functorch_lite.random.keys import as_shape, take_key
from functorch_lite.random.normal import normal
from functorch_lite.random.parameters import bound, common_shape, float_dtype, one_of

__all__ = ["multivariate_normal", "orthogonal"]


def multivariate_normal(
    key: Array,
    mean: Any,
    cov: Any,
    shape: Any = None,
    dtype: Any = None,
    method: str = "cholesky",
) -> Array:
    """Vectors of the normal distribution with a mean and a covariance.

    Args:
        key: u32[2].
        mean: f[..., n].
        cov: f[..., n, n], symmetric and positive definite, or with "eigh" and "svd" semidefinite.
        shape: shape of the sample without its last axis; by default what the leading axes of
            ``mean`` and ``cov`` broadcast to.
        dtype: a floating-point dtype; that of the parameters by default, float32 for integers.
        method: how ``cov`` is factored: "cholesky", "eigh" or "svd".

    Returns:
        Array of shape ``[*shape, n]``; NaN where "cholesky" finds ``cov`` not positive definite.

    Raises:
        DtypeError: ``dtype`` is not floating-point, a parameter is complex, or ``key`` is no key.
        ShapeError: the parameters do not fit each other, or do not broadcast to ``shape``.
        TransformError: an unknown ``method``.

    >>> from functorch_lite import random
    >>> random.multivariate_normal(random.key(0), fnp.zeros(2), fnp.eye(2), (5,)).shape
    (5, 2)

    Source: ``jax.random.multivariate_normal``.  With "eigh" and "svd" the root of ``cov`` is the
    symmetric one, so the numbers are others than JAX's, of the same distribution.
    """
    name = "random.multivariate_normal"
    take_key(name, key)
    one_of(name, "method", method, ("cholesky", "eigh", "svd"))
    mean, cov = fnp.asarray(mean), fnp.asarray(cov)
    if mean.ndim < 1 or cov.ndim < 2 or tuple(cov.shape[-2:]) != (mean.shape[-1],) * 2:
        raise ShapeError(
            f"{name}: expected a mean of shape [..., n] and a cov of shape [..., n, n]; got "
            f"{describe(mean)} and {describe(cov)}. Remedy: vectors of size 1 for single numbers."
        )
    if dtype is None:
        dtype = fnp.result_type(mean, cov)
        if is_complex(dtype):
            raise DtypeError(
                f"{name}: expected real parameters; got {describe(mean)} and {describe(cov)}. "
                "Remedy: take their real parts."
            )
        dtype = dtype if is_float(dtype) else float32
    dtype, n = float_dtype(name, dtype), mean.shape[-1]
    batch = {"mean": mean[..., 0], "cov": cov[..., 0, 0]} if n else {}
    shape = common_shape(name, shape, **batch)
    mean = bound(name, "mean", mean, (*shape, n), dtype)
    cov = bound(name, "cov", cov, (*shape, n, n), dtype)
    factor = cholesky(cov) if method == "cholesky" else symmetric_root(cov)
    x = normal(key, (*shape, n), dtype)
    return mean + fnp.matmul(factor, x[..., None])[..., 0]


def orthogonal(
    key: Array, n: int, shape: Any = (), dtype: Any = None, m: int | None = None
) -> Array:
    """Orthogonal matrices, uniformly distributed (by Haar's measure).

    Args:
        key: u32[2].
        n: number of rows.
        shape: how many matrices, as a shape.
        dtype: a floating-point dtype, float32 by default; a complex one gives unitary matrices.
        m: number of columns, ``n`` by default; of ``n`` and ``m`` the greater has as many vectors
            as the smaller says, orthonormal.

    Returns:
        Array of shape ``[*shape, n, m]``.

    Raises:
        DtypeError: ``dtype`` is an integer type, or ``key`` is not a key.

    >>> from functorch_lite import random
    >>> q = random.orthogonal(random.key(0), 3)
    >>> bool(abs(q @ q.T - fnp.eye(3)).max() < 1e-5)
    True

    Source: ``jax.random.orthogonal``: the Q of a normal matrix, with the R whose diagonal is
    positive; Mezzadri, "How to generate random matrices from the classical compact groups", 2007.
    """
    name = "random.orthogonal"
    take_key(name, key)
    if dtype is None or not is_complex(canonical(dtype)):
        dtype = float_dtype(name, dtype)
    rows = operator.index(n)
    columns = rows if m is None else operator.index(m)
    whole = as_shape(name, (*as_shape(name, shape), max(rows, columns), min(rows, columns)))
    q = orthonormal_columns(normal(key, whole, dtype))
    return fnp.matrix_transpose(q) if rows < columns else q
