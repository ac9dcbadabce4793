"""What transforms look like from inside, and functions that need none of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._compile.symbol import value_of
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make
from functorch_lite.torch._functorch.crossing import lower, owner

__all__ = ["debug_unwrap", "functionalize"]


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """The values of a tensor inside transforms, with all examples in front.

    Args:
        recurse: whether those of surrounding ``vmap`` are unwrapped, too.

    >>> import functorch_lite.torch as torch
    >>> torch.vmap(lambda x: print(debug_unwrap(x)) or x)(torch.ones(2)).sum()
    tensor([1., 1.])
    tensor(2.)

    Source: ``torch.func.debug_unwrap``.
    """
    found = tensor.detach() if mode.transforms and needs_grad(tensor) else tensor
    while is_symbol(found._np):
        lanes = owner(found)
        found = make(value_of(found._np)._data) if lanes is None else lower(lanes, found)
        if not recurse:
            break
    return found


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """A function without writes to tensors inside.

    It is the function itself: writes are carried out, and transforms and compiled programs see
    what comes of them.

    Args:
        func: takes and returns tensors.
        remove: ``mutations`` or ``mutations_and_views``.

    Raises:
        RuntimeError: ``remove`` is something else.

    Source: ``torch.func.functionalize``.
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. "
            "Valid options are:\n"
            "     remove='mutations' and remove='mutations_and_views'"
        )

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return call
