"""Normalisation of the last dimensions: by mean and variance, or by the mean square alone."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.checks import as_float, check_vector, wide, widest
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.normalization import layer_value, rms_value

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["LayerNorm", "RMSNorm", "layer_norm", "rms_norm"]

Shape = int | Sequence[int]


def layer_norm(
    x: Array,
    normalized_shape: Shape,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """Normalises the last dimensions: (x - mean) / sqrt(var + eps) * weight + bias.

    Args:
        x: f[..., *normalized_shape].
        normalized_shape: the sizes of the last dimensions, over which mean and variance are taken.
        weight: f[*normalized_shape], 1 by default.
        bias: f[*normalized_shape], 0 by default.
        eps: added to the variance.

    Returns:
        Array of the shape of ``x``. Half precision is computed in float32.

    Raises:
        ShapeError: the last sizes are others.
        DtypeError: ``x`` holds no floats.

    >>> layer_norm(fnp.asarray([1.0, 3.0]), 2, eps=0.0)
    Array([-1.,  1.], dtype=float32)

    Source: Ba et al., arXiv:1607.06450; ``torch.nn.functional.layer_norm``.
    """
    shape = _as_sizes("layer_norm", normalized_shape)
    return _layer_norm("layer_norm", x, shape, weight, bias, eps)


def rms_norm(
    x: Array, normalized_shape: Shape, weight: Array | None = None, eps: float | None = None
) -> Array:
    """Brings the last dimensions to a mean square of 1: x / sqrt(mean(x²) + eps) * weight.

    Args:
        x: f[..., *normalized_shape].
        normalized_shape: the sizes of the last dimensions, over which the mean is taken.
        weight: f[*normalized_shape], 1 by default.
        eps: added to the mean square; by default the spacing of the floats at 1, of float32 for
            half precision, which is computed in float32.

    Returns:
        Array of the shape of ``x``.

    Raises:
        ShapeError: the last sizes are others.
        DtypeError: ``x`` holds no floats.

    >>> rms_norm(fnp.asarray([3.0, 3.0]), 2, eps=0.0)
    Array([1., 1.], dtype=float32)

    Source: Zhang and Sennrich, NeurIPS 2019; ``torch.nn.functional.rms_norm``.
    """
    return _rms_norm("rms_norm", x, _as_sizes("rms_norm", normalized_shape), weight, eps)


_by_layer = lax.composite(layer_value, "nn.layer_norm")
_by_rms = lax.composite(rms_value, "nn.rms_norm")


def _layer_norm(
    name: str, x: Any, shape: tuple[int, ...], weight: Array | None, bias: Array | None, eps: float
) -> Array:
    x = _checked(name, x, shape)
    check_vector(name, "weight", weight, shape)
    check_vector(name, "bias", bias, shape)
    operands = [None if a is None else wide(a) for a in (x, weight, bias)]
    out = _by_layer(*operands, count=math.prod(shape), eps=float(eps))
    return out.astype(widest(x, weight, bias))


def _rms_norm(
    name: str, x: Any, shape: tuple[int, ...], weight: Array | None, eps: float | None
) -> Array:
    x = _checked(name, x, shape)
    check_vector(name, "weight", weight, shape)
    inner = wide(x)
    least = float(fnp.finfo(inner.dtype).eps if eps is None else eps)
    out = _by_rms(inner, None if weight is None else wide(weight), dims=len(shape), eps=least)
    return out.astype(widest(x, weight))


def _as_sizes(name: str, given: Shape) -> tuple[int, ...]:
    found = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    sizes = tuple(operator.index(n) for n in found if hasattr(n, "__index__"))
    if not found or len(sizes) != len(found) or min(sizes) < 0:
        raise ShapeError(
            f"nn.{name}: expected normalized_shape to be one or several sizes; got {given!r}. "
            "Remedy: the size of the last dimension, x.shape[-1]."
        )
    return sizes


def _checked(name: str, x: Any, shape: tuple[int, ...]) -> Array:
    x = as_float(name, x)
    if x.ndim < len(shape) or tuple(x.shape[x.ndim - len(shape) :]) != shape:
        sizes = ", ".join(map(str, shape))
        raise ShapeError(
            f"nn.{name}: expected x of shape [..., {sizes}]; got {tuple(x.shape)}. Remedy: move "
            "the dimensions to normalise to the end, or make the layer for their sizes."
        )
    return x


def LayerNorm(
    normalized_shape: Shape,
    eps: float = 1e-5,
    elementwise_affine: bool = True,
    bias: bool = True,
) -> Layer:
    """Layer normalisation over the last dimensions; stateless.

    Parameters: ``weight`` and ``bias`` f32[*normalized_shape], ones and zeros.

    Args:
        normalized_shape: the sizes of the last dimensions.
        eps: added to the variance.
        elementwise_affine: whether to scale and shift.
        bias: whether to shift.

    Returns:
        Layer with ``apply(params, x: f[..., *normalized_shape]) -> f[..., *normalized_shape]``.

    Raises:
        ShapeError: ``apply`` got other last sizes.
        DtypeError: ``apply`` got no floats.

    >>> import functorch_lite as fl
    >>> layer = LayerNorm(3)
    >>> layer.apply(layer.init(fl.random.key(0)), fnp.ones((2, 3))).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]

    Source: ``torch.nn.LayerNorm``.
    """
    shape = _as_sizes("LayerNorm", normalized_shape)
    name = f"LayerNorm({_shown(shape)})"

    def init(key: Any) -> dict[str, Array]:
        if not elementwise_affine:
            return {}
        params = {"weight": fnp.ones(shape)}
        return {**params, "bias": fnp.zeros(shape)} if bias else params

    def apply(params: dict[str, Array], x: Array) -> Array:
        weight = params["weight"] if elementwise_affine else None
        shift = params["bias"] if elementwise_affine and bias else None
        return _layer_norm(name, x, shape, weight, shift, eps)

    return Layer(init, apply, name)


def RMSNorm(
    normalized_shape: Shape, eps: float | None = None, elementwise_affine: bool = True
) -> Layer:
    """Normalisation of the last dimensions by their mean square; stateless.

    Parameters: ``weight`` f32[*normalized_shape], ones.

    Args:
        normalized_shape: the sizes of the last dimensions.
        eps: added to the mean square; as in :func:`rms_norm` by default.
        elementwise_affine: whether to scale.

    Returns:
        Layer with ``apply(params, x: f[..., *normalized_shape]) -> f[..., *normalized_shape]``.

    Raises:
        ShapeError: ``apply`` got other last sizes.
        DtypeError: ``apply`` got no floats.

    >>> import functorch_lite as fl
    >>> layer = RMSNorm(2, eps=0.0)
    >>> layer.apply(layer.init(fl.random.key(0)), fnp.asarray([3.0, 3.0])).tolist()
    [1.0, 1.0]

    Source: ``torch.nn.RMSNorm``.
    """
    shape = _as_sizes("RMSNorm", normalized_shape)
    name = f"RMSNorm({_shown(shape)})"

    def init(key: Any) -> dict[str, Array]:
        return {"weight": fnp.ones(shape)} if elementwise_affine else {}

    def apply(params: dict[str, Array], x: Array) -> Array:
        return _rms_norm(name, x, shape, params["weight"] if elementwise_affine else None, eps)

    return Layer(init, apply, name)


def _shown(shape: tuple[int, ...]) -> str:
    return str(shape[0] if len(shape) == 1 else shape)
