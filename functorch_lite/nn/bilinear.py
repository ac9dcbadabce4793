"""Bilinear maps of two inputs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite import random
from functorch_lite.errors import ShapeError
from functorch_lite.nn import initializers
from functorch_lite.nn.checks import as_float, check_vector
from functorch_lite.nn.layer import Layer

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["Bilinear", "bilinear"]


def bilinear(x1: Array, x2: Array, weight: Array, bias: Array | None = None) -> Array:
    """x1 W[k] x2 + b[k] for every output k.

    Args:
        x1: f[..., in1].
        x2: f[..., in2], with the leading sizes of ``x1``.
        weight: f[out, in1, in2].
        bias: f[out].

    Returns:
        f[..., out].

    Raises:
        ShapeError: the sizes do not go together.
        DtypeError: an input holds no floats.

    >>> bilinear(fnp.ones(2), fnp.ones(3), fnp.ones((1, 2, 3)))
    Array([6.], dtype=float32)

    Source: ``torch.nn.functional.bilinear``.
    """
    return _bilinear("bilinear", x1, x2, weight, bias)


def _bilinear(name: str, x1: Any, x2: Any, weight: Array, bias: Array | None) -> Array:
    x1, x2 = as_float(name, x1, "x1"), as_float(name, x2, "x2")
    if weight.ndim != 3:
        raise ShapeError(
            f"nn.{name}: expected a weight of shape [out, in1, in2]; got {tuple(weight.shape)}."
        )
    out, size1, size2 = weight.shape
    ends = (x1.shape[-1:], x2.shape[-1:])
    if ends != ((size1,), (size2,)) or x1.shape[:-1] != x2.shape[:-1]:
        raise ShapeError(
            f"nn.{name}: expected x1 [..., {size1}] and x2 [..., {size2}] with the same leading "
            f"sizes; got {tuple(x1.shape)} and {tuple(x2.shape)}. Remedy: fnp.broadcast_to."
        )
    check_vector(name, "bias", bias, (out,))
    # One large product, f[..., out * in2], then a small one for each example.
    half = x1 @ fnp.swapaxes(weight, 0, 1).reshape(size1, out * size2)
    half = half.reshape(*x1.shape[:-1], out, size2)
    made = fnp.matmul(half, x2[..., None])[..., 0]
    return made if bias is None else made + bias


def Bilinear(in1_features: int, in2_features: int, out_features: int, bias: bool = True) -> Layer:
    """A bilinear layer; stateless.

    Parameters: ``weight`` f32[out, in1, in2] and ``bias`` f32[out], uniform over ±1/sqrt(in1).

    Args:
        in1_features: size of the last dimension of the first input.
        in2_features: size of the last dimension of the second input.
        out_features: size of the last dimension of the output.
        bias: whether to add a bias.

    Returns:
        Layer with ``apply(params, x1: f[..., in1], x2: f[..., in2]) -> f[..., out]``.

    Raises:
        ShapeError: ``apply`` got inputs of other sizes.

    >>> layer = Bilinear(2, 3, 4)
    >>> layer.apply(layer.init(random.key(0)), fnp.ones((5, 2)), fnp.ones((5, 3))).shape
    (5, 4)

    Source: ``torch.nn.Bilinear``.
    """
    name = f"Bilinear({in1_features}, {in2_features}, {out_features})"
    bound = 1 / math.sqrt(max(in1_features, 1))
    draw = initializers.uniform(-bound, bound)

    def init(key: Any) -> dict[str, Array]:
        keys = random.split(key)
        params = {"weight": draw(keys[0], (out_features, in1_features, in2_features))}
        return {**params, "bias": draw(keys[1], (out_features,))} if bias else params

    def apply(params: dict[str, Array], x1: Array, x2: Array) -> Array:
        check_vector(name, "weight", params["weight"], (out_features, in1_features, in2_features))
        return _bilinear(name, x1, x2, params["weight"], params["bias"] if bias else None)

    return Layer(init, apply, name)
