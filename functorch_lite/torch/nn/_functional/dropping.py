"""Dropout: elements or channels set to zero at random."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._object.generator import default_generator
from functorch_lite.torch._rng.samplers import bernoulli_p, dropout_mask

__all__ = [
    "alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout",
]  # fmt: skip

_ALPHA = 1.7580993408473766
"""Minus the limit of SELU at minus infinity."""


def _check(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Every element zero with some probability, the others scaled so that the mean stays.

    Args:
        p: the probability of a zero.
        training: False returns the input.
        inplace: whether to write to the input.

    Raises:
        ValueError: ``p`` is no probability.

    Source: ``torch.nn.functional.dropout``.
    """
    _check(p)
    if p == 0 or not training or not input._np.size:
        return input
    mask = np.empty_like(input._np)
    if p == 1:
        mask[...] = 0
    else:
        dropout_mask(default_generator._engine, mask, p)
    return input.mul_(make(mask)) if inplace else input * make(mask)


def channels(input: Any, p: float, training: bool, inplace: bool) -> Tensor:
    """Whole channels, the first two dimensions, dropped."""
    if p == 0 or not training or not input._np.size:
        return input
    shape = input._np.shape
    rows = (*shape[:2], *(1,) * (len(shape) - 2))
    noise = np.empty_like(input._np, shape=rows, order="C")
    if p == 1:
        noise[...] = 0
    else:
        bernoulli_p(default_generator._engine, noise, 1 - p)
        noise /= noise.dtype.type(1 - p)
    return input.mul_(make(noise)) if inplace else input * make(noise)


def _by_rank(name: str, count: int, input: Any, p: float, training: bool, inplace: bool) -> Tensor:
    _check(p)
    ndim = input._np.ndim
    if ndim not in (count + 1, count + 2):
        word = "will result in an error in a future release"
        warnings.warn(
            f"{name}: Received a {ndim}-D input to {name}, which is deprecated and {word}. To "
            f"retain the behavior and silence this warning, please use dropout instead. Note that "
            f"{name} exists to provide channel-wise dropout on inputs with {count} spatial "
            "dimensions, a channel dimension, and an optional batch dimension "
            f"(i.e. {count + 1}D or {count + 2}D inputs).",
            stacklevel=3,
        )
    # PyTorch takes three dimensions for a batch in two of these functions, for images too.
    alone = ndim == count + 1 and count != 2
    if alone:
        input = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    out: Any = channels(input, p, training, inplace)
    if alone:
        out = out.squeeze_(0) if inplace else out.squeeze(0)
    return out


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels dropped, of sequences. Source: ``torch.nn.functional.dropout1d``."""
    _check(p)
    if input._np.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input._np.ndim}D input. Note that"
            " dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, "
            "a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _by_rank("dropout1d", 1, input, p, training, inplace)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels dropped, of images. Source: ``torch.nn.functional.dropout2d``."""
    return _by_rank("dropout2d", 2, input, p, training, inplace)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels dropped, of volumes. Source: ``torch.nn.functional.dropout3d``."""
    return _by_rank("dropout3d", 3, input, p, training, inplace)


def _alpha(input: Any, p: float, shape: tuple[int, ...], inplace: bool) -> Tensor:
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    noise = np.empty_like(input._np, shape=shape, order="C")
    bernoulli_p(default_generator._engine, noise, 1 - p)
    scale = 1.0 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    kept: Any = make(noise)
    shift = (kept - 1) * (_ALPHA * scale) + _ALPHA * scale * p
    factor = make(noise * noise.dtype.type(scale))
    return input.mul_(factor).add_(shift) if inplace else input * factor + shift


def alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean and variance of what SELU makes.

    Source: ``torch.nn.functional.alpha_dropout``.
    """
    _check(p)
    if p == 0 or not training or not input._np.size:
        return input
    return _alpha(input, p, input._np.shape, inplace)


def feature_alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """``alpha_dropout`` of channels. Source: ``torch.nn.functional.feature_alpha_dropout``."""
    _check(p)
    if p == 0 or not training or not input._np.size:
        return input
    shape = input._np.shape
    return _alpha(input, p, (*shape[:2], *(1,) * (len(shape) - 2)), inplace)
