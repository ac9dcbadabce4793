"""A weight as a direction and a length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import AxisError
from functorch_lite.nn.layer import Layer

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["split_params", "weight_norm"]


def weight_norm(layer: Layer, name: str = "weight", dim: int | None = 0) -> Layer:
    """A layer whose weight is a length times a direction: w = g v / ||v||.

    The parameter ``name`` is replaced by ``{name}_g``, the lengths, and ``{name}_v``, of which only
    the direction counts; at first they give what the layer had drawn.  Everything else, the kind
    of the layer included, stays as it was.

    Args:
        layer: its parameters are a dict with ``name`` in it.
        name: the parameter.
        dim: the axis along which every slice has a length of its own; None for one length.

    Returns:
        The layer.

    Raises:
        ValueError: ``init``: the layer has no such parameter.
        AxisError: ``init``: the parameter has no such axis.

    >>> import functorch_lite as fl
    >>> layer = weight_norm(fl.nn.Linear(3, 2))
    >>> params = layer.init(fl.random.key(0))
    >>> {name: value.shape for name, value in sorted(params.items())}
    {'bias': (2,), 'weight_g': (2, 1), 'weight_v': (2, 3)}

    Source: Salimans and Kingma, NeurIPS 2016; ``torch.nn.utils.weight_norm``, whose names these
    are.
    """
    title = f"weight_norm({layer.name}{'' if name == 'weight' else f', {name!r}'})"
    length, direction = f"{name}_g", f"{name}_v"

    def init(key: Any) -> Any:
        made = layer.init(key)
        params, weight = split_params(title, layer, made, name)
        params = {**params, length: _norm(title, weight, dim), direction: weight}
        return (params, made[1]) if layer.stateful else params

    def apply(params: dict[str, Array], x: Any, *args: Any, **kwargs: Any) -> Any:
        rest = {p: value for p, value in params.items() if p not in (length, direction)}
        v = params[direction]
        rest[name] = v * (params[length] / _norm(title, v, dim))
        return layer.apply(rest, x, *args, **kwargs)

    return Layer(init, apply, title, takes=layer.takes, children=(layer,))


def _norm(title: str, v: Array, dim: int | None) -> Array:
    if dim is None:
        return fnp.sqrt((v * v).sum())
    if not -v.ndim <= dim < v.ndim:
        raise AxisError(
            f"nn.{title}: expected dim from {-v.ndim} to {v.ndim - 1} for a parameter of shape "
            f"{tuple(v.shape)}; got {dim}."
        )
    axes = tuple(i for i in range(v.ndim) if i != dim % v.ndim)
    return fnp.sqrt((v * v).sum(axis=axes, keepdims=True))


def split_params(title: str, layer: Layer, made: Any, name: str) -> tuple[dict[str, Any], Array]:
    """What ``layer.init`` made without the parameter ``name``, and that parameter.

    >>> split_params("f", Layer(abs, abs, "abs"), {"weight": 1, "bias": 2}, "weight")
    ({'bias': 2}, 1)
    """
    params = made[0] if layer.stateful else made
    if not isinstance(params, dict) or name not in params:
        has = ", ".join(map(repr, params)) if isinstance(params, dict) else type(params).__name__
        raise ValueError(
            f"nn.{title}: expected a layer with a parameter {name!r}; got parameters {has or '{}'}."
            " Remedy: wrap the layer that has the weight, not a chain of layers."
        )
    return {p: value for p, value in params.items() if p != name}, params[name]
