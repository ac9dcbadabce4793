"""Dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite import random
from functorch_lite.nn.layer import Layer

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["Dropout", "dropout"]


def dropout(x: Array, p: float, key: Array) -> Array:
    """Sets elements to zero with probability ``p`` and scales the others by 1/(1-p).

    Args:
        x: f[...].
        p: probability of zeroing an element, a Python float in [0, 1].
        key: u32[2].

    Returns:
        Array like ``x``.

    Raises:
        ValueError: ``p`` is outside [0, 1].

    >>> dropout(fnp.ones(3), 0.0, random.key(0))
    Array([1., 1., 1.], dtype=float32)

    Source: Srivastava et al., JMLR 15 (2014); ``torch.nn.functional.dropout``.
    """
    _check_probability("dropout", p)
    if p == 0:
        return x
    if p == 1:
        return fnp.zeros_like(x)
    keep = random.bernoulli(key, 1.0 - p, x.shape)
    return fnp.where(keep, x / (1.0 - p), 0.0)


def Dropout(p: float = 0.5) -> Layer:
    """A dropout layer: takes a key in training, changes nothing in evaluation.

    Parameters: none.

    Args:
        p: probability of zeroing an element.

    Returns:
        Layer with ``apply(params, x, *, key=None, train=False) -> out``.

    Raises:
        ValueError: ``p`` is outside [0, 1].
        TypeError: ``apply`` was asked to train without a key.

    >>> layer = Dropout(0.5)
    >>> out = layer.apply((), fnp.ones(1000), key=random.key(0), train=True)
    >>> sorted(set(out.tolist()))
    [0.0, 2.0]

    Source: ``torch.nn.Dropout``.
    """
    _check_probability("Dropout", p)
    name = f"Dropout({p})"

    def apply(params: Any, x: Array, *, key: Array | None = None, train: bool = False) -> Array:
        if not train:
            return x
        if key is None:
            raise TypeError(
                f"nn.{name}: expected a key in training; got None. "
                "Remedy: pass key=..., a fresh one for every step."
            )
        return dropout(x, p, key)

    return Layer(lambda key: (), apply, name)


def _check_probability(name: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"nn.{name}: expected a probability p in [0, 1]; got {p}.")
