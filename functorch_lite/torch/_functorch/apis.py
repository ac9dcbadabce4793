"""``grad`` and ``grad_and_value``: the gradient of a function of one number."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.node import edge_of
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._functorch.argnums import chosen, replaced
from functorch_lite.torch._functorch.eager_transforms import value_and_aux
from functorch_lite.torch._functorch.levels import (
    Level,
    ones_of,
    outside_of_compile,
    zeros_like,
)
from functorch_lite.torch._functorch.pytrees import flatten, tree_map, unflatten
from functorch_lite.torch._functorch.vmap import vmap

__all__ = ["grad", "grad_and_value", "vmap"]


def grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function's gradient as a function.

    Args:
        func: returns a tensor of one element without dimensions; with ``has_aux`` a pair of that
            and of further tensors.
        argnums: by which arguments.

    Returns:
        a function of the same arguments, which returns the gradient, or a pair of the gradient and
        what came with the value.

    Raises:
        RuntimeError: the function returns something else.

    >>> import functorch_lite.torch as torch
    >>> grad(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
    tensor([ 3., 12.])

    Source: ``torch.func.grad``.
    """

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, (_, *aux) = _both(func, argnums, has_aux, args, kwargs)
        return (found, aux[0]) if has_aux else found

    return gradient


def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function's gradient and value as a function.

    Args:
        func, argnums, has_aux: as of ``grad``.

    Returns:
        a function that returns a pair of the gradient and the value; with ``has_aux`` the value is
        a pair itself.

    >>> import functorch_lite.torch as torch
    >>> grad_and_value(torch.sin)(torch.tensor(0.0))
    (tensor(1.), tensor(0.))

    Source: ``torch.func.grad_and_value``.
    """

    @functools.wraps(func)
    def gradient_and_value(*args: Any, **kwargs: Any) -> Any:
        found, (value, *aux) = _both(func, argnums, has_aux, args, kwargs)
        return found, (value, aux[0]) if has_aux else value

    return gradient_and_value


def _both(func: Any, argnums: Any, has_aux: bool, args: Any, kwargs: Any) -> Any:
    """The gradient; the value and what came with it."""
    outside_of_compile("grad")
    given, spec = flatten(chosen(args, argnums))
    level = Level()
    with level:
        inputs = [level.input(t) for t in given]
        out = func(*replaced(args, argnums, unflatten(inputs, spec)), **kwargs)
        aux: tuple[Any, ...] = ()
        if has_aux:
            out, more = value_and_aux(out, "grad_and_value(f)(*args)")
            aux = (tree_map(level.output, more),)
        if not isinstance(out, Tensor):
            raise RuntimeError(
                f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(out)}"
            )
        if out._np.shape:
            raise RuntimeError(
                "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor "
                f"with {out._np.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        create = level.leads_out([out])
        edges = [edge_of(t) for t in inputs]
        found = level.pull([out], [ones_of(out)], edges, create, keep=create or has_aux)
        grads = [
            zeros_like(t) if g is None else level.output(g)
            for g, t in zip(found, inputs, strict=True)
        ]
        return unflatten(grads, spec), (level.output(out), *aux)
