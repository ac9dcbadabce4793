"""Affine maps."""

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

__all__ = ["Linear", "linear"]


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """The affine map x Wᵀ + b.

    Args:
        x: f[..., in].
        weight: f[out, in], PyTorch's layout.
        bias: f[out].

    Returns:
        f[..., out].

    Raises:
        ShapeError: the last dimension of ``x`` is not ``in``, or that of ``bias`` not ``out``.

    >>> import functorch_lite.numpy as fnp
    >>> linear(fnp.ones(3), fnp.ones((2, 3)), fnp.ones(2))
    Array([4., 4.], dtype=float32)

    Source: ``torch.nn.functional.linear``.
    """
    x = fnp.asarray(x)
    if weight.ndim != 2:
        raise ShapeError(
            f"nn.linear: expected weight of shape [out, in]; got {tuple(weight.shape)}. "
            "Remedy: weight[None] for a single output."
        )
    if not x.ndim or x.shape[-1] != weight.shape[-1]:
        raise ShapeError(
            f"nn.linear: expected x of shape [..., {weight.shape[-1]}] for a weight of shape "
            f"{tuple(weight.shape)}; got {tuple(x.shape)}. Remedy: x with its features last, or a "
            f"weight of shape {(weight.shape[0], *x.shape[-1:])}."
        )
    check_vector("linear", "bias", bias, (weight.shape[0],))
    return _affine(x, weight, bias)


def _affine(x: Array, weight: Array, bias: Array | None) -> Array:
    out = x @ weight.T
    return out if bias is None else out + bias


def Linear(in_features: int, out_features: int, bias: bool = True) -> Layer:
    """An affine layer; stateless.

    Parameters: ``weight`` f32[out, in] and ``bias`` f32[out], uniform over ±1/sqrt(in).

    Args:
        in_features: size of the last dimension of the input.
        out_features: size of the last dimension of the output.
        bias: whether to add a bias.

    Returns:
        Layer with ``apply(params, x: f[..., in]) -> f[..., out]``.

    Raises:
        ShapeError: ``apply`` got an input of another last dimension.
        DtypeError: ``apply`` got integers or bools.
        TreeError: ``apply`` got the parameters of another layer.

    >>> import functorch_lite as fl
    >>> params = Linear(3, 2).init(fl.random.key(0))
    >>> params["weight"].shape, params["bias"].shape
    ((2, 3), (2,))

    Source: ``torch.nn.Linear``.
    """
    name = f"Linear({in_features}, {out_features}{'' if bias else ', bias=False'})"
    # PyTorch calls kaiming_uniform(a=sqrt(5)), which is uniform over ±1/sqrt(in).
    initialize_weight = initializers.kaiming_uniform(a=math.sqrt(5.0))
    bias_bound = 1 / math.sqrt(max(in_features, 1))

    def init(key: Any) -> dict[str, Array]:
        keys = random.split(key)
        params = {"weight": initialize_weight(keys[0], (out_features, in_features))}
        if bias:
            params["bias"] = initializers.uniform(-bias_bound, bias_bound)(keys[1], (out_features,))
        return params

    def apply(params: dict[str, Array], x: Array) -> Array:
        weight, shift = params["weight"], params["bias"] if bias else None
        check_vector(name, "weight", weight, (out_features, in_features))
        check_vector(name, "bias", shift, (out_features,))
        x = as_float(name, x, or_complex=True)
        if not x.ndim or x.shape[-1] != in_features:
            raise ShapeError(
                f"nn.{name}: expected x of shape [..., {in_features}]; got {tuple(x.shape)}. "
                "Remedy: put the features last, or make the layer for as many."
            )
        return _affine(x, weight, shift)

    return Layer(init, apply, name)
