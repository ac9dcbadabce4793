"""The layer that changes nothing, and layers that add to their input."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.chain import chain
from functorch_lite.nn.layer import Layer, as_layer, without_params

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["Identity", "residual"]


def Identity() -> Layer:
    """A layer that returns its input; stateless, without parameters.

    Returns:
        Layer with ``apply(params, x) -> x``.

    >>> Identity().apply((), 3)
    3

    Source: ``torch.nn.Identity``.
    """
    return Layer(without_params, lambda params, x: x, "Identity()")


def residual(*layers: Layer | Callable[[Any], Any]) -> Layer:
    """A layer that adds its input to what layers make of it: x + f(x).

    It takes what its layers take, and its parameters and state are those of the layer; of a
    :func:`chain`, if several are given.

    Args:
        *layers: layers, or plain functions of one argument.

    Returns:
        The layer.

    Raises:
        TypeError: an argument is neither a layer nor a function.
        ShapeError: ``apply``: the layers do not keep the shape.

    >>> import functorch_lite as fl
    >>> block = residual(fl.nn.LayerNorm(4), fl.nn.Linear(4, 4), fl.nn.relu)
    >>> block.apply(block.init(fl.random.key(0)), fnp.ones((2, 4))).shape
    (2, 4)

    Source: He et al., CVPR 2016.
    """
    inner = as_layer(layers[0]) if len(layers) == 1 else chain(*layers)
    name = f"residual({inner.name})"

    def add(x: Array, out: Array) -> Array:
        if fnp.shape(x) != fnp.shape(out):
            raise ShapeError(
                f"nn.{name}: expected layers that keep the shape {tuple(fnp.shape(x))}; "
                f"got {tuple(fnp.shape(out))}. Remedy: a layer of as many outputs as inputs."
            )
        return x + out

    def apply(params: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        out = inner.apply(params, x, *args, **kwargs)
        return (add(x, out[0]), out[1]) if inner.stateful else add(x, out)

    return Layer(inner.init, apply, name, takes=inner.takes, children=(inner,))
