"""Initial values of parameters.

An initializer is a pure function ``(key, shape, dtype="float32") -> array``.  :func:`zeros` and
:func:`ones` are initializers; the others take settings and return one.  Fans are counted in
PyTorch's layout, ``[out, in, *kernel]``.

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

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "constant",
    "kaiming_normal",
    "kaiming_uniform",
    "normal",
    "ones",
    "uniform",
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


def _gain(name: str, nonlinearity: str, a: float) -> float:
    gains = {
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
