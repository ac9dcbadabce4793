"""Tensors of PyTorch itself beside tensors of this package: refused, with the way to convert them.

Both packages have a class ``torch.Tensor``, so that PyTorch's usual messages would speak of a
Tensor that is no Tensor; and each side's ``__torch_function__`` would call the other's forever.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import FunctionType
from typing import Any

from functorch_lite.torch._core.tensor import Tensor

__all__ = ["foreign_function", "is_foreign", "refuse_foreign", "refused_by_theirs", "refused_here"]


def is_foreign(value: Any) -> bool:
    """Whether a value is a tensor of PyTorch itself.

    >>> is_foreign(3)
    False
    """
    cls = type(value)
    if issubclass(cls, Tensor):
        return False
    return any(c.__name__ == "Tensor" and c.__module__ == "torch" for c in cls.__mro__)


def foreign_function(f: Any) -> bool:
    """Whether a function is PyTorch's own; ours are all written in Python.

    >>> foreign_function(is_foreign), foreign_function(len)
    (False, True)
    """
    if isinstance(f, FunctionType):
        return str(f.__globals__.get("__name__")).partition(".")[0] == "torch"
    return type(f).__name__ in (
        "builtin_function_or_method", "method_descriptor", "method-wrapper", "wrapper_descriptor",
    )  # fmt: skip


def refused_here(name: str) -> TypeError:
    """What a function of this package says of PyTorch's tensors."""
    return TypeError(
        f"{name}(): got a tensor of PyTorch where functorch_lite.torch wants one of its own; "
        "functorch_lite.torch.from_dlpack(tensor.detach()) makes one over the same memory"
    )


def refused_by_theirs(name: str) -> TypeError:
    """What is said when a function of PyTorch is given tensors of this package."""
    return TypeError(
        f"{name}(): PyTorch's function got a tensor of functorch_lite.torch; PyTorch's "
        "torch.from_dlpack(tensor.detach()) makes it one of PyTorch, over the same memory"
    )


def refuse_foreign(name: str, values: Iterable[Any]) -> None:
    """Refuse PyTorch's tensors among arguments and in their lists.

    Raises:
        TypeError: there is one.
    """
    for value in values:
        if any(map(is_foreign, value if isinstance(value, (list, tuple)) else (value,))):
            raise refused_here(name)
