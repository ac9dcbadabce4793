"""Initial values of parameters.

An initializer is a pure function ``(key, shape, dtype="float32") -> array``.  :func:`zeros` and
:func:`ones` are initializers; the others take settings and return one.  Names that PyTorch has
(xavier, kaiming, dirac, sparse) count fans in its layout, ``[out, in, *kernel]``; those that JAX
alone has (glorot, he, lecun, variance_scaling, delta_orthogonal) in its own, ``[*kernel, in,
out]``, and draw JAX's numbers.

>>> import functorch_lite as fl
>>> draw = fl.nn.initializers.xavier_uniform()
>>> draw(fl.random.key(0), (10, 64)).shape
(10, 64)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite import random
from functorch_lite.errors import ShapeError
from functorch_lite.nn.initializers_matrices import (
    delta_orthogonal,
    dirac,
    eye,
    orthogonal,
    sparse,
)
from functorch_lite.nn.initializers_scaled import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    variance_scaling,
)

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "calculate_gain",
    "constant",
    "delta_orthogonal",
    "dirac",
    "eye",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "sparse",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Initializer = Callable[..., Any]


def zeros(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
    """All zeros; the key is not used.

    >>> zeros(None, (2,))
    Array([0., 0.], dtype=float32)
    """
    return fnp.zeros(shape, dtype)


def ones(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
    """All ones; the key is not used.

    >>> ones(None, (2,))
    Array([1., 1.], dtype=float32)
    """
    return fnp.ones(shape, dtype)


def constant(value: float) -> Initializer:
    """An initializer that fills with one value.

    >>> constant(0.5)(None, (2,))
    Array([0.5, 0.5], dtype=float32)
    """

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        return fnp.full(shape, value, dtype)

    return initialize


def uniform(low: float = 0.0, high: float = 1.0) -> Initializer:
    """An initializer that draws uniformly from ``[low, high)``.

    >>> uniform(-1.0, 1.0)(random.key(0), (2, 3)).shape
    (2, 3)
    """

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        return random.uniform(key, shape, dtype, minval=low, maxval=high)

    return initialize


def normal(stddev: float = 1.0, mean: float = 0.0) -> Initializer:
    """An initializer that draws from the normal distribution.

    >>> normal(0.02)(random.key(0), (2, 3)).shape
    (2, 3)
    """

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        return random.normal(key, shape, dtype) * stddev + mean

    return initialize


def truncated_normal(
    stddev: float = 1.0, mean: float = 0.0, lower: float = -2.0, upper: float = 2.0
) -> Initializer:
    """An initializer that draws from the normal distribution between two bounds.

    Args:
        stddev, mean: of the distribution before it is cut.
        lower, upper: the bounds, in standard deviations from the mean.

    Returns:
        The initializer.

    Raises:
        ValueError: the lower bound is not below the upper one.

    >>> bool(abs(truncated_normal(0.5)(random.key(0), (100,))).max() <= 1)
    True

    Source: ``jax.nn.initializers.truncated_normal``; ``torch.nn.init.trunc_normal_``, whose bounds
    are values.
    """
    if not lower < upper:
        raise ValueError(
            f"nn.initializers.truncated_normal: expected lower below upper; got {lower} "
            f"and {upper}."
        )

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        drawn = random.truncated_normal(key, lower, upper, shape, dtype)
        return drawn * fnp.asarray(stddev, dtype) + fnp.asarray(mean, dtype)

    return initialize


def kaiming_uniform(
    a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Initializer:
    """Uniform over ±gain sqrt(3/fan), which keeps variances through the nonlinearity.

    Args:
        a: slope of the leaky ReLU that follows.
        mode: "fan_in" keeps them in the forward pass, "fan_out" in the backward pass.
        nonlinearity: "linear", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".

    Returns:
        The initializer.

    >>> kaiming_uniform()(random.key(0), (8, 4)).shape
    (8, 4)

    Source: He et al., ICCV 2015; ``torch.nn.init.kaiming_uniform_``.
    """
    gain = _gain("kaiming_uniform", nonlinearity, a)

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        limit = gain * math.sqrt(3 / _fan("kaiming_uniform", shape, mode))
        return uniform(-limit, limit)(key, shape, dtype)

    return initialize


def kaiming_normal(
    a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Initializer:
    """Normal with standard deviation gain / sqrt(fan); arguments as :func:`kaiming_uniform`.

    >>> kaiming_normal(nonlinearity="relu")(random.key(0), (8, 4)).shape
    (8, 4)

    Source: He et al., ICCV 2015; ``torch.nn.init.kaiming_normal_``.
    """
    gain = _gain("kaiming_normal", nonlinearity, a)

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        stddev = gain / math.sqrt(_fan("kaiming_normal", shape, mode))
        return normal(stddev)(key, shape, dtype)

    return initialize


def xavier_uniform(gain: float = 1.0) -> Initializer:
    """Uniform over ±gain sqrt(6 / (fan_in + fan_out)).

    >>> xavier_uniform()(random.key(0), (8, 4)).shape
    (8, 4)

    Source: Glorot and Bengio, AISTATS 2010; ``torch.nn.init.xavier_uniform_``.
    """

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        limit = gain * math.sqrt(6 / _fan("xavier_uniform", shape, "sum"))
        return uniform(-limit, limit)(key, shape, dtype)

    return initialize


def xavier_normal(gain: float = 1.0) -> Initializer:
    """Normal with standard deviation gain sqrt(2 / (fan_in + fan_out)).

    >>> xavier_normal()(random.key(0), (8, 4)).shape
    (8, 4)

    Source: Glorot and Bengio, AISTATS 2010; ``torch.nn.init.xavier_normal_``.
    """

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        stddev = gain * math.sqrt(2 / _fan("xavier_normal", shape, "sum"))
        return normal(stddev)(key, shape, dtype)

    return initialize


def _fan(name: str, shape: tuple[int, ...], mode: str) -> int:
    if len(shape) < 2:
        raise ShapeError(
            f"nn.initializers.{name}: expected a shape [out, in, ...]; got {tuple(shape)}. "
            "Remedy: use zeros or uniform for biases."
        )
    kernel = math.prod(shape[2:])
    fans = {"fan_in": shape[1] * kernel, "fan_out": shape[0] * kernel}
    fans["sum"] = fans["fan_in"] + fans["fan_out"]
    if mode not in fans:
        raise ValueError(
            f"nn.initializers.{name}: expected mode 'fan_in' or 'fan_out'; got {mode!r}."
        )
    return max(fans[mode], 1)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much initial weights are larger, for what follows them to keep variances.

    Args:
        nonlinearity: "linear", "conv1d" and the like, "sigmoid", "tanh", "relu", "leaky_relu" or
            "selu".
        param: the slope of the leaky ReLU, 0.01 by default.

    Raises:
        ValueError: another word.

    >>> calculate_gain("tanh")
    1.6666666666666667

    Source: ``torch.nn.init.calculate_gain``.
    """
    return _gain("calculate_gain", nonlinearity, 0.01 if param is None else param)


def _gain(name: str, nonlinearity: str, a: float) -> float:
    kinds = [f"{kind}{n}d" for kind in ("conv", "conv_transpose") for n in (1, 2, 3)]
    gains = {
        **dict.fromkeys(kinds, 1.0),
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5.0 / 3.0,
        "relu": math.sqrt(2.0),
        "leaky_relu": math.sqrt(2.0 / (1.0 + a * a)),
        "selu": 0.75,
    }
    if nonlinearity not in gains:
        raise ValueError(
            f"nn.initializers.{name}: expected nonlinearity in {sorted(gains)}; "
            f"got {nonlinearity!r}."
        )
    return gains[nonlinearity]
