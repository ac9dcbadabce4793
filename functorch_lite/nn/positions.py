"""Where an element stands in its sequence, as numbers to add to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.checks import as_float, check_probability, training_key
from functorch_lite.nn.dropout import dropout as drop
from functorch_lite.nn.layer import Layer, without_params

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["PositionalEncoding", "sinusoidal_positions"]


def sinusoidal_positions(
    length: int, size: int, dtype: Any = "float32", *, longest: float = 10000.0
) -> Array:
    """Sines and cosines of the position, with wavelengths from 2 pi to 2 pi ``longest``.

    Feature 2i is sin(position / longest^(2i / size)), feature 2i + 1 the cosine of the same.

    Args:
        length: number of positions.
        size: number of features.
        dtype: of the result; the numbers are computed in float64.
        longest: what the wavelengths go up to, over 2 pi.

    Returns:
        f[length, size].

    >>> sinusoidal_positions(2, 2).round(3).tolist()
    [[0.0, 1.0], [0.841..., 0.540...]]

    Source: Vaswani et al., NeurIPS 2017, section 3.5.
    """
    feature = np.arange(size)
    angle = np.arange(length)[:, None] / longest ** ((feature - feature % 2) / max(size, 1))
    return fnp.asarray(np.where(feature % 2, np.cos(angle), np.sin(angle)), dtype=dtype)


def PositionalEncoding(size: int, dropout: float = 0.0, batch_first: bool = False) -> Layer:
    """Adds :func:`sinusoidal_positions` to a sequence of any length, then drops; stateless.

    Parameters: none.

    Args:
        size: number of features.
        dropout: probability of dropping an element in training.
        batch_first: whether sequences are [batch, time, features], not [time, batch, features].

    Returns:
        Layer with ``apply(params, x: f[time, batch, size], *, key=None, train=False)``, which
        returns an array like x; the batch may be left out.

    Raises:
        ShapeError: ``apply`` got another number of features or dimensions.
        DtypeError: ``apply`` got no floats.
        TypeError: dropout in training without a key.

    >>> PositionalEncoding(2).apply((), fnp.zeros((1, 2))).tolist()
    [[0.0, 1.0]]

    Source: Vaswani et al., NeurIPS 2017, section 3.5.
    """
    name = f"PositionalEncoding({size})"
    check_probability(name, dropout)

    def apply(params: Any, x: Array, *, key: Array | None = None, train: bool = False) -> Array:
        x = as_float(name, x)
        if x.ndim not in (2, 3) or x.shape[-1] != size:
            batched = "[batch, time, " if batch_first else "[time, batch, "
            raise ShapeError(
                f"nn.{name}: expected x of shape {batched}{size}] or [time, {size}]; "
                f"got {tuple(x.shape)}."
            )
        along = x.ndim - 2 if batch_first else 0
        positions = sinusoidal_positions(x.shape[along], size, x.dtype)
        x = x + (positions if along == x.ndim - 2 else positions[:, None])
        return drop(x, dropout, training_key(name, key)) if train and dropout > 0 else x

    return Layer(without_params, apply, name)
