"""How classes that are no tensors, or subclasses of them, take over operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from functorch_lite.torch._core.public import disabled, override
from functorch_lite.torch._core.tensor import Tensor

__all__ = [
    "handle_torch_function", "has_torch_function", "has_torch_function_unary",
    "has_torch_function_variadic", "is_tensor_like", "is_tensor_method_or_property",
]  # fmt: skip


def _has(value: Any) -> bool:
    cls = type(value)
    hook = getattr(cls, "__torch_function__", None)
    return hook is not None and cls is not Tensor and hook is not disabled


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of some arguments takes over operations.

    Args:
        relevant_args: the arguments to look at.

    >>> has_torch_function([1, 2.0])
    False

    Source: ``torch.overrides.has_torch_function``.
    """
    return any(map(_has, relevant_args))


def has_torch_function_unary(argument: Any) -> bool:
    """The same for one argument. Source: ``torch.overrides.has_torch_function_unary``."""
    return _has(argument)


def has_torch_function_variadic(*arguments: Any) -> bool:
    """The same for several. Source: ``torch.overrides.has_torch_function_variadic``."""
    return any(map(_has, arguments))


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """What the classes among some arguments make of a call.

    Args:
        public_api: the function that was called.
        relevant_args: the arguments whose classes are asked.
        args, kwargs: all arguments of the call.

    Returns:
        the answer of a class, or that of the function itself if no class overrides it.

    Raises:
        TypeError: none of the classes that override it has an answer.

    Source: ``torch.overrides.handle_torch_function``.
    """
    handled = override(public_api, args, kwargs, tuple(relevant_args))
    if handled is NotImplemented:
        return public_api(*args, **kwargs)
    return handled


def is_tensor_like(inp: Any) -> bool:
    """Whether an object is a tensor or takes part in the protocol.

    >>> is_tensor_like(1.0)
    False

    Source: ``torch.overrides.is_tensor_like``.
    """
    return isinstance(inp, Tensor) or hasattr(type(inp), "__torch_function__")


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether a function is one of Tensor. Source: ``torch.overrides``."""
    known = any(func is value for value in vars(Tensor).values())
    return known or getattr(func, "__name__", "") == "__get__"
