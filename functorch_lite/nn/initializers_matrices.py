"""Initial values that are matrices of a kind: orthogonal, identities, sparse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import lax, random
from functorch_lite import numpy as fnp
from functorch_lite.errors import AxisError, ShapeError

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["delta_orthogonal", "dirac", "eye", "orthogonal", "sparse"]

Initializer = Callable[..., Any]


def eye() -> Initializer:
    """An initializer for identities; further columns or rows are zero.

    Raises:
        ShapeError: the initializer got a shape that is no matrix's.

    >>> eye()(None, (2, 3)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]

    Source: ``torch.nn.init.eye_``.
    """

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        _check_rank("eye", shape, (2,), "[rows, columns]")
        return fnp.eye(shape[0], shape[1], dtype=dtype)

    return initialize


def dirac(groups: int = 1) -> Initializer:
    """An initializer for convolutions that change nothing: channel i goes to channel i.

    Args:
        groups: of the convolution; each of them keeps its channels.

    Returns:
        The initializer, for shapes [out, in / groups, *kernel].

    Raises:
        ShapeError: the initializer got a shape without a kernel, or outputs that ``groups`` does
            not divide.

    >>> dirac()(None, (1, 1, 3)).tolist()
    [[[0.0, 1.0, 0.0]]]

    Source: ``torch.nn.init.dirac_``.
    """

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        _check_rank("dirac", shape, (3, 4, 5), "[out, in, *kernel]")
        if shape[0] % groups:
            raise ShapeError(
                f"nn.initializers.dirac: expected outputs that {groups} groups divide; got "
                f"{tuple(shape)}."
            )
        each = shape[0] // groups
        values = np.zeros(shape, np.float32)
        middle = tuple(n // 2 for n in shape[2:])
        for i in range(shape[0]):
            if i % each < min(each, shape[1]):
                values[(i, i % each, *middle)] = 1
        return fnp.asarray(values, dtype)

    return initialize


def sparse(sparsity: float, stddev: float = 0.01) -> Initializer:
    """Draws from the normal distribution, with a share of zeros in every column.

    Args:
        sparsity: the share, rounded up.
        stddev: of the others.

    Returns:
        The initializer, for matrices.

    Raises:
        ValueError: ``sparsity`` lies outside [0, 1].
        ShapeError: the initializer got a shape that is no matrix's.

    >>> int((sparse(0.5)(random.key(0), (4, 3)) == 0).sum())
    6

    Source: Martens, ICML 2010; ``torch.nn.init.sparse_``.
    """
    if not 0 <= sparsity <= 1:
        raise ValueError(f"nn.initializers.sparse: expected sparsity in [0, 1]; got {sparsity}.")

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        _check_rank("sparse", shape, (2,), "[rows, columns]")
        of_values, of_places = random.split(key)
        values = random.normal(of_values, shape, dtype) * stddev
        ranks = fnp.argsort(fnp.argsort(random.uniform(of_places, shape), axis=0), axis=0)
        return fnp.where(ranks < math.ceil(sparsity * shape[0]), 0, values)

    return initialize


def orthogonal(scale: float = 1.0, column_axis: int = -1) -> Initializer:
    """Matrices with orthonormal columns, or rows where there are fewer of those, times ``scale``.

    Args:
        scale: the length of the vectors.
        column_axis: the axis of the columns; the others together are the rows. 0 is what
            ``torch.nn.init.orthogonal_`` does.

    Returns:
        The initializer; the matrices are uniform over all such ones.

    Raises:
        ShapeError: the initializer got a shape of fewer than two axes.

    >>> q = orthogonal()(random.key(0), (3, 2))
    >>> bool(fnp.allclose(q.T @ q, fnp.eye(2), atol=1e-6))
    True

    Source: Saxe et al., ICLR 2014; ``jax.nn.initializers.orthogonal``.
    """

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        shape = tuple(shape)
        if len(shape) < 2:
            raise ShapeError(
                f"nn.initializers.orthogonal: expected a shape of two axes or more; got {shape}. "
                "Remedy: use normal for vectors."
            )
        if not -len(shape) <= column_axis < len(shape):
            raise AxisError(
                f"nn.initializers.orthogonal: column_axis {column_axis} is out of range for shape "
                f"{shape}; use {-len(shape)} to {len(shape) - 1}"
            )
        if 0 in shape:
            return fnp.zeros(shape, dtype)
        columns = shape[column_axis]
        rows = math.prod(shape) // columns
        tall = (max(rows, columns), min(rows, columns))
        q = _orthonormal(random.normal(key, tall, dtype))
        q = q if rows >= columns else q.T
        rest = list(shape)
        del rest[column_axis]
        return fnp.moveaxis(q.reshape(*rest, columns), -1, column_axis) * fnp.asarray(scale, dtype)

    return initialize


def _orthonormal(x: Array) -> Array:
    """The factor Q of x = QR, with a positive diagonal of R, by Householder reflections.

    Args:
        x: f[rows, columns], at least as many rows.
    """
    rows, columns = x.shape
    kept = x.dtype
    r = x.astype(fnp.promote_types(kept, "float32"))
    place = fnp.arange(rows)

    def reflect(j: Any, carry: Any) -> Any:
        r, vectors, signs = carry
        column = fnp.where(place >= j, r[:, j], 0)
        own = column[j]
        length = fnp.sqrt(fnp.sum(column * column))
        sign = fnp.where(own < 0, -1, 1).astype(r.dtype)
        v = column + fnp.where(place == j, sign * length, 0)
        size = fnp.sum(v * v)
        v = v * fnp.where(size == 0, 0, fnp.sqrt(2 / fnp.where(size == 0, 1, size)))
        r = r - v[:, None] * (v @ r)
        # The diagonal of R becomes -sign * length.
        return r, vectors.at[:, j].set(v), signs.at[j].set(-sign)

    start = (r, fnp.zeros_like(r), fnp.ones(columns, r.dtype))
    _, vectors, signs = lax.fori_loop(0, columns, reflect, start)

    def back(i: Any, q: Array) -> Array:
        v = vectors[:, columns - 1 - i]
        return q - v[:, None] * (v @ q)

    q = lax.fori_loop(0, columns, back, fnp.eye(rows, columns, dtype=r.dtype))
    return (q * signs).astype(kept)


def delta_orthogonal(scale: float = 1.0, column_axis: int = -1) -> Initializer:
    """Kernels of convolutions that are an orthogonal matrix in their middle, zero elsewhere.

    Args:
        scale: the length of the vectors.
        column_axis: of the matrix, as in :func:`orthogonal`.

    Returns:
        The initializer, for shapes [*kernel, in, out] of one to three sizes of the kernel.

    Raises:
        ShapeError: the initializer got another rank, or fewer outputs than inputs.

    >>> delta_orthogonal()(random.key(0), (3, 2, 4))[0].tolist()
    [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]

    Source: Xiao et al., ICML 2018; ``jax.nn.initializers.delta_orthogonal``.
    """

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        _check_rank("delta_orthogonal", shape, (3, 4, 5), "[*kernel, in, out]")
        if shape[-1] < shape[-2]:
            raise ShapeError(
                "nn.initializers.delta_orthogonal: expected at least as many outputs as inputs, "
                f"the last two of [*kernel, in, out]; got {tuple(shape)}."
            )
        matrix = orthogonal(scale, column_axis)(key, tuple(shape[-2:]), dtype)
        middle = tuple((n - 1) // 2 for n in shape[:-2])
        return fnp.zeros(shape, dtype).at[middle].set(matrix)

    return initialize


def _check_rank(name: str, shape: tuple[int, ...], ranks: tuple[int, ...], layout: str) -> None:
    if len(shape) not in ranks:
        raise ShapeError(f"nn.initializers.{name}: expected a shape {layout}; got {tuple(shape)}.")
