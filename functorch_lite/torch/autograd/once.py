"""Derivatives of user-defined operations that have no derivative themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.op import formula
from functorch_lite.torch._core.tensor import Tensor, make, share

__all__ = ["once_differentiable"]


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Make a ``backward`` whose own derivative is an error.

    Args:
        fn: ``backward(ctx, *grads)``.

    Source: ``torch.autograd.function.once_differentiable``.
    """

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        was = mode.enabled
        mode.enabled = False
        try:
            outs = fn(ctx, *args)
        finally:
            mode.enabled = was
        if not was or not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return outs
        single = not isinstance(outs, tuple)
        made = [_refusing(t) for t in ((outs,) if single else outs)]
        return made[0] if single else tuple(made)

    return wrapper


def _refusing(t: Any) -> Any:
    """A result whose gradient is an error, in a graph of its own."""
    if not isinstance(t, Tensor):
        return t

    def refuse(g: Tensor) -> Any:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )

    leaf = make(t._np)
    leaf._rg = True
    out = share(t, t._np, t._offset)
    node = formula("DelayedErrorBackward", (leaf,), refuse)
    node.metas.append((t._np.shape, t._np.dtype))
    out._fn = node
    return out
