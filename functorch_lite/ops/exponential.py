"""The exponential of stacks of matrices, on raw arrays: scaled, approximated and squared together.

Source: N. J. Higham, "The scaling and squaring method for the matrix exponential revisited", 2005,
whose table 2.3 has the sizes; A. H. Al-Mohy, N. J. Higham, "A new scaling and squaring algorithm
for the matrix exponential", 2009, for how few squarings large matrices need.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from functorch_lite.ops import lapack

__all__ = ["exponential"]

_ORDERS = (3, 5, 7, 9, 13)
_SIZES = (1.495585217958292e-2, 2.539398330063230e-1, 9.504178996162932e-1, 2.097847961257068, 4.25)
"""Up to which norm of a matrix the approximation of each order is exact to the last bit."""
_LIMITS = np.array(_SIZES[:-1])
_LARGEST = np.finfo(np.float64).max


def exponential(x: np.ndarray) -> np.ndarray:
    """Exponentials of square matrices; NaN where a matrix is not finite."""
    lapack.squares(x)
    if x.size == 0:
        return x.copy()
    n = x.shape[-1]
    stack, finite = x.reshape(-1, n, n), np.isfinite(x)
    if np.count_nonzero(finite) == x.size:
        return _of_finite(stack).reshape(x.shape)
    fine = finite.reshape(stack.shape).all((1, 2), keepdims=True)
    return np.where(fine, _of_finite(np.where(fine, stack, 0)), np.nan).reshape(x.shape)


def _norms(x: np.ndarray) -> np.ndarray:
    """Largest sums of columns; of finite matrices finite ones."""
    sums = np.add.reduce(np.abs(x), -2, np.float64)
    return np.asarray(np.minimum(np.maximum.reduce(sums, -1), _LARGEST))


def _of_finite(x: np.ndarray) -> np.ndarray:
    """Exponentials of finite matrices [count, n, n]."""
    size = _norms(x)
    large = size > _SIZES[-1]
    count = np.count_nonzero(large)
    if count == 0:
        return _scaled(x, size)
    if count == len(x):
        return _of_large(x, size)
    out = np.empty_like(x)
    out[~large], out[large] = _scaled(x[~large], size[~large]), _of_large(x[large], size[large])
    return out


def _of_large(x: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Exponentials of matrices too large for every order."""
    squarings, halved, room = _halved(x, size)
    return _squared(_approximated(_ORDERS[-1], halved, room), x, squarings)


def _scaled(x: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Exponentials of matrices small enough for the order that their norms ask for."""
    order = _LIMITS.searchsorted(size)
    if np.count_nonzero(order == order[0]) == len(order):
        return _approximated(_ORDERS[order[0]], x)
    out = np.empty_like(x)
    for kind in np.flatnonzero(np.bincount(order)):
        at = np.flatnonzero(order == kind)
        out[at] = _approximated(_ORDERS[kind], x[at])
    return out


def _times(x: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Matrices times powers of two."""
    if not np.count_nonzero(powers):
        return x
    factors = np.ldexp(np.ones((), x.real.dtype), powers.astype(np.int64))[:, None, None]
    found: np.ndarray = x * factors
    if np.count_nonzero(np.isfinite(factors)) < len(x):  # zeros, of nilpotent matrices, stay so
        found[x == 0] = 0
    return found


# ---------------------------------------------------------------------------------------- squarings
def _halved(x: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How often matrices are to be halved before the approximation of the highest order.

    Roots of norms of powers say so; they may be much smaller than the norm.

    Returns:
        The numbers of halvings, the matrices halved so often, and the powers of these, in a room
        for the approximation.
    """
    # Small enough for its tenth power, and by a power of two, which loses nothing.
    shift = np.ceil(np.log2(size)) - 2
    b = _times(x, -shift)
    room = _powers(b, 6, 2)
    d6, d8, d10 = (_norms(room[k]) ** (1 / (2 * k)) for k in (3, 4, 5))
    root = np.minimum(np.maximum(d6, d8), np.maximum(d8, d10))
    found = np.maximum(np.ceil(np.log2(root / _SIZES[-1]) + shift), 0)
    found += _more(b, np.log2(size) - shift, shift - found)
    halved, scale = _times(x, -found), shift - found
    if scale.max() > 8:  # b is so much smaller that numbers may have vanished from its powers
        return found, halved, _powers(halved, 4, 4)
    for k in (1, 2, 3):
        room[k] = _times(room[k], 2 * k * scale)
    return found, halved, room


def _more(b: np.ndarray, size: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """How many squarings the first term left out asks for beyond those for the powers' norms.

    Args:
        b: matrices [count, n, n].
        size: binary logarithms of their norms.
        scale: the approximation is that of ``2**scale * b``.
    """
    order = _ORDERS[-1]
    limit = 53 - math.log2(math.comb(2 * order, order)) - math.log2(math.factorial(2 * order + 1))
    found = np.zeros(len(b))
    # The norm of a power is at most the power of the norm, which is known and mostly small enough.
    at = np.flatnonzero(2 * order * (size + scale) + limit > 0)
    if at.size:
        positive = np.abs(b[at]).astype(np.float64)
        sums = np.ones((len(at), 1, b.shape[-1]))
        for _ in range(2 * order + 1):
            sums = sums @ positive
        excess = np.log2(sums.max((1, 2))) + 2 * order * scale[at] - size[at] + limit
        found[at] = np.maximum(np.ceil(excess / (2 * order)), 0)
    return found


# -------------------------------------------------------------------------------------------- parts
@cache
def _coefficients(order: int, char: str) -> np.ndarray:
    """A row for each polynomial in 1, x², x⁴ ... that the Padé approximation of an order takes.

    They are the odd part without its factor x, and the even part; of order 13 both go on with
    x⁶ times the last two.
    """
    f = math.factorial
    c = [f(2 * order - j) // (f(order - j) * f(j)) for j in range(order + 1)]
    rows = np.array([c[1::2], c[::2]], np.float64) / c[0]
    if order == 13:
        rows = np.concatenate([rows[:, :4], np.pad(rows[:, 4:], ((0, 0), (1, 0)))])
    return rows.astype(char)


def _powers(x: np.ndarray, count: int, more: int) -> np.ndarray:
    """1, x², x⁴ ..., so many, and room for so many matrices more."""
    room = np.empty((count + more, *x.shape), x.dtype)
    room[0] = np.eye(x.shape[-1])
    np.matmul(x, x, room[1])
    for k in range(2, count):
        np.matmul(room[k - 1], room[1], room[k])
    return room


def _approximated(order: int, x: np.ndarray, room: np.ndarray | None = None) -> np.ndarray:
    """The Padé approximation of an order, written over the powers of x if they are known."""
    rows = _coefficients(order, x.dtype.char)
    kinds, count = rows.shape
    if room is None:
        room = _powers(x, count, kinds)
    # All in one room, since new memory of that size costs as much as a product.
    powers, sums = room[:count], room[count : count + kinds]
    np.matmul(rows, powers.reshape(count, -1), sums.reshape(kinds, -1))
    if order == 13:
        sums[:2] += np.matmul(powers[3], sums[2:], powers[:2])
    odd, even = np.matmul(x, sums[0], powers[0]), sums[1]
    return lapack.solve(np.subtract(even, odd, powers[1]), np.add(even, odd, even))


def _squared(y: np.ndarray, x: np.ndarray, squarings: np.ndarray) -> np.ndarray:
    """Matrices y, squared so many times; of triangular x what is known of exponentials."""
    above = lapack.beside_diagonal(*x.shape[1:], below=False)
    lower, upper = (~np.asarray(x.any((1, 2), where=part)) for part in (above, above.T))
    turned = (lower & ~upper)[:, None, None]
    triangular = lower | upper
    some = np.count_nonzero(triangular)
    if some:
        x, y = np.where(turned, x.swapaxes(1, 2), x), np.where(turned, y.swapaxes(1, 2), y)
    for done in range(int(squarings.max()) + 1):
        at = np.flatnonzero(squarings >= done)
        if done and len(at) == len(y):
            y = y @ y
        elif done:
            part = y[at]
            y[at] = part @ part
        at = at[triangular[at]] if some else at[:0]
        if at.size:
            y[at] = _exact_beside_diagonal(y[at], _times(x[at], done - squarings[at]))
    return np.where(turned, y.swapaxes(1, 2), y) if some else y


def _exact_beside_diagonal(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """y with what is known of the exponential of an upper triangular x (2009, code 2.1)."""
    i = np.arange(y.shape[-1])
    line = x[:, i, i]
    y[:, i, i] = exponentials = np.exp(line)
    first, last, gap = line[:, :-1], line[:, 1:], line[:, 1:] - line[:, :-1]
    near = np.abs(gap) < 1  # where a difference would lose digits
    half = np.where(near, gap / 2, 0)
    ratio = np.where(half == 0, 1, np.sinh(half) / np.where(half == 0, 1, half))
    close = np.exp((first + last) / 2) * ratio
    far = (exponentials[:, 1:] - exponentials[:, :-1]) / np.where(near, 1, gap)
    y[:, i[:-1], i[1:]] = x[:, i[:-1], i[1:]] * np.where(near, close, far)
    return y
