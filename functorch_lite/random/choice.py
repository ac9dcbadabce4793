"""Random orders and random selections."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.aval import describe
from functorch_lite.core.dtypes import is_float, is_integer, uint32
from functorch_lite.errors import AxisError, DtypeError, ShapeError
from functorch_lite.random.bits import draw_bits
from functorch_lite.random.categorical import gumbel
from functorch_lite.random.keys import as_shape, split, take_key
from functorch_lite.random.randint import randint
from functorch_lite.random.uniform import uniform

__all__ = ["choice", "permutation"]


def permutation(key: Array, x: Any, axis: int = 0, independent: bool = False) -> Array:
    """The elements of an array, or of ``arange(x)``, in random order.

    Args:
        key: u32[2].
        x: an int, or an array of at least one dimension.
        axis: the axis to shuffle along.
        independent: shuffle every vector along ``axis`` by itself instead of all alike.

    Returns:
        Array of the shape and dtype of ``x`` (i64[x] for an int).

    Raises:
        AxisError: ``axis`` is outside the dimensions.
        DtypeError: a scalar that is not an integer, or ``key`` is not a key.

    >>> from functorch_lite import random
    >>> sorted(random.permutation(random.key(0), 4).tolist())
    [0, 1, 2, 3]

    Source: ``jax.random.permutation``: repeated stable sorting by random 32-bit numbers.
    """
    take_key("random.permutation", key)
    x = _population("random.permutation", x)
    axis = _axis("random.permutation", axis, x.ndim)
    if independent or x.ndim == 1:
        return _shuffle(key, x, axis)
    order = _shuffle(key, fnp.arange(x.shape[axis]), 0)
    return fnp.take(x, order, axis=axis)


def choice(
    key: Array,
    a: Any,
    shape: Any = (),
    replace: bool = True,
    p: Any = None,
    axis: int = 0,
    mode: str | None = None,
) -> Array:
    """Elements of an array, or of ``arange(a)``, drawn at random.

    Args:
        key: u32[2].
        a: an int, or an array whose entries along ``axis`` are the population.
        shape: how many to draw, as a shape.
        replace: whether an entry may be drawn more than once.
        p: f[n], the entries' probabilities; uniform by default.
        axis: the axis of ``a`` to draw from.
        mode: how the noise is made with ``p`` and without replacement; see :func:`gumbel`.

    Returns:
        Array of the dtype of ``a`` whose shape has ``axis`` replaced by ``shape``.

    Raises:
        ShapeError: more draws than entries without replacement, an empty population, or ``p`` of
            another size.
        AxisError: ``axis`` is outside the dimensions.

    >>> from functorch_lite import random
    >>> random.choice(random.key(0), 10, (2, 3)).shape
    (2, 3)

    Source: ``jax.random.choice``; without replacement and with ``p``, the Gumbel top-k trick.
    """
    name = "random.choice"
    take_key(name, key)
    shape = as_shape(name, shape)
    is_range = not fnp.asarray(a).ndim
    a = _population(name, a)
    axis = _axis(name, axis, a.ndim)
    n, draws = a.shape[axis], math.prod(shape)
    result_shape = (*a.shape[:axis], *shape, *a.shape[axis + 1 :])
    if draws == 0:
        return fnp.zeros(result_shape, a.dtype)
    if n == 0:
        raise ShapeError(f"{name}: expected a population to draw from; got {describe(a)}.")
    if not replace and draws > n:
        raise ShapeError(
            f"{name}: expected at most {n} draws from {n} entries without replacement; got {draws}."
        )
    if p is None and not replace:
        order = permutation(key, n if is_range else a, axis)
        return order[(slice(None),) * axis + (slice(draws),)].reshape(result_shape)
    index = randint(key, shape, 0, n) if p is None else _weighted(key, p, n, shape, replace, mode)
    return fnp.take(a, index.reshape(-1), axis=axis).reshape(result_shape)


def _weighted(
    key: Array, p: Any, n: int, shape: tuple[int, ...], replace: bool, mode: str | None
) -> Array:
    p = fnp.asarray(p)
    if not is_float(p.dtype):
        p = p.astype("float32")
    if tuple(p.shape) != (n,):
        raise ShapeError(f"random.choice: expected p of shape [{n}]; got {describe(p)}.")
    if replace:
        total = fnp.cumsum(p)
        point = total[-1] * (1 - uniform(key, shape, p.dtype))
        return fnp.searchsorted(total, point)
    score = gumbel(key, (n,), p.dtype, mode) + fnp.log(p)
    return fnp.argsort(-score)[: math.prod(shape)].reshape(shape)


def _shuffle(key: Array, x: Array, axis: int) -> Array:
    # Sort keys of 32 bits collide; after enough rounds the strings of all of an element's keys are
    # distinct with high probability, and the sort is stable, so ties do not depend on values.
    rounds = math.ceil(3 * math.log(max(1, x.size)) / math.log(2**32 - 1))
    for _ in range(rounds):
        key, subkey = split(key)
        order = draw_bits("random.permutation", subkey, tuple(x.shape), uint32)
        _, x = ops.sort(order, x, axis=axis, num_keys=1)
    return x


def _population(name: str, x: Any) -> Array:
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        return fnp.arange(int(x))
    x = fnp.asarray(x)
    if x.ndim:
        return x
    if not is_integer(x.dtype):
        raise DtypeError(f"{name}: expected an int or an array with dimensions; got {describe(x)}.")
    return fnp.arange(int(x))


def _axis(name: str, axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise AxisError(f"{name}: expected an axis in [{-ndim}, {ndim}); got {axis}.")
    return axis % ndim
