"""Initial values scaled by the number of connections, as JAX draws them: from one key, its numbers.

Shapes are laid out as JAX's, ``[..., in, out]``; ``in_axis`` and ``out_axis`` say so otherwise,
such as 1 and 0 for PyTorch's ``[out, in, *kernel]``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite import random
from functorch_lite.errors import ShapeError

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "variance_scaling",
]

Initializer = Callable[..., Any]
Axes = int | Sequence[int]

_MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
_DISTRIBUTIONS = ("truncated_normal", "normal", "uniform")
_CUT_STDDEV = 0.87962566103423978
"""The standard deviation of a standard normal variable between -2 and 2."""


def _product(shape: tuple[int, ...], axes: Axes) -> int:
    return math.prod(shape[i] for i in ((axes,) if isinstance(axes, int) else axes))


def _fans(
    shape: tuple[int, ...], in_axis: Axes, out_axis: Axes, batch_axis: Axes
) -> tuple[float, float]:
    try:
        ins, outs = _product(shape, in_axis), _product(shape, out_axis)
        batch = _product(shape, batch_axis)
    except IndexError:
        raise ShapeError(
            f"nn.initializers.variance_scaling: expected a shape with in_axis {in_axis} and "
            f"out_axis {out_axis}; got {shape}. Remedy: use zeros or uniform for biases."
        ) from None
    field = math.prod(shape) / max(ins * outs * batch, 1)
    return ins * field, outs * field


def variance_scaling(
    scale: float,
    mode: str,
    distribution: str,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
) -> Initializer:
    """Draws with mean 0 and variance scale / fan.

    Args:
        scale: a positive number.
        mode: "fan_in", "fan_out", "fan_avg" or "fan_geo_avg", the arithmetic or geometric mean.
        distribution: "truncated_normal" (between two standard deviations of what is cut),
            "normal" or "uniform".
        in_axis, out_axis: the axes of inputs and outputs; the others are the kernel, and count for
            both.
        batch_axis: axes that count for neither.

    Returns:
        The initializer.

    Raises:
        ValueError: another ``mode`` or ``distribution``.
        ShapeError: the initializer got a shape without those axes.

    >>> variance_scaling(1.0, "fan_in", "normal")(random.key(0), (8, 4)).shape
    (8, 4)

    Source: ``jax.nn.initializers.variance_scaling``.
    """
    for what, given, allowed in (
        ("mode", mode, _MODES),
        ("distribution", distribution, _DISTRIBUTIONS),
    ):
        if given not in allowed:
            raise ValueError(
                f"nn.initializers.variance_scaling: expected {what} in {allowed}; got {given!r}."
            )

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        fan_in, fan_out = _fans(tuple(shape), in_axis, out_axis, batch_axis)
        fans = (fan_in, fan_out, (fan_in + fan_out) / 2, math.sqrt(fan_in * fan_out))
        fan = dict(zip(_MODES, fans, strict=True))[mode]
        variance = fnp.asarray(scale / fan if fan else 0.0, dtype)
        if distribution == "uniform":
            return random.uniform(key, shape, dtype, minval=-1) * fnp.sqrt(3 * variance)
        if distribution == "normal":
            return random.normal(key, shape, dtype) * fnp.sqrt(variance)
        stddev = fnp.sqrt(variance) / fnp.asarray(_CUT_STDDEV, dtype)
        return random.truncated_normal(key, -2, 2, shape, dtype) * stddev

    return initialize


def lecun_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = ()) -> Initializer:
    """Truncated normal with variance 1 / fan_in.

    >>> lecun_normal()(random.key(0), (8, 4)).shape
    (8, 4)

    Source: LeCun et al., "Efficient BackProp", 1998; ``jax.nn.initializers.lecun_normal``.
    """
    return variance_scaling(1.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis)


def lecun_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = ()) -> Initializer:
    """Uniform with variance 1 / fan_in.

    >>> lecun_uniform()(random.key(0), (8, 4)).shape
    (8, 4)

    Source: ``jax.nn.initializers.lecun_uniform``.
    """
    return variance_scaling(1.0, "fan_in", "uniform", in_axis, out_axis, batch_axis)


def glorot_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = ()) -> Initializer:
    """Truncated normal with variance 2 / (fan_in + fan_out).

    >>> glorot_normal()(random.key(0), (8, 4)).shape
    (8, 4)

    Source: ``jax.nn.initializers.glorot_normal``; :func:`xavier_normal` is PyTorch's.
    """
    return variance_scaling(1.0, "fan_avg", "truncated_normal", in_axis, out_axis, batch_axis)


def glorot_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = ()) -> Initializer:
    """Uniform with variance 2 / (fan_in + fan_out).

    >>> glorot_uniform()(random.key(0), (8, 4)).shape
    (8, 4)

    Source: ``jax.nn.initializers.glorot_uniform``; :func:`xavier_uniform` is PyTorch's.
    """
    return variance_scaling(1.0, "fan_avg", "uniform", in_axis, out_axis, batch_axis)


def he_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = ()) -> Initializer:
    """Truncated normal with variance 2 / fan_in.

    >>> he_normal()(random.key(0), (8, 4)).shape
    (8, 4)

    Source: ``jax.nn.initializers.he_normal``; :func:`kaiming_normal` is PyTorch's.
    """
    return variance_scaling(2.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis)


def he_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = ()) -> Initializer:
    """Uniform with variance 2 / fan_in.

    >>> he_uniform()(random.key(0), (8, 4)).shape
    (8, 4)

    Source: ``jax.nn.initializers.he_uniform``; :func:`kaiming_uniform` is PyTorch's.
    """
    return variance_scaling(2.0, "fan_in", "uniform", in_axis, out_axis, batch_axis)
