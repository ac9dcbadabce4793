"""A weight divided by its largest singular value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import functorch_lite as fl
from functorch_lite import numpy as fnp
from functorch_lite import random
from functorch_lite.errors import ShapeError
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.weight_norm import split_params

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["spectral_norm"]

_FIRST_ITERATIONS = 15  # of init, so that evaluation is right before any training


def spectral_norm(
    layer: Layer, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int = 0,
) -> Layer:  # fmt: skip
    """A layer whose weight has spectral norm 1: w = weight / sigma(weight); stateful.

    sigma, the largest singular value, is u w v for vectors which the power method improves by a
    few steps in every call in training; in evaluation they stay.  The parameter ``name`` becomes
    ``{name}_orig``.  State: ``{name}_u`` f32[rows], ``{name}_v`` f32[columns], and the layer's own
    state as ``layer`` if it has one.

    Args:
        layer: its parameters are a dict with ``name`` in it.
        name: the parameter.
        n_power_iterations: steps of the power method for each call in training.
        eps: the least norm by which vectors are divided.
        dim: the axis that makes the rows of the matrix; 1 for transposed convolutions.

    Returns:
        Layer with ``apply(params, x, state, *, train=False) -> (out, state)``, and what the layer
        takes besides.

    Raises:
        ValueError: ``init``: the layer has no such parameter; ``n_power_iterations`` below 1.
        ShapeError: ``init``: the parameter is no matrix and has no more than two axes.

    >>> layer = spectral_norm(fl.nn.Linear(3, 2))
    >>> params, state = layer.init(random.key(0))
    >>> out, state = layer.apply(params, fnp.ones((5, 3)), state, train=True)
    >>> sorted(state), sorted(params)
    (['weight_u', 'weight_v'], ['bias', 'weight_orig'])

    Source: Miyato et al., ICLR 2018; the arithmetic of
    ``torch.nn.utils.parametrizations.spectral_norm`` with the names of
    ``torch.nn.utils.spectral_norm``. The choice of ``dim`` is the caller's.
    """
    title = f"spectral_norm({layer.name}{'' if name == 'weight' else f', {name!r}'})"
    if n_power_iterations < 1:
        raise ValueError(
            f"nn.{title}: expected n_power_iterations of at least 1; got {n_power_iterations}."
        )
    original, left, right = f"{name}_orig", f"{name}_u", f"{name}_v"

    def init(key: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        keys = random.split(key, 3)
        made = layer.init(keys[0])
        params, weight = split_params(title, layer, made, name)
        matrix = _as_matrix(title, weight, dim)
        u = _unit(random.normal(keys[1], matrix.shape[:1], matrix.dtype), eps)
        v = _unit(random.normal(keys[2], matrix.shape[1:], matrix.dtype), eps)
        u, v = _improved(matrix, u, v, _FIRST_ITERATIONS, eps)
        state = {left: u, right: v}
        if layer.stateful:
            state["layer"] = made[1]
        return {**params, original: weight}, state

    def apply(
        params: dict[str, Any], x: Any, state: dict[str, Any], *args: Any, train: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, dict[str, Any]]:  # fmt: skip
        matrix = _as_matrix(title, params[original], dim)
        # Of the vectors sigma has no derivative: it is at an extremum there.
        u, v = fl.stop_gradient(state[left]), fl.stop_gradient(state[right])
        if train:
            u, v = _improved(fl.stop_gradient(matrix), u, v, n_power_iterations, eps)
            state = {**state, left: u, right: v}
        rest = {p: value for p, value in params.items() if p != original}
        rest[name] = params[original] / (u @ (matrix @ v))
        if "train" in layer.takes:
            kwargs["train"] = train
        if not layer.stateful:
            return layer.apply(rest, x, *args, **kwargs), state
        out, inner = layer.apply(rest, x, state["layer"], *args, **kwargs)
        return out, {**state, "layer": inner}

    return Layer(init, apply, title, takes=layer.takes | {"state", "train"}, children=(layer,))


def _as_matrix(title: str, weight: Array, dim: int) -> Array:
    if weight.ndim < 2 or not -weight.ndim <= dim < weight.ndim:
        raise ShapeError(
            f"nn.{title}: expected a weight of two dimensions or more with a dimension {dim}; "
            f"got shape {tuple(weight.shape)}."
        )
    return fnp.moveaxis(weight, dim, 0).reshape(weight.shape[dim], -1)


def _improved(matrix: Array, u: Array, v: Array, count: int, eps: float) -> tuple[Array, Array]:
    for _ in range(count):
        u = _unit(matrix @ v, eps)
        v = _unit(u @ matrix, eps)
    return u, v


def _unit(x: Array, eps: float) -> Array:
    return x / fnp.maximum(fnp.sqrt((x * x).sum()), eps)
